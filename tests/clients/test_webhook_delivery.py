"""Attempts, pauses and the inline reply: what happens when a customer's endpoint is slow, broken or answers twice."""

import json
import time

import pytest

from harness.phone import eventually
from harness.receiver import Answer, reply
from test_webhooks import number_webhook, project_webhook


def replies_on(phone, text: str) -> int:
    return sum(message["body"] == text for message in phone.received())


def assert_exactly_one(phone, text: str, settle: float = 1.0) -> None:
    eventually(lambda: replies_on(phone, text), what=f"the reply {text!r}")
    time.sleep(settle)
    assert replies_on(phone, text) == 1, phone.received()


DELIVERY_KEYS = [
    "id", "messageId", "eventType", "event", "channel", "status", "success", "httpStatus", "statusCode", "errorMessage",
    "responseBody", "attemptCount", "lastAttemptAt", "nextRetryAt", "deliveredAt", "responseMs", "replyMessageId",
    "replyError", "createdAt",
]


def test_the_inline_reply_goes_back_once_and_is_named_in_the_log(account, network, receiver) -> None:
    endpoint = receiver.endpoint(reply("Yes, come by!"))
    project_webhook(account, endpoint.url)
    phone = network.handset()
    phone.text(account.sms["phoneNumber"], "Ready?")
    assert_exactly_one(phone, "Yes, come by!")
    [delivery] = account.deliveries()
    assert sorted(delivery) == sorted(DELIVERY_KEYS)
    assert (delivery["status"], delivery["success"], delivery["replyError"]) == ("success", True, None)
    assert json.loads(delivery["responseBody"]) == {"reply": "Yes, come by!", "action": "respond"}
    rows = account.history(account.conversation_with(phone.number)["id"])
    assert [(row["direction"], row["body"]) for row in rows] == [("inbound", "Ready?"), ("outbound", "Yes, come by!")]
    assert rows[1]["id"] == delivery["replyMessageId"]
    assert (rows[1]["fromNumber"], rows[1]["toNumber"]) == (account.sms["phoneNumber"], phone.number)


def test_an_express_agent_answers_over_both_kinds_of_webhook(account, network, express) -> None:
    project, number = express.hook(), express.hook()
    project.prepare(project_webhook(account, project.url)["secret"], reply="From Express")
    phone = network.handset()
    phone.text(account.sms["phoneNumber"], "One")
    assert_exactly_one(phone, "From Express", settle=0.3)
    account.ok("DELETE", "/v1/webhooks")
    number.prepare(number_webhook(account, number.url)["secret"], reply="From the number")
    phone.text(account.sms["phoneNumber"], "Two")
    assert_exactly_one(phone, "From the number", settle=0.3)


@pytest.mark.parametrize("kind", ["project", "number"])
def test_one_reply_although_two_attempts_failed(kind, account, network, receiver) -> None:
    endpoint = receiver.endpoint(Answer(500), Answer(500), reply("Third time"))
    (project_webhook if kind == "project" else number_webhook)(account, endpoint.url)
    phone = network.handset()
    phone.text(account.sms["phoneNumber"], "Hello?")
    assert_exactly_one(phone, "Third time")
    assert len(endpoint.requests) == 3


def test_one_reply_although_an_attempt_timed_out_after_answering(account, network, receiver) -> None:
    late = reply("Too late or right")
    late.delay = 1.6
    endpoint = receiver.endpoint(late, Answer(500), reply("Too late or right"))
    number_webhook(account, endpoint.url, timeout_seconds=1)
    phone = network.handset()
    phone.text(account.sms["phoneNumber"], "Hello?")
    endpoint.wait(3)
    assert_exactly_one(phone, "Too late or right", settle=2)
    assert endpoint.requests[1].at - endpoint.requests[0].at >= 1.0, "the time-out was waited for"


def test_a_late_reply_alone_is_never_used(account, network, receiver) -> None:
    late = reply("Late")
    late.delay = 1.6
    endpoint = receiver.endpoint(late, Answer())
    number_webhook(account, endpoint.url, timeout_seconds=1)
    phone = network.handset()
    phone.text(account.sms["phoneNumber"], "Hello?")
    endpoint.wait(2)
    time.sleep(1.5)
    assert replies_on(phone, "Late") == 0


def test_one_reply_although_both_endpoints_answer(account, network, receiver) -> None:
    project, number = receiver.endpoint(reply("From the project")), receiver.endpoint(reply("From the number"))
    project_webhook(account, project.url)
    number_webhook(account, number.url)
    phone = network.handset()
    for count in range(1, 6):
        phone.text(account.sms["phoneNumber"], f"Question {count}")
        project.wait(count), number.wait(count)
    eventually(lambda: all(row["status"] == "success" for row in account.deliveries()))
    eventually(lambda: len(phone.received()) >= 5)
    time.sleep(1)
    assert len(phone.received()) == 5, "one text per question"
    assert sum(row["replyMessageId"] is not None for row in account.deliveries()) == 5


def test_a_reply_with_media_is_an_mms(account, network, receiver) -> None:
    url = receiver.media("reply.png")
    endpoint = receiver.endpoint(Answer(body=json.dumps({"action": "respond", "media": [url]}).encode()))
    project_webhook(account, endpoint.url)
    phone = network.handset()
    phone.text(account.sms["phoneNumber"], "Show me")
    [shown] = eventually(phone.received)
    assert (shown["channel"], shown["body"], len(shown["media_urls"])) == ("mms", "", 1)
    eventually(lambda: account.deliveries()[0]["replyMessageId"])
    rows = account.history(account.conversation_with(phone.number)["id"])
    assert (rows[-1]["mediaUrl"], rows[-1]["channel"]) == (url, "mms")


@pytest.mark.parametrize(
    "body",
    [
        b"", b"ok", b"null", b"[]", b'"respond"', b'{"action":"ignore","reply":"no"}', b'{"reply":"no"}',
        b'{"action":"respond"}', b'{"action":"respond","reply":""}', b'{"action":"RESPOND","reply":"no"}',
        b'{"action":"respond","reply":5}', b'{"action":"respond","reply":"no"', b"\xff\xfe",
    ],
)
def test_anything_else_acknowledges_and_sends_nothing(body, account, network, receiver) -> None:
    endpoint = receiver.endpoint(Answer(body=body))
    project_webhook(account, endpoint.url)
    phone = network.handset()
    phone.text(account.sms["phoneNumber"], "Hello?")
    eventually(lambda: [row["status"] for row in account.deliveries()] == ["success"])
    time.sleep(0.4)
    assert phone.received() == [] and len(endpoint.requests) == 1


def test_a_reply_that_cannot_be_sent_is_noted_and_the_delivery_succeeds(account, network, receiver) -> None:
    endpoint = receiver.endpoint(reply("x" * 1601))
    project_webhook(account, endpoint.url)
    network.handset().text(account.sms["phoneNumber"], "Long answer please")
    [delivery] = eventually(lambda: [row for row in account.deliveries() if row["status"] != "pending"])
    assert (delivery["status"], delivery["replyMessageId"], delivery["replyError"]) == ("success", None, "BODY_TOO_LONG")


def test_replay_sends_the_same_event_again_but_no_second_reply(account, network, receiver) -> None:
    endpoint = receiver.endpoint(reply("Once"))
    project_webhook(account, endpoint.url)
    phone = network.handset()
    phone.text(account.sms["phoneNumber"], "Hello?")
    assert_exactly_one(phone, "Once", settle=0.2)
    [delivery] = account.deliveries()
    answer = account.ok("POST", f"/v1/webhooks/deliveries/{delivery['id']}/replay")
    assert answer["id"] == delivery["id"] and sorted(answer) == sorted(DELIVERY_KEYS)
    first, second = endpoint.wait(2)
    assert first.body == second.body and first.headers["x-webhook-id"] == second.headers["x-webhook-id"]
    assert_exactly_one(phone, "Once")
    assert [row["id"] for row in account.deliveries()] == [delivery["id"]]


def test_replay_revives_a_failed_delivery_of_a_number_webhook(account, network, receiver) -> None:
    endpoint = receiver.endpoint(Answer(410), reply("After all"))
    number_webhook(account, endpoint.url)
    phone = network.handset()
    phone.text(account.sms["phoneNumber"], "Hello?")
    [delivery] = eventually(lambda: [row for row in account.deliveries() if row["status"] == "failed"])
    account.ok("POST", f"/v1/webhooks/deliveries/{delivery['id']}/replay")
    assert_exactly_one(phone, "After all", settle=0.3)
    assert account.deliveries()[0]["status"] == "success"


def test_a_replay_during_an_attempt_is_left_to_it(account, network, receiver) -> None:
    slow = Answer(delay=1.5)
    endpoint = receiver.endpoint(slow, Answer())
    project_webhook(account, endpoint.url)
    network.handset().text(account.sms["phoneNumber"], "Hello?")
    endpoint.wait(1)
    [delivery] = account.deliveries()
    replayed = account.ok("POST", f"/v1/webhooks/deliveries/{delivery['id']}/replay")
    assert (replayed["id"], replayed["status"]) == (delivery["id"], "pending")
    eventually(lambda: account.deliveries()[0]["status"] == "success")
    endpoint.stays_at(1)
    assert account.deliveries()[0]["attemptCount"] == 1


def test_redirects_are_not_followed(account, network, receiver) -> None:
    elsewhere = receiver.endpoint()
    endpoint = receiver.endpoint(Answer(302, headers={"Location": elsewhere.url}), Answer(307, headers={"Location": elsewhere.url}), Answer())
    project_webhook(account, endpoint.url)
    network.handset().text(account.sms["phoneNumber"], "Hello?")
    endpoint.wait(3)
    eventually(lambda: account.deliveries()[0]["status"] == "success")
    assert account.deliveries()[0]["attemptCount"] == 3
    assert elsewhere.requests == []


def test_gone_ends_the_retries(account, network, receiver) -> None:
    endpoint = receiver.endpoint(Answer(410))
    project_webhook(account, endpoint.url)
    network.handset().text(account.sms["phoneNumber"], "Hello?")
    eventually(lambda: [row["status"] for row in account.deliveries()] == ["failed"])
    endpoint.stays_at(1)


@pytest.mark.parametrize(("status", "least", "most"), [(429, 6.0, 12.0), (503, 6.0, 12.0), (500, 0.2, 5.0)])
def test_retry_after_lengthens_a_pause_on_429_and_503_only(status, least, most, account, network, receiver) -> None:
    endpoint = receiver.endpoint(Answer(status, headers={"Retry-After": "6"}), Answer())
    project_webhook(account, endpoint.url)
    network.handset().text(account.sms["phoneNumber"], "Hello?")
    first, second = endpoint.wait(2)
    assert least <= second.at - first.at <= most


def test_six_attempts_then_failed_and_ten_failures_flag_the_endpoint(account, network, receiver) -> None:
    endpoint = receiver.endpoint(Answer(500, b"no"))
    project_webhook(account, endpoint.url)
    phone = network.handset()
    phone.text(account.sms["phoneNumber"], "One")
    eventually(lambda: [row["status"] for row in account.deliveries()] == ["failed"], what="six attempts")
    assert (account.deliveries()[0]["attemptCount"], len(endpoint.requests)) == (6, 6)
    assert account.ok("GET", "/v1/webhooks")["status"] == "active"
    phone.text(account.sms["phoneNumber"], "Two")
    eventually(lambda: account.ok("GET", "/v1/webhooks")["status"] == "failing")
    eventually(lambda: [row["status"] for row in account.deliveries()] == ["failed", "failed"])
    endpoint.plan = [Answer()]
    phone.text(account.sms["phoneNumber"], "Three")
    eventually(lambda: account.ok("GET", "/v1/webhooks")["status"] == "active", what="it is still delivered to")
    assert account.deliveries()[0]["status"] == "success"


def test_a_big_answer_is_read_only_so_far(account, network, receiver) -> None:
    big = json.dumps({"action": "respond", "reply": "Hidden behind too much", "padding": "x" * 400_000}).encode()
    endpoint = receiver.endpoint(Answer(body=big), Answer(body=b"y" * 2_000_000))
    project_webhook(account, endpoint.url)
    phone = network.handset()
    for count in (1, 2):
        phone.text(account.sms["phoneNumber"], "Hello?")
        eventually(lambda: [row["status"] for row in account.deliveries()] == ["success"] * count)
    assert all(len(row["responseBody"]) <= 2048 for row in account.deliveries())
    time.sleep(0.5)
    assert phone.received() == []


def test_an_unreachable_endpoint_is_retried_and_says_why(account, network) -> None:
    project_webhook(account, "http://127.0.0.1:9/nobody")
    network.handset().text(account.sms["phoneNumber"], "Hello?")
    delivery = eventually(lambda: next((row for row in account.deliveries() if row["attemptCount"] >= 2), None))
    assert (delivery["httpStatus"], delivery["statusCode"], delivery["success"]) == (None, None, False)
    assert delivery["errorMessage"]


def test_first_attempts_keep_the_order_of_a_conversation(account, network, receiver) -> None:
    endpoint = receiver.endpoint(Answer(500, delay=0.5), Answer(delay=0.2), Answer())
    project_webhook(account, endpoint.url)
    phone = network.handset()
    for count in range(6):
        phone.text(account.sms["phoneNumber"], f"{count}")
    eventually(lambda: len(account.deliveries()) == 6 and all(row["success"] for row in account.deliveries()))
    firsts = list(dict.fromkeys(request.json["data"]["message"] for request in endpoint.requests))
    assert firsts == [f"{count}" for count in range(6)]
