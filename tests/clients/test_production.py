"""`agentphone serve`: what it will not start without, where its requests do not go, and what is shut that a laptop has open."""

import itertools
import time
from collections.abc import Iterator

import pytest

from harness.account import Account, client
from harness.asking import send, stored
from harness.browser import COOKIE
from harness.errors import assert_api, assert_v1
from harness.phone import Handset, eventually, fresh_number
from harness.production import NAMES, PUBLIC_URL, Ear, Production, SeparateNetwork, refused_start, stopped_at_the_end
from harness.server import ADDRESS

CARRIER = '[[carriers]]\nname = "simulated"\nkind = "simulated"\n'
LITERALS = [
    "https://127.0.0.1/hook", "https://127.1/hook", "https://2130706433/hook", "https://0x7f.1/hook", "https://[::1]/hook",
    "https://[::ffff:10.0.0.1]/hook", "https://localhost/hook", "https://bot.localhost/hook", "https://10.1.2.3/hook",
    "https://172.16.0.1/hook", "https://192.168.1.1:8443/hook", "https://100.64.0.1/hook", "https://[fd00::1]/hook",
    "https://169.254.169.254/latest/meta-data/", "https://0.0.0.0/hook",
]
NOT_HTTPS = ["http://hooks.example/hook", "http://127.0.0.1/hook", "ftp://hooks.example/hook"]
_names = itertools.count(1)


@pytest.fixture(scope="module")
def outside(tmp_path_factory) -> Iterator[SeparateNetwork]:
    with stopped_at_the_end(SeparateNetwork(tmp_path_factory.mktemp("network"))) as running:
        yield running


@pytest.fixture(scope="module")
def production(tmp_path_factory, outside) -> Iterator[Production]:
    """A server on a network of its own program, as on a real carrier."""
    with stopped_at_the_end(Production(tmp_path_factory.mktemp("production"), outside.origin)) as running:
        eventually(lambda: client(running.origin, None).get("/readyz").status_code == 200, what="the line is up")
        yield running


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Iterator[Production]:
    """A server with the simulated network inside."""
    with stopped_at_the_end(Production(tmp_path_factory.mktemp("alone"))) as running:
        yield running


@pytest.fixture
def customer(production) -> Account:
    return Account(production, f"customer {next(_names)}")


@pytest.fixture
def ear() -> Iterator[Ear]:
    """Listens where the names lead."""
    listening = Ear()
    yield listening
    listening.close()


def person(outside: SeparateNetwork) -> Handset:
    phone = Handset(outside.phones, fresh_number())
    phone.change(imessage=False, name="Somebody")
    return phone


# --- It does not guess.


@pytest.mark.parametrize(
    ("configuration", "settings", "named"),
    [
        (CARRIER, {}, ["public_url", "AGENTPHONE_PUBLIC_URL"]),
        ("", {"AGENTPHONE_PUBLIC_URL": PUBLIC_URL}, ["[[carriers]]"]),
        (CARRIER + CARRIER, {"AGENTPHONE_PUBLIC_URL": PUBLIC_URL}, ['"simulated"', "[[carriers]]"]),
        (CARRIER.replace('kind = "simulated"', 'kind = "none"'), {"AGENTPHONE_PUBLIC_URL": PUBLIC_URL}, ["kind"]),
        (CARRIER + "colour = 3\n", {"AGENTPHONE_PUBLIC_URL": PUBLIC_URL}, ["colour"]),
        ("[outbound]\nallow_privat = true\n" + CARRIER, {"AGENTPHONE_PUBLIC_URL": PUBLIC_URL}, ["allow_privat"]),
        ("database_url = 5\n" + CARRIER, {"AGENTPHONE_PUBLIC_URL": PUBLIC_URL}, ["database_url"]),
        (CARRIER, {"AGENTPHONE_PUBLIC_URL": PUBLIC_URL, "AGENTPHONE_OUTBOUND_ALLOW_PRIVATE": "perhaps"}, ["AGENTPHONE_OUTBOUND_ALLOW_PRIVATE"]),
    ],
    ids=["no public URL", "no carrier", "one name twice", "no such kind", "carrier's key", "setting's key", "type", "variable"],
)
def test_it_does_not_start_and_names_the_setting(configuration, settings, named, tmp_path) -> None:
    done = refused_start(tmp_path, configuration, **settings)
    assert done.returncode == 1, done
    assert done.stderr.startswith("Error: ") and "panicked" not in done.stderr, done.stderr
    assert all(name in done.stderr for name in named), done.stderr
    assert not ADDRESS.search(done.stdout) and not (tmp_path / "data").exists(), "it had begun already"


def test_it_starts_with_what_was_missing_and_leaves_no_key_lying_about(production) -> None:
    assert "".join(production.lines).count("AgentPhone is listening on") == 1
    assert not (production.data / "dev-key").exists() and "agp_" not in "".join(production.lines)
    assert_v1(client(production.origin, None).get("/v1/agents"), 401, "UNAUTHORIZED")


def test_links_and_cookies_are_those_of_the_public_url(production, customer) -> None:
    link = production.command("project", "link", "--project", customer.id)
    assert link.startswith(f"{PUBLIC_URL}/sign-in?token="), link
    answer = client(production.origin, None).get(link.removeprefix(PUBLIC_URL))
    assert answer.status_code == 303
    marks = answer.headers["set-cookie"].split("; ")
    assert {"Secure", "HttpOnly", "SameSite=Lax"} <= set(marks), marks


# --- An address that is not public is refused at once, on both doors.


def reason(url: str) -> str:
    return "must point to a public address" if url in LITERALS else "must begin with https://"


@pytest.mark.parametrize("url", LITERALS + NOT_HTTPS)
def test_a_private_address_is_no_webhook(url, customer) -> None:
    agent, number = customer.agent(), customer.sms
    paths = ["/v1/webhooks", f"/v1/agents/{agent['id']}/webhook"]
    flat = f"/api/numbers/{number['id']}/webhook"
    before = [customer.http.get(path).text for path in [*paths, flat]]
    for path in paths:
        body = assert_v1(customer.http.post(path, json={"url": url}), 422, "VALIDATION_ERROR", ["body", "url"])
        assert reason(url) in body["message"], body
    assert reason(url) in assert_api(customer.http.put(flat, json={"url": url}), 400)["message"]
    assert [customer.http.get(path).text for path in [*paths, flat]] == before, "nothing is written"


def test_a_refused_url_replaces_nothing(customer) -> None:
    customer.ok("POST", "/v1/webhooks", json={"url": "https://hooks.example/hook"})
    kept = customer.ok("GET", "/v1/webhooks")
    assert_v1(customer.http.post("/v1/webhooks", json={"url": LITERALS[0]}), 422, "VALIDATION_ERROR", ["body", "url"])
    assert customer.ok("GET", "/v1/webhooks") == kept and kept["url"] == "https://hooks.example/hook"


@pytest.mark.parametrize("url", LITERALS + NOT_HTTPS)
def test_a_private_address_is_no_attachment(url, customer) -> None:
    one = assert_v1(send(customer, media_url=url), 422, "VALIDATION_ERROR", ["body", "media_url"])
    assert reason(url) in one["message"], one
    several = assert_v1(send(customer, media_urls=["https://pictures.example/a.png", url]), 422, "VALIDATION_ERROR")
    assert several["detail"][0]["loc"][:2] == ["body", "media_urls"] and reason(url) in several["message"], several
    request = {"to": "+14155550142", "body": "Look", "media": [url]}
    flat = customer.http.post(f"/api/numbers/{customer.sms['id']}/send/sms", json=request)
    assert reason(url) in assert_api(flat, 400)["message"]
    assert stored(customer) == 0, "nothing is written"


# --- A name that leads inside is found out when it is looked up, and nothing is sent there.


def refusal(name: str) -> str:
    address, kind = NAMES[name]
    return f"must point to a public address: {address.removeprefix('::ffff:')} is not public ({kind})"


@pytest.mark.parametrize("name", NAMES)
def test_a_delivery_to_a_name_that_leads_inside_is_not_posted_and_says_why(name, customer, outside, ear) -> None:
    url = f"https://{name}:{ear.port}/hook"
    customer.ok("POST", "/v1/webhooks", json={"url": url})
    tested = customer.ok("POST", "/v1/webhooks/test")
    assert (tested["success"], tested["httpStatus"], tested["responseBody"]) == (False, None, None), tested
    assert refusal(name) in tested["errorMessage"] == tested["error"], tested
    person(outside).text(customer.sms["phoneNumber"], "Anybody there?")
    tried_again = lambda: [row for row in customer.deliveries() if row["attemptCount"] >= 2 and row["errorMessage"]]
    [delivery] = eventually(tried_again, what="a second attempt")
    assert (delivery["event"], delivery["success"], delivery["httpStatus"], delivery["responseBody"]) == (
        "agent.message", False, None, None), delivery
    assert refusal(name) in delivery["errorMessage"], delivery
    assert ear.heard == 0, "somebody connected to where the name leads"


@pytest.mark.parametrize("name", NAMES)
def test_so_is_one_of_a_number_s_own_webhook(name, customer, outside, ear) -> None:
    path = f"/api/numbers/{customer.sms['id']}/webhook"
    customer.ok("PUT", path, json={"url": f"https://{name}:{ear.port}/hook"})
    person(outside).text(customer.sms["phoneNumber"], "Anybody there?")
    [delivery] = eventually(lambda: [row for row in customer.deliveries() if row["errorMessage"]], what="an attempt")
    assert (delivery["success"], delivery["httpStatus"]) == (False, None) and refusal(name) in delivery["errorMessage"], delivery
    assert ear.heard == 0


@pytest.mark.parametrize("name", NAMES)
def test_an_attachment_behind_such_a_name_fails_its_message(name, customer, ear) -> None:
    url, number = f"https://{name}:{ear.port}/picture.png", customer.sms
    sent = customer.send(fresh_number(), "Look", media_url=url)
    flat = {"to": fresh_number(), "body": "Look", "media": [url]}
    queued = customer.ok("POST", f"/api/numbers/{number['id']}/send/sms", json=flat)

    def ended() -> list[dict]:
        rows = customer.ok("GET", f"/v1/numbers/{number['id']}/messages", params={"limit": 200})["data"]
        return rows if len(rows) == 2 and all(row["status"] not in ("queued", "sending") for row in rows) else []

    rows = eventually(ended, what="both messages to end")
    assert {row["id"] for row in rows} == {sent["id"], queued["messageId"]}
    for row in rows:
        assert (row["status"], row["errorCode"]) == ("failed", "MEDIA_NOT_USABLE"), row
        assert refusal(name) in row["failureReason"], row
    assert ear.heard == 0


def test_the_names_do_lead_there_once_an_operator_allows_it(tmp_path, outside, ear) -> None:
    """The counter-proof: only the guard keeps the requests above from arriving."""
    allowed = {"AGENTPHONE_OUTBOUND_ALLOW_NETWORKS": '["127.0.0.0/8", "::1"]'}
    with stopped_at_the_end(Production(tmp_path, outside.origin, **allowed)) as opened:
        customer = Account(opened, "a handler on this machine")
        for count, name in enumerate(["inside.hooks.example", "six.hooks.example", "mapped.hooks.example"], 1):
            customer.ok("POST", "/v1/webhooks", json={"url": f"https://{name}:{ear.port}/hook"})
            tested = customer.ok("POST", "/v1/webhooks/test")
            assert not tested["success"] and "public address" not in tested["errorMessage"], tested
            assert ear.heard == count, f"{name} was not connected to: {tested}"
        customer.ok("POST", "/v1/webhooks", json={"url": f"https://office.hooks.example:{ear.port}/hook"})
        assert refusal("office.hooks.example") in customer.ok("POST", "/v1/webhooks/test")["errorMessage"]


# --- The phones of the simulated network are nobody's.


SIM = [
    ("GET", "/sim/handsets"), ("PUT", "/sim/handsets/+14155550142"), ("GET", "/sim/handsets/+14155550142/messages"),
    ("POST", "/sim/handsets/+14155550142/messages"), ("GET", "/sim/handsets/+14155550142/events"), ("GET", "/sim/events"),
    ("POST", "/sim/groups"), ("GET", "/sim/faults"), ("PUT", "/sim/faults"), ("GET", "/sim/ledger"), ("POST", "/sim/media"),
]


@pytest.mark.parametrize("where", ["production", "alone"])
def test_the_simulated_network_is_shut(where, request) -> None:
    """Neither a key nor a session opens it, whether it runs inside the server or beside it."""
    server = request.getfixturevalue(where)
    customer = Account(server, f"curious {next(_names)}")
    link = server.command("project", "link", "--project", customer.id)
    session = client(server.origin, None).get(link.removeprefix(PUBLIC_URL)).cookies[COOKIE]
    signed_in = client(server.origin, None)
    signed_in.headers.update({"Cookie": f"{COOKIE}={session}", "Sec-Fetch-Site": "same-origin"})
    for method, path in SIM:
        body = {} if method != "GET" else None
        assert client(server.origin, None).request(method, path, json=body).status_code == 401, path
        for caller in (customer.http, signed_in):
            answer = caller.request(method, path, json=body)
            assert answer.status_code == 404, f"{method} {path}: {answer.status_code} {answer.text[:200]}"
    for path in ("/handset", "/handset/+14155550142"):
        assert "No phones here" in signed_in.get(path).text, path


def test_texts_leave_all_the_same(customer, outside) -> None:
    phone = person(outside)
    sent = customer.send(phone.number, "Hello from production")
    assert sent["status"] == "sent" and phone.wait_for(sent["id"])["body"] == "Hello from production"


# --- Limits are on.


LIMITED = [
    ("GET", "/v1/agents", None, 200, 1000), ("GET", "/v1/agents/agt_x", None, 404, 1000),
    ("GET", "/api/numbers/num_x/webhook", None, 404, 1000), ("GET", "/api/v1/models", None, 200, 1000),
    ("POST", "/v1/agents", {"name": "Front desk"}, 200, 600), ("POST", "/v1/messages", {}, 422, 600),
    ("POST", "/api/numbers/num_x/send/sms", {"to": "+14155550142", "body": "Hi"}, 404, 600),
    ("POST", "/v1/webhooks", {"url": "https://hooks.example/hook"}, 200, 100), ("POST", "/v1/webhooks", {}, 422, 100),
    ("PUT", "/api/numbers/num_x/webhook", {"url": "https://hooks.example/hook"}, 404, 100),
    ("POST", "/v1/agents/agt_x/webhook/test", {}, 404, 60), ("POST", "/api/numbers/num_x/webhook/test", {}, 404, 60),
    ("POST", "/v1/numbers", {}, 200, 60), ("DELETE", "/v1/numbers/num_x", None, 404, 60),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "limit"), LIMITED, ids=[f"{row[0]} {row[1]} {row[3]}" for row in LIMITED])
def test_every_answer_says_what_is_left(method, path, body, status, limit, customer) -> None:
    left = []
    for _ in range(2):
        answer = customer.http.request(method, path, json=body)
        assert answer.status_code == status, answer.text
        assert answer.headers["x-ratelimit-limit"] == str(limit)
        left.append(int(answer.headers["x-ratelimit-remaining"]))
        period = 3600 if limit <= 100 else 60
        assert -2 <= int(answer.headers["x-ratelimit-reset"]) - time.time() <= 2 * period / limit + 2
        assert "retry-after" not in answer.headers
    assert left[0] == limit - 1 and left[1] in (limit - 2, limit - 1), left


def test_the_hour_s_tests_of_webhooks_end(customer) -> None:
    path = "/v1/webhooks/test"
    answers = [customer.http.post(path) for _ in range(61)]
    assert [answer.status_code for answer in answers] == [404] * 60 + [429]
    assert_v1(answers[-1], 429, "RATE_LIMIT_EXCEEDED")
    assert_api(customer.http.post("/api/numbers/num_x/webhook/test"), 429)
    refused = customer.http.post(path)
    assert refused.headers["x-ratelimit-remaining"] == "0" and 1 <= int(refused.headers["retry-after"]) <= 60
    assert customer.http.get("/v1/agents").status_code == 200, "other requests are counted apart"
