"""Runs `openai_node.test.mjs`, the official OpenAI client for Node on /api/v1, and shows each of its tests as one of these."""

import base64

import pytest

from harness import node
from harness.account import Account
from harness.sound import wav

FILE = "openai_node.test.mjs"


@pytest.fixture(scope="module")
def outcome(server, good_upstream) -> dict[str, str]:
    good_upstream.forget()
    recording = base64.b64encode(wav()).decode()
    return node.run(FILE, ORIGIN=server.origin, KEY=Account(server, "openai node").key, RECORDING=recording)


@pytest.mark.parametrize("name", node.names(FILE))
def test_openai_for_node(name, outcome) -> None:
    assert outcome.get(name, "it did not run").startswith("ok"), outcome.get(name)
