"""API rate limits, on a server of their own where they are 60 a minute: one token comes back each second."""

import time

import pytest

from harness.account import Account, client
from harness.errors import assert_api, assert_v1
from harness.server import Server

@pytest.fixture
def customer(limited: Server) -> Account:
    return Account(limited, f"hurried {time.monotonic_ns()}")


def exhaust(customer: Account) -> list:
    """Reads until the bucket is empty; answers everything that came."""
    answers = []
    while not answers or answers[-1].status_code == 200:
        answers.append(customer.http.get("/v1/agents"))
        assert len(answers) < 200, "the limit never came"
    return answers


def empty(customer: Account) -> None:
    """Leaves the bucket with a token just spent, so that the next one is nearly a second away."""
    exhaust(customer)
    while customer.http.get("/v1/agents").status_code != 200:
        time.sleep(0.02)


def test_the_bucket_counts_down_and_refuses_with_a_pause(customer) -> None:
    answers = exhaust(customer)
    assert 60 <= len(answers) - 1 <= 75
    first, last = answers[0], answers[-1]
    assert (first.headers["x-ratelimit-limit"], first.headers["x-ratelimit-remaining"]) == ("60", "59")
    assert abs(int(first.headers["x-ratelimit-reset"]) - time.time()) < 120
    assert_v1(last, 429, "RATE_LIMIT_EXCEEDED")
    assert last.headers["x-ratelimit-remaining"] == "0" and int(last.headers["retry-after"]) >= 1
    empty(customer)
    flat = customer.http.get("/api/numbers/num_x/webhook")
    assert_api(flat, 429)
    assert int(flat.headers["retry-after"]) >= 1, "both doors share the bucket"
    time.sleep(int(flat.headers["retry-after"]) + 0.2)
    assert customer.http.get("/v1/agents").status_code == 200


def test_reads_and_writes_and_keys_have_buckets_of_their_own(customer, limited) -> None:
    exhaust(customer)
    assert customer.http.post("/v1/agents", json={"name": "A"}).status_code == 200
    other = Account(limited, f"calm {time.monotonic_ns()}")
    assert other.http.get("/v1/agents").status_code == 200


def test_the_python_client_raises_its_rate_limit_error(customer) -> None:
    import agentphone

    sdk = agentphone.AgentPhone(api_key=customer.key, base_url=customer.origin)
    empty(customer)
    with pytest.raises(agentphone.RateLimitError) as refused:
        sdk.agents.list()
    assert refused.value.status == 429 and isinstance(refused.value.message, str)


def test_an_unknown_key_is_401_and_spends_nothing(limited) -> None:
    stranger = client(limited.origin, "agp_" + "x" * 38)
    assert {stranger.get("/v1/agents").status_code for _ in range(80)} == {401}
