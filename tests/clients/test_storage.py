"""When nothing can be stored the answer is 503, nothing is kept, and a client that repeats sends one message."""

import json
import os
import pathlib
import sqlite3
import subprocess
import threading
import time

import pytest

from harness.account import client
from harness.errors import assert_v1

HERE = pathlib.Path(__file__).parent
SQLITE = b"SQLite format 3\x00"


@pytest.fixture
def lock(server):
    """Holds the write lock of the embedded database from outside."""
    if not server.embedded:
        pytest.skip("only the embedded database can be locked by another program")
    [path] = [each for each in server.data.rglob("*") if each.is_file() and each.open("rb").read(16) == SQLITE]
    connection = sqlite3.connect(path, isolation_level=None, timeout=10, check_same_thread=False)
    yield connection
    connection.close()


def test_a_locked_database_is_503_and_leaves_no_message_behind(account, network, lock) -> None:
    phone, number = network.handset(), account.sms
    patient = client(account.origin, account.key)
    patient.timeout = 60
    lock.execute("BEGIN IMMEDIATE")
    try:
        answer = patient.post("/v1/messages", json={"to_number": phone.number, "body": "Lost?", "number_id": number["id"]})
        flat = patient.post(f"/api/numbers/{number['id']}/send/sms", json={"to": phone.number, "body": "Lost?"})
        assert account.http.get("/v1/agents").status_code == 200, "reading goes on"
    finally:
        lock.execute("ROLLBACK")
    assert_v1(answer, 503, "UNAVAILABLE")
    assert int(answer.headers["retry-after"]) >= 1
    assert (flat.status_code, list(flat.json()), flat.json()["error"]) == (503, ["error", "message"], "Service Unavailable")
    assert account.ok("GET", "/v1/conversations")["total"] == 0
    assert account.send(phone.number, "Found")["status"] == "sent", "it recovers by itself"
    assert [message["body"] for message in phone.received()] == ["Found"]


def test_the_npm_clients_own_repetition_sends_one_message(account, network, lock) -> None:
    phone, number = network.handset(), account.sms
    request = {"to_number": phone.number, "body": "Repeated", "number_id": number["id"]}
    environment = os.environ | {"ORIGIN": account.origin, "KEY": account.key, "REQUEST": json.dumps(request)}
    lock.execute("BEGIN IMMEDIATE")
    threading.Timer(7, lambda: lock.execute("ROLLBACK")).start()
    started = time.monotonic()
    done = subprocess.run(["node", "send_once.mjs"], cwd=HERE, env=environment, capture_output=True, text=True, timeout=100, check=True)
    assert json.loads(done.stdout)["status"] == "sent" and time.monotonic() - started > 5
    time.sleep(0.5)
    assert [message["body"] for message in phone.received()] == ["Repeated"]
