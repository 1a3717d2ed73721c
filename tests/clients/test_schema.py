"""Schemathesis on the server's own document: no 5xx and no answer that the document does not describe.

`SCHEMA_EXAMPLES` sets the examples per operation, `SCHEMA_SEED` repeats a run. Only the stream of events is left out,
because it has no end.
"""

import os
import pathlib
import secrets
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
ENDLESS = "/v1/events/stream"
PHASES = "examples,coverage,fuzzing,stateful"


@pytest.mark.timeout(1800)
def test_every_answer_keeps_to_the_document(account, server, faulty, receiver, tmp_path) -> None:
    phone, endpoint = faulty.handset(), receiver.endpoint()
    account.ok("POST", "/v1/webhooks", json={"url": endpoint.url})
    phone.text(account.sms["phoneNumber"], "Something to find")
    account.conversation_with(phone.number)
    seed = os.environ.get("SCHEMA_SEED") or str(secrets.randbelow(2**31))
    examples = os.environ.get("SCHEMA_EXAMPLES", "15")
    print(f"schemathesis: seed {seed}, {examples} examples")
    command = [
        str(pathlib.Path(sys.executable).with_name("schemathesis")), "run", f"{server.origin}/openapi.json",
        "--header", f"Authorization: Bearer {account.key}", "--checks", CHECKS, "--phases", PHASES,
        "--max-examples", examples, "--seed", seed, "--workers", "1", "--generation-database", "none",
        "--request-timeout", "20", "--no-color", "--exclude-path", ENDLESS,
    ]
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "schema_hooks", "SCHEMA_RECEIVER": endpoint.url, "PYTHONPATH": str(HERE)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    print(done.stdout[-4000:])
    assert done.returncode == 0, f"seed {seed}\n{done.stdout[-20000:]}\n{done.stderr[-4000:]}"
    assert account.http.get("/v1/agents").status_code == 200
