"""The server under test, one customer per test, and the phones and receivers around it."""

import itertools
import os
import pathlib
from collections.abc import Iterator

import pytest

from harness.account import Account
from harness.express import Express
from harness.phone import Network, eventually
from harness.receiver import Receiver
from harness.sdk import Clients
from harness.server import Server, binary
from harness.upstream import STAND_INS, Upstream, models

_names = itertools.count(1)


@pytest.fixture(scope="session")
def good_upstream() -> Iterator[Upstream]:
    running = Upstream()
    yield running
    running.close()


@pytest.fixture(scope="session")
def rough_upstream() -> Iterator[Upstream]:
    running = Upstream()
    yield running
    running.close()


@pytest.fixture(scope="session")
def server(
    tmp_path_factory: pytest.TempPathFactory, good_upstream: Upstream, rough_upstream: Upstream
) -> Iterator[Server]:
    if not pathlib.Path(binary()).exists():
        pytest.fail(f"no server program at {binary()}: build it, or name it in AGENTPHONE_BIN", pytrace=False)
    voice = {"AGENTPHONE_VOICE_MODELS": models(good_upstream, rough_upstream), "AGENTPHONE_VOICE_STAND_INS": STAND_INS}
    running = Server(tmp_path_factory.mktemp("server"), voice)
    try:
        yield running
    finally:
        alive = running.process.poll() is None
        code = running.stop()
        assert alive, f"the server died during the tests, see {running.log}"
        assert code == 0, f"the server did not stop cleanly ({code}), see {running.log}"


# Tokens per minute.
LIMITS = {"AGENTPHONE_RATE_LIMITS_READS_PER_MINUTE": "60", "AGENTPHONE_RATE_LIMITS_WRITES_PER_MINUTE": "60"}


@pytest.fixture(scope="session")
def limited(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A second server, whose rate limits are small."""
    running = Server(tmp_path_factory.mktemp("limited"), LIMITS, own_database=True)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def network(server: Server) -> Network:
    return Network(server.origin, server.key)


@pytest.fixture
def faulty(network: Network) -> Iterator[Network]:
    """The network for a test that disturbs it; healed afterwards."""
    yield network
    network.heal()


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    yield running
    running.close()


@pytest.fixture(scope="session")
def express() -> Iterator[Express]:
    running = Express()
    yield running
    running.close()


@pytest.fixture
def upstream(good_upstream: Upstream) -> Upstream:
    """The upstream of the public models, which has seen nothing yet."""
    good_upstream.forget()
    return good_upstream


@pytest.fixture
def rough(rough_upstream: Upstream, account: Account) -> Iterator[Upstream]:
    """An upstream for a test that has it misbehave. Afterwards it answers well, so that nobody holds it for broken."""
    rough_upstream.forget()
    yield rough_upstream
    rough_upstream.forget()
    question = {"model": "rough-chat", "messages": [{"role": "user", "content": "Better now?"}]}
    ask = lambda: account.http.post("/api/v1/chat/completions", json=question).status_code == 200
    eventually(ask, 20.0, "the rough upstream to be trusted again")


@pytest.fixture
def account(server: Server) -> Account:
    """A customer of this test's own, so that lists and statistics are exact."""
    return Account(server, f"customer {next(_names)}")


@pytest.fixture
def another_account(server: Server) -> Account:
    return Account(server, f"stranger {next(_names)}")


@pytest.fixture(params=["sync", "async"])
def clients(request: pytest.FixtureRequest) -> Iterator[Clients]:
    made = Clients(request.param)
    yield made
    made.close()


@pytest.fixture
def sdk(clients: Clients, account: Account):
    """The official Python client of the test's customer."""
    return clients.make(account.origin, account.key)


def pytest_report_header() -> list[str]:
    database = os.environ.get("TEST_POSTGRES_URL") or os.environ.get("TEST_DATABASE_URL")
    return [f"server: {binary()}", f"database: {'PostgreSQL' if database else 'embedded'}"]
