"""Runs `sdk_node.test.mjs`, the tests of the official npm client, and shows each of its tests as one of these."""

import os
import pathlib
import re
import subprocess

import pytest

from harness.account import Account

HERE = pathlib.Path(__file__).parent
FILE = HERE / "sdk_node.test.mjs"
NAMES = re.findall(r'^test\("([^"]+)"', FILE.read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def outcome(server, limited) -> dict[str, str]:
    """The TAP lines of one run, by the name of the test; a failed one keeps its explanation."""
    environment = os.environ | {
        "ORIGIN": server.origin,
        "KEY": Account(server, "node").key,
        "SIM_KEY": server.key,
        "LIMITED_ORIGIN": limited.origin,
        "LIMITED_KEY": Account(limited, "node").key,
        "FIRST_LINE": "1",
    }
    command = ["node", "--test", "--test-reporter=tap", FILE.name]
    done = subprocess.run(command, cwd=HERE, env=environment, capture_output=True, text=True, timeout=110, check=False)
    print(done.stdout, done.stderr)
    parts = re.split(r"^ *((?:not )?ok) \d+ - (.+)$", done.stdout, flags=re.MULTILINE)
    return {name: verdict + text for verdict, name, text in zip(parts[1::3], parts[2::3], parts[3::3], strict=True)}


@pytest.mark.parametrize("name", NAMES)
def test_npm_client(name, outcome) -> None:
    assert outcome.get(name, "it did not run").startswith("ok"), outcome.get(name)
