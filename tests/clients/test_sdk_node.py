"""Runs `sdk_node.test.mjs`, the tests of the official npm client, and shows each of its tests as one of these."""

import pytest

from harness import node
from harness.account import Account

FILE = "sdk_node.test.mjs"


@pytest.fixture(scope="module")
def outcome(server, limited) -> dict[str, str]:
    return node.run(
        FILE,
        ORIGIN=server.origin,
        KEY=Account(server, "node").key,
        SIM_KEY=server.key,
        LIMITED_ORIGIN=limited.origin,
        LIMITED_KEY=Account(limited, "node").key,
        FIRST_LINE="1",
    )


@pytest.mark.parametrize("name", node.names(FILE))
def test_npm_client(name, outcome) -> None:
    assert outcome.get(name, "it did not run").startswith("ok"), outcome.get(name)
