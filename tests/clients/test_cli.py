"""The commands of the program itself: listen, trigger, doctor, and keys and projects beside a running server."""

import json
import re
import socket
import time

import httpx
import pytest
from standardwebhooks import Webhook

from harness import signatures
from harness.account import client
from harness.command import Listening, run
from harness.errors import assert_v1
from harness.phone import eventually
from harness.receiver import Answer, reply
from harness.server import Server
from test_webhook_delivery import assert_exactly_one
from test_webhooks import number_webhook, project_webhook


@pytest.fixture
def listening(server, account):
    """Starts `listen` as the test's customer."""
    started = []

    def start(forward_to: str, *arguments: str) -> Listening:
        started.append(Listening(server, account.key, forward_to, *arguments))
        started[-1].secret()
        return started[-1]

    yield start
    for each in started:
        each.close()


def events(endpoint) -> list[str]:
    return [request.json["event"] for request in endpoint.requests]


# A receipt that overtook the carrier's answer would leave nothing to tell of `sent`.
RECEIPT_DELAY = 1000
V1_HEADERS = [
    "content-type", "user-agent", "webhook-id", "webhook-signature", "webhook-timestamp", "x-webhook-event", "x-webhook-id",
    "x-webhook-signature", "x-webhook-timestamp",
]


def assert_signed(request, secret: str) -> None:
    """All that contract 8.3 asks of a delivery."""
    headers = request.headers
    assert sorted(set(headers) - {"accept", "host", "content-length"}) == V1_HEADERS
    assert headers["content-type"] == "application/json" and headers["user-agent"] == "AgentPhone-Webhooks/1"
    assert headers["x-webhook-event"] == request.json["event"]
    assert headers["x-webhook-id"] == headers["webhook-id"] and headers["webhook-id"].startswith("dlv_")
    assert headers["x-webhook-timestamp"] == headers["webhook-timestamp"]
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    expected = signatures.v1_header(secret, headers["x-webhook-timestamp"], request.body)
    assert headers["x-webhook-signature"] == expected
    Webhook(secret).verify(request.body, headers)


def test_listen_carries_a_text_signed_and_the_reply_back_once(account, network, faulty, receiver, listening) -> None:
    faulty.faults(receipt_delay_ms=RECEIPT_DELAY)
    endpoint = receiver.endpoint(reply("Yes, come by!"))
    heard = listening(endpoint.url)
    phone = network.handset()
    phone.text(account.sms["phoneNumber"], "Ready?")
    assert_exactly_one(phone, "Yes, come by!")
    endpoint.wait(3)
    for request in endpoint.requests:
        assert_signed(request, heard.secret())
    assert events(endpoint) == ["agent.message", "message.sent", "message.delivered"], "its own sends are told as well"
    event = endpoint.requests[0].json
    assert event["data"]["message"] == "Ready?" and event["data"]["from"] == phone.number
    assert [item["content"] for item in event["recentHistory"]] == ["Ready?"]
    line = heard.wait_for("agent.message")
    assert re.match(r'\d\d:\d\d:\d\d  agent\.message  dlv_\w+  200 in \d+ ms  reply "Yes, come by!" is msg_\w+$', line), line


def test_listen_gets_what_a_webhook_gets_word_for_word(account, network, receiver, listening) -> None:
    hook, program = receiver.endpoint(), receiver.endpoint()
    project_webhook(account, hook.url)
    listening(program.url, "--events", "agent.message")
    network.handset().text(account.sms["phoneNumber"], "The same?")
    assert program.wait()[0].body == hook.wait()[0].body


def test_a_reply_to_a_group_goes_to_the_group(account, network, receiver, listening) -> None:
    endpoint = receiver.endpoint(reply("Hello all"))
    listening(endpoint.url, "--events", "agent.message")
    one, two = network.handset(imessage=True), network.handset(imessage=True)
    members = [one.number, two.number]
    group = network._ok(network.http.post("/groups", json={"number": account.imessage["phoneNumber"], "members": members}))
    one.text(group["group_id"], "Anyone?")
    for phone in (one, two):
        assert_exactly_one(phone, "Hello all", settle=0.3)


def test_listen_speaks_the_form_of_number_webhooks(account, network, receiver, listening) -> None:
    endpoint = receiver.endpoint(reply("From the number"))
    heard = listening(endpoint.url, "--events", "message.inbound")
    phone = network.handset()
    phone.text(account.sms["phoneNumber"], "Où?")
    assert_exactly_one(phone, "From the number")
    [request] = endpoint.requests
    assert request.headers["x-agentphone-signature"] == signatures.number_header(heard.secret(), request.body)
    assert request.json["signature"] == signatures.in_body(heard.secret(), request.body)
    assert (request.json["event"], request.json["body"]) == ("message.inbound", "Où?")


def test_two_programs_that_answer_send_one_reply(account, network, receiver, listening) -> None:
    first, second = receiver.endpoint(reply("One of us")), receiver.endpoint(reply("One of us"))
    one, two = listening(first.url, "--events", "agent.message"), listening(second.url, "--events", "agent.message")
    assert one.secret() == two.secret(), "an account's programs share a secret"
    phone = network.handset()
    phone.text(account.sms["phoneNumber"], "Who?")
    first.wait(), second.wait()
    assert_exactly_one(phone, "One of us")


def test_a_text_with_a_picture_waits_for_it(account, network, receiver, listening) -> None:
    endpoint = receiver.endpoint()
    listening(endpoint.url, "--events", "agent.message")
    network.handset().text(account.sms["phoneNumber"], "Look", media_urls=[receiver.media()])
    [request] = endpoint.wait()
    [url] = request.json["data"]["mediaUrls"]
    assert url.startswith(account.origin) and httpx.get(url, trust_env=False).status_code == 200


def test_listen_goes_on_when_the_program_is_down_or_broken(account, network, receiver, listening) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        heard = listening(f"127.0.0.1:{nobody.getsockname()[1]}/hook", "--events", "agent.message")
        phone = network.handset()
        phone.text(account.sms["phoneNumber"], "One")
        heard.wait_for("is not reachable")
        phone.text(account.sms["phoneNumber"], "Two")
        heard.wait_for("is not reachable", count=2)
    broken = receiver.endpoint(Answer(500, body=b'{"action":"respond","reply":"No"}'))
    other = listening(broken.url, "--events", "agent.message")
    phone.text(account.sms["phoneNumber"], "Three")
    assert "  500 in " in other.wait_for("agent.message")
    time.sleep(0.5)
    assert phone.received() == [], "only a 2xx answers"


def test_listen_says_what_is_wrong(server, account) -> None:
    refused = Listening(server, "agp_nobody", "localhost:1")
    assert refused.ended() == 1 and "refused the key" in refused.lines[-1]
    unknown = Listening(server, account.key, "localhost:1", "--events", "agent.massage")
    assert unknown.ended() == 1 and "agent.massage" in unknown.lines[-1]
    away = Listening(server, account.key, "localhost:1", url="http://127.0.0.1:9")
    away.wait_for("agentphone dev")
    away.close()


def test_listen_comes_back_after_the_server_with_the_same_secret(tmp_path, receiver) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    server = Server(tmp_path, {"AGENTPHONE_LISTEN": address}, own_database=True)
    endpoint = receiver.endpoint()
    heard = Listening(server, server.key, endpoint.url, "--events", "agent.message")
    try:
        secret = heard.secret()
        server.process.kill()
        server.process.wait()
        heard.wait_for("trying again")
        server.start()
        heard.wait_for("Connected again")
        assert run(server, "trigger", "agent.message", "--body", "Back?").code == 0
        [request] = endpoint.wait()
        assert request.json["data"]["message"] == "Back?"
        assert_signed(request, secret)
    finally:
        heard.close()
        server.stop()


class Stream:
    """The stream itself, read frame by frame."""

    def __init__(self, account, **headers: str) -> None:
        self.http = client(account.origin, account.key)
        self._context = self.http.stream("GET", "/v1/events/stream", headers=headers, timeout=20)
        self.response = self._context.__enter__()
        self._lines = self.response.iter_lines()

    def next(self) -> dict:
        frame: dict[str, str] = {}
        for line in self._lines:
            if not line and "data" in frame:
                return frame | {"data": json.loads(frame["data"])}
            name, _, value = line.partition(": ")
            if name:
                frame[name] = value
        raise AssertionError("the stream ended")

    def close(self) -> None:
        self._context.__exit__(None, None, None)
        self.http.close()


def test_the_stream_goes_on_after_the_last_event(account, network) -> None:
    stream = Stream(account)
    assert stream.response.headers["content-type"].startswith("text/event-stream")
    ready = stream.next()
    assert ready["event"] == "ready" and list(ready["data"]) == ["secret"]
    phone = network.handset()
    phone.text(account.sms["phoneNumber"], "One")
    one = stream.next()
    assert one["event"] == "event" and list(one["data"]) == ["id", "headers", "body"]
    stream.close()
    phone.text(account.sms["phoneNumber"], "Two")
    eventually(lambda: len(account.history(account.conversation_with(phone.number)["id"])) == 2)
    stream = Stream(account, **{"Last-Event-ID": one["id"]})
    assert stream.next()["data"] == ready["data"], "the secret stays"
    two = stream.next()
    assert json.loads(two["data"]["body"])["data"]["message"] == "Two"
    assert two["id"] > one["id"]
    stream.close()


def test_the_stream_is_of_one_account_and_beats(account, another_account, network) -> None:
    stream = Stream(account)
    stream.next()
    network.handset().text(another_account.sms["phoneNumber"], "Not for you")
    beats = next(line for line in stream._lines if line)
    assert beats == ": heartbeat", "nothing of another account's"
    stream.close()
    assert_v1(account.http.get("/v1/events/stream", params={"events": "no.such"}), 422, "VALIDATION_ERROR", ["query", "events"])
    assert client(account.origin, None).get("/v1/events/stream").status_code == 401


def test_an_account_has_so_many_streams_and_a_closed_one_makes_room(account, another_account) -> None:
    streams = [Stream(account) for _ in range(32)]
    try:
        assert all(stream.next()["event"] == "ready" for stream in streams)
        refused = Stream(account)
        streams.append(refused)
        assert refused.response.status_code == 429
        refused.response.read()
        assert_v1(refused.response, 429, "RATE_LIMIT_EXCEEDED")
        assert int(refused.response.headers["retry-after"]) >= 1
        streams.append(Stream(another_account))
        assert streams[-1].next()["event"] == "ready", "others have theirs"
        streams[0].close()

        def is_let_in() -> bool:
            streams.append(Stream(account))
            return streams[-1].response.status_code == 200

        eventually(is_let_in, seconds=5, what="room for one more")
    finally:
        for stream in streams:
            stream.close()


def test_a_stream_ends_with_its_key(server, account) -> None:
    key = server.command("key", "create", "--name", "stream", "--project", account.id)
    stream = Stream(account, Authorization=f"Bearer {key}")
    assert stream.next()["event"] == "ready"
    other = Stream(account)
    assert other.next()["event"] == "ready"
    [row] = [line for line in server.command("key", "list").splitlines() if account.id in line and line.endswith("stream")]
    server.command("key", "revoke", row.split()[0])
    assert not any(stream._lines), "it is over before its first heartbeat"
    stream.close()
    assert next(line for line in other._lines if line) == ": heartbeat", "another key's goes on"
    other.close()


OUTBOUND = {
    "message.sent": ["message.sent", "message.delivered"],
    "message.delivered": ["message.sent", "message.delivered"],
    "message.failed": ["message.failed"],
    "message.read": ["message.sent", "message.delivered", "message.read"],
}


@pytest.mark.parametrize("event", OUTBOUND)
def test_trigger_makes_what_becomes_of_a_message(event, server, account, faulty, receiver, listening) -> None:
    faulty.faults(receipt_delay_ms=RECEIPT_DELAY)
    number = account.imessage if event == "message.read" else account.sms
    endpoint = receiver.endpoint()
    listening(endpoint.url)
    phone = faulty.handset()
    done = run(server, "trigger", event, "--to", phone.number, "--body", "Triggered", AGENTPHONE_KEY=account.key)
    assert done.code == 0, done
    message = re.search(r"msg_\w+", done.out).group()
    requests = endpoint.wait(len(OUTBOUND[event]))
    assert events(endpoint) == OUTBOUND[event]
    for request in requests:
        assert request.json["data"]["messageId"] == message
        assert (request.json["data"]["from"], request.json["data"]["to"]) == (number["phoneNumber"], phone.number)


def test_trigger_makes_a_person_tap_back(server, account, network, faulty, receiver, listening) -> None:
    faulty.faults(receipt_delay_ms=RECEIPT_DELAY)
    endpoint, line = receiver.endpoint(), account.imessage
    listening(endpoint.url)
    phone = network.handset()
    done = run(server, "trigger", "agent.reaction", "--to", phone.number, "--body", "Nine?", AGENTPHONE_KEY=account.key)
    assert done.code == 0, done
    data = next(request.json["data"] for request in endpoint.wait(3) if request.json["event"] == "agent.reaction")
    assert (data["reactionType"], data["fromNumber"], data["numberId"]) == ("love", phone.number, line["id"])
    assert (data["messageId"], data["messageBody"]) == (re.search(r"msg_\w+", done.out).group(), "Nine?")


@pytest.mark.parametrize("event", ["agent.message", "message.inbound"])
def test_trigger_makes_a_person_text(event, server, account, network, receiver) -> None:
    endpoint = receiver.endpoint(reply("Got it"))
    number_webhook(account, endpoint.url)
    phone = network.handset()
    done = run(server, "trigger", event, "--from", phone.number, "--body", "Hi there", AGENTPHONE_KEY=account.key)
    assert done.code == 0, done
    [request] = endpoint.wait()
    assert (request.json["body"], request.json["from"]) == ("Hi there", phone.number)
    assert request.json["message_id"] in done.out
    assert_exactly_one(phone, "Got it", settle=0.3)


def test_trigger_explains_what_it_cannot_do(server, account) -> None:
    done = run(server, "trigger", "message.unconfirmed")
    assert done.code == 0 and "withhold_next" in done.out
    done = run(server, "trigger", "agent.massage")
    assert done.code == 1 and "agent.message" in done.err and "message.read" in done.err
    done = run(server, "trigger", "message.sent", AGENTPHONE_KEY=account.key)
    assert done.code == 1 and "has no sms number" in done.err
    done = run(server, "trigger", "message.sent", AGENTPHONE_KEY="agp_nobody")
    assert done.code == 1 and "refused the key" in done.err
    done = run(server, "trigger", "message.sent", AGENTPHONE_URL="http://127.0.0.1:9")
    assert done.code == 1 and "agentphone dev" in done.err


def findings(done) -> dict[str, list[str]]:
    """What doctor found, by what it looked at."""
    found: dict[str, list[str]] = {}
    for line in done.out.splitlines():
        verdict, what, _ = line.split(maxsplit=2)
        found.setdefault(what, []).append(verdict)
    return found


def test_doctor_finds_nothing_wrong_beside_the_running_server(server, account) -> None:
    listen = server.origin.removeprefix("http://")
    done = run(server, "doctor", AGENTPHONE_LISTEN=listen)
    assert done.code == 0, done
    found = findings(done)
    assert list(found) == ["data", "flush", "clock", "database", "address", "carrier"]
    assert found["database"] == ["ok"] and found["address"] == ["ok"] and found["carrier"] == ["ok"], done.out
    assert "AgentPhone is running" in done.out and "up to date" in done.out
    rate = re.search(r"(\d+) flushes of 4 KiB a second, p50 ", done.out)
    assert rate and int(rate.group(1)) > 0
    assert account.http.get("/v1/agents").status_code == 200
    assert not list(server.data.glob("doctor-*")), "it leaves nothing behind"


def test_doctor_fails_on_what_keeps_the_server_from_working(server, tmp_path) -> None:
    alone = {"AGENTPHONE_DATABASE_URL": "", "AGENTPHONE_DATA": str(tmp_path / "new")}
    assert run(server, "doctor", **alone).code == 0
    (tmp_path / "file").write_text("no folder")
    done = run(server, "doctor", **alone | {"AGENTPHONE_DATA": str(tmp_path / "file")})
    assert done.code == 1 and findings(done)["data"] == ["fail"], done
    broken = tmp_path / "new" / "agentphone.db"
    broken.write_bytes(b"SQLite format 3\x00" + bytes(5000))
    done = run(server, "doctor", **alone)
    assert done.code == 1 and findings(done)["database"] == ["fail"], done
    broken.unlink()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        done = run(server, "doctor", AGENTPHONE_LISTEN=f"127.0.0.1:{other.getsockname()[1]}", **alone)
    assert done.code == 1 and findings(done)["address"] == ["fail"], done
    carriers = '[{ name = "far", kind = "simulated", url = "http://127.0.0.1:9" }]'
    settings = tmp_path / "settings.toml"
    settings.write_text(f"carriers = {carriers}\n")
    done = run(server, "doctor", "--config", str(settings), **alone)
    assert done.code == 1 and findings(done)["carrier"] == ["fail"], done


def test_keys_and_projects_change_beside_the_running_server(server) -> None:
    account = server.command("project", "create", "--name", "By hand")
    assert re.fullmatch(r"acct_\w+", account)
    assert any(line.startswith(account) and line.endswith("By hand") for line in server.command("project", "list").splitlines())
    key = server.command("key", "create", "--name", "laptop", "--project", account)
    assert re.fullmatch(r"agp_\w+", key), "the key alone"
    http = client(server.origin, key)
    assert http.get("/v1/numbers").status_code == 200
    [row] = [line for line in server.command("key", "list").splitlines() if account in line]
    assert key not in row and "active" in row and row.endswith("laptop")
    server.command("key", "revoke", row.split()[0])
    eventually(lambda: http.get("/v1/numbers").status_code == 401, what="a revoked key is refused")
    done = run(server, "key", "revoke", "key_nobody")
    assert done.code == 1 and "no key key_nobody" in done.err
    done = run(server, "key", "create", "--name", "which")
    assert done.code == 1 and "--project" in done.err
