"""What a webhook says and how it is signed, checked the ways customers check it.

Each text goes to a plain receiver (raw bytes, Python) and to an Express application (parsed and stringified again),
as a project webhook and as a number webhook.
"""

import json
import re
import time

import agentphone
import pytest
import standardwebhooks

from harness import signatures
from harness.phone import eventually
from harness.receiver import PNG, Answer

TEXTS = {
    "emoji": "Nice 🚲👩‍👩‍👧 ride 😀",
    "arabic": "مرحبا، هل دراجتي جاهزة؟",
    "quotes": "She said \"now\", he said 'later'",
    "backslashes": r"C:\bikes\new \u0041 \\",
    "slashes": "either/or </script> //",
    "line breaks": "one\ntwo\r\nthree\tfour",
    "separators": "a\u2028b\u2029c",
    "control characters": "a\u0001b\u001fc\bd\fe",
    "delete character": "a\u007fb\u0080c",
    "long": "é" * 1500,
}
STAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
NUMBER_KEYS = ["event", "channel", "from", "to", "body", "media", "timestamp", "message_id", "signature"]


def number_webhook(account, url: str, **more) -> dict:
    return account.ok("PUT", f"/api/numbers/{account.sms['id']}/webhook", json={"url": url} | more)


def project_webhook(account, url: str, **more) -> dict:
    return account.ok("POST", "/v1/webhooks", json={"url": url} | more)


def assert_project_signatures(request, secret: str) -> None:
    stamp = request.headers["x-webhook-timestamp"]
    event = agentphone.construct_event(request.body, request.headers["x-webhook-signature"], secret, stamp)
    assert event.raw == request.json
    assert request.headers["x-webhook-signature"] == signatures.v1_header(secret, stamp, request.body)
    middle = len(request.body) // 2
    changed = request.body[:middle] + bytes([request.body[middle] ^ 1]) + request.body[middle + 1 :]
    with pytest.raises(agentphone.WebhookVerificationError):
        agentphone.verify_webhook(changed, request.headers["x-webhook-signature"], secret, stamp)
    standardwebhooks.Webhook(secret).verify(request.body, request.headers)
    assert request.headers["webhook-timestamp"] == stamp and abs(int(stamp) - time.time()) < 30
    assert request.headers["webhook-id"] == request.headers["x-webhook-id"]


def assert_number_signatures(request, secret: str) -> None:
    assert request.headers["x-agentphone-signature"] == signatures.number_header(secret, request.body)
    assert request.json["signature"] == signatures.in_body(secret, request.body)
    standardwebhooks.Webhook(secret).verify(request.body, request.headers)


def assert_plain_transfer(request) -> None:
    assert request.headers["content-type"] == "application/json"
    assert request.headers["content-length"] == str(len(request.body))
    assert "content-encoding" not in request.headers and "transfer-encoding" not in request.headers
    assert request.headers["user-agent"] == "AgentPhone-Webhooks/1"
    assert len(request.body) < 100_000


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_every_text_verifies_everywhere(text, account, network, receiver, express) -> None:
    raw_project, raw_number = receiver.endpoint(), receiver.endpoint()
    parsed_project, parsed_number = express.hook(), express.hook()
    phone = network.handset()
    project_secret = project_webhook(account, raw_project.url)["secret"]
    number_secret = number_webhook(account, raw_number.url)["secret"]
    phone.text(account.sms["phoneNumber"], text)
    project, number = raw_project.wait()[0], raw_number.wait()[0]
    assert project.json["data"]["message"] == number.json["body"] == text
    for request in (project, number):
        assert_plain_transfer(request)
    assert_project_signatures(project, project_secret)
    assert_number_signatures(number, number_secret)

    parsed_project.prepare(project_webhook(account, parsed_project.url)["secret"])
    parsed_number.prepare(number_secret)
    assert number_webhook(account, parsed_number.url)["secret"] == number_secret, "a PUT keeps the secret"
    phone.text(account.sms["phoneNumber"], text)
    seen = parsed_project.wait()[0]
    assert seen["projectSignature"] and seen["identical"], seen["raw"]
    assert [item["content"] for item in seen["body"]["recentHistory"]] == [text, text]
    seen = parsed_number.wait()[0]
    assert seen["numberSignature"] and seen["identical"], seen["raw"]
    assert seen["body"]["body"] == text


def test_the_project_event_has_every_documented_key_in_order(account, network, receiver) -> None:
    endpoint = receiver.endpoint()
    project_webhook(account, endpoint.url, contextLimit=2)
    agent = account.agent()
    number = account.buy(type="sms", agentId=agent["id"], externalId="store-17")
    phone = network.handset()
    earlier = account.send(phone.number, "Two", number_id=number["id"])
    phone.text(number["phoneNumber"], "Three")
    request = endpoint.wait()[0]
    event = request.json
    assert list(event) == ["event", "channel", "timestamp", "agentId", "data", "conversationState", "recentHistory"]
    assert list(event["data"])[:13] == [
        "messageId", "conversationId", "numberId", "from", "to", "contact", "message", "mediaUrl", "mediaUrls",
        "direction", "receivedAt", "externalId", "replyTo",
    ]
    data = event["data"]
    assert (event["event"], event["channel"], event["agentId"]) == ("agent.message", "sms", agent["id"])
    assert request.headers["x-webhook-event"] == "agent.message" and request.headers["x-webhook-id"].startswith("dlv_")
    assert (data["from"], data["to"], data["message"]) == (phone.number, number["phoneNumber"], "Three")
    assert (data["numberId"], data["conversationId"]) == (number["id"], earlier["conversation_id"])
    assert (data["contact"], data["mediaUrl"], data["mediaUrls"], data["replyTo"]) == (None, None, [], None)
    assert (data["direction"], data["externalId"], event["conversationState"]) == ("inbound", "store-17", None)
    assert STAMP.match(event["timestamp"]) and STAMP.match(data["receivedAt"])
    assert not {"group", "groupId", "senderIdentifier", "keyword"} & data.keys()
    assert [(item["content"], item["direction"]) for item in event["recentHistory"]] == [
        ("Two", "outbound"), ("Three", "inbound"),
    ]
    assert list(event["recentHistory"][0]) == ["messageId", "content", "direction", "channel", "at"]
    assert event["recentHistory"][1]["messageId"] == data["messageId"]
    assert "test" not in event


def test_the_number_event_has_exactly_nine_keys_in_order(account, network, receiver) -> None:
    endpoint = receiver.endpoint()
    number_webhook(account, endpoint.url)
    phone = network.handset()
    phone.text(account.sms["phoneNumber"], "Is my bike ready?")
    request = endpoint.wait()[0]
    event = request.json
    assert list(event) == NUMBER_KEYS
    assert (event["event"], event["channel"], event["media"]) == ("message.inbound", "sms", [])
    assert (event["from"], event["to"], event["body"]) == (phone.number, account.sms["phoneNumber"], "Is my bike ready?")
    assert STAMP.match(event["timestamp"])
    history = account.history(account.conversation_with(phone.number)["id"])
    assert [row["id"] for row in history] == [event["message_id"]], "the id works on both doors"
    assert "x-webhook-signature" not in request.headers


def test_an_empty_text_with_pictures_is_hosted_and_verifies(account, network, receiver, express) -> None:
    raw, parsed = receiver.endpoint(), express.hook()
    number_secret = number_webhook(account, raw.url)["secret"]
    parsed.prepare(project_webhook(account, parsed.url)["secret"])
    phone = network.handset()
    phone.text(account.sms["phoneNumber"], "", [receiver.media("red&blue.png") + "?w=1&h=2"])
    request = raw.wait()[0]
    assert_number_signatures(request, number_secret)
    event, seen = request.json, parsed.wait()[0]
    assert seen["projectSignature"] and seen["identical"], seen["raw"]
    assert (event["channel"], event["body"], seen["body"]["data"]["message"]) == ("mms", "", "")
    [url] = event["media"]
    assert (seen["body"]["data"]["mediaUrl"], seen["body"]["data"]["mediaUrls"]) == (url, [url])
    assert url.startswith(f"{account.origin}/media/"), "we host it"
    fetched = account.http.get(url, headers={"Authorization": ""})
    assert (fetched.status_code, fetched.content) == (200, PNG), "the URL is the permission"
    assert fetched.headers["content-type"] == "image/png"
    assert fetched.headers["x-content-type-options"] == "nosniff" and fetched.headers["content-disposition"]
    assert account.http.head(url).status_code == 200
    folder, name = url.rsplit("/", 1)
    another = folder[:-1] + ("1" if folder[-1] == "0" else "0")
    assert account.http.get(f"{another}/{name}").status_code == 404, "one character off is nobody's"
    assert account.conversation_with(phone.number)["lastMessagePreview"] == ""


def test_several_pictures_become_several_messages(account, network, receiver) -> None:
    endpoint = receiver.endpoint()
    project_webhook(account, endpoint.url)
    phone = network.handset()
    phone.text(account.sms["phoneNumber"], "Two views", [receiver.media("a.png"), receiver.media("b.png")])
    first, second = (request.json["data"] for request in endpoint.wait(2))
    assert (first["message"], second["message"]) == ("Two views", "")
    assert len(first["mediaUrls"]) == len(second["mediaUrls"]) == 1
    assert first["messageId"] != second["messageId"] and first["mediaUrl"] != second["mediaUrl"]


def test_a_picture_that_cannot_be_fetched_does_not_hold_the_message_back(account, network, receiver) -> None:
    endpoint = receiver.endpoint()
    project_webhook(account, endpoint.url)
    network.handset().text(account.sms["phoneNumber"], "Look", [receiver.media("missing.png")])
    data = endpoint.wait()[0].json["data"]
    assert (data["message"], data["mediaUrl"]) == ("Look", None)


METADATA = (
    '{"10":1, "b":1.0, "2":2.50, "a":1e21, "big":12345678901234567890, "minus":-0.0, "tiny":0.0000001,'
    ' "nested":{"z":null, "3":[1.50, {"10":"\\u00e9\\/", "9":false}], "0":true}, "01":"no index", "4294967295":"no index"}'
)
# What JavaScript makes of it: JSON.stringify(JSON.parse(METADATA)).
METADATA_IN_JAVASCRIPT = (
    '{"2":2.5,"10":1,"b":1,"a":1e+21,"big":12345678901234567000,"minus":0,"tiny":1e-7,'
    '"nested":{"0":true,"3":[1.5,{"9":false,"10":"é/"}],"z":null},"01":"no index","4294967295":"no index"}'
)


def test_metadata_is_stored_as_javascript_would_write_it(account, network, receiver, express) -> None:
    raw, parsed = receiver.endpoint(), express.hook()
    phone = network.handset()
    conversation = account.send(phone.number)["conversation_id"]
    account.ok(
        "PATCH", f"/v1/conversations/{conversation}",
        content='{"metadata":' + METADATA + "}", headers={"Content-Type": "application/json"},
    )
    secret = project_webhook(account, raw.url)["secret"]
    phone.text(account.sms["phoneNumber"], "Hi")
    request = raw.wait()[0]
    assert_project_signatures(request, secret)
    assert f'"conversationState":{METADATA_IN_JAVASCRIPT},"recentHistory"'.encode() in request.body
    parsed.prepare(project_webhook(account, parsed.url)["secret"])
    phone.text(account.sms["phoneNumber"], "Hi again")
    seen = parsed.wait()[0]
    assert seen["projectSignature"] and seen["identical"], seen["raw"]


def test_a_long_history_stays_below_what_node_parsers_take(account, network, receiver) -> None:
    endpoint = receiver.endpoint()
    project_webhook(account, endpoint.url, contextLimit=50)
    phone = network.handset()
    conversation = account.send(phone.number)["conversation_id"]
    account.ok("PATCH", f"/v1/conversations/{conversation}", json={"metadata": {"note": "ü" * 15_000}})
    for count in range(25):
        phone.text(account.sms["phoneNumber"], f"{count} " + "界" * 3_000)
        endpoint.wait(count + 1)
    last = endpoint.requests[-1]
    assert 60_000 < len(last.body) < 100_000
    history = last.json["recentHistory"]
    assert 1 < len(history) < 26 and history[-1]["content"].startswith("24 "), "the oldest fall away"


def test_a_retry_is_the_same_event_signed_anew(account, network, receiver) -> None:
    project, number = receiver.endpoint(Answer(500), Answer(503), Answer()), receiver.endpoint(Answer(500), Answer())
    project_secret = project_webhook(account, project.url)["secret"]
    number_secret = number_webhook(account, number.url)["secret"]
    network.handset().text(account.sms["phoneNumber"], "Again?")
    for request in project.wait(3):
        assert_project_signatures(request, project_secret)
    for request in number.wait(2):
        assert_number_signatures(request, number_secret)
    assert len({request.body for request in project.requests}) == 1
    assert len({request.body for request in number.requests}) == 1
    assert len({request.headers["webhook-id"] for request in project.requests}) == 1
    assert len({request.headers["webhook-id"] for request in number.requests}) == 1


def test_rotation_signs_with_the_old_and_the_new_secret(account, network, receiver) -> None:
    endpoint = receiver.endpoint()
    old = number_webhook(account, endpoint.url)["secret"]
    new = number_webhook(account, endpoint.url, rotate_secret=True)["secret"]
    assert old != new and account.ok("GET", f"/api/numbers/{account.sms['id']}/webhook")["secret"] == new
    network.handset().text(account.sms["phoneNumber"], "Hi")
    request = endpoint.wait()[0]
    assert len(request.headers["webhook-signature"].split(" ")) == 2
    for secret in (old, new):
        standardwebhooks.Webhook(secret).verify(request.body, request.headers)
    assert_number_signatures(request, new)


def test_a_posted_project_webhook_rotates_unless_told_to_keep(account, network, receiver) -> None:
    endpoint = receiver.endpoint()
    first = project_webhook(account, endpoint.url)["secret"]
    kept = project_webhook(account, endpoint.url, keepSecret=True, contextLimit=0)
    assert kept["secret"] == first and kept["contextLimit"] == 0
    second = project_webhook(account, endpoint.url)["secret"]
    assert second != first
    network.handset().text(account.sms["phoneNumber"], "Hi")
    request = endpoint.wait()[0]
    assert_project_signatures(request, second)
    standardwebhooks.Webhook(first).verify(request.body, request.headers)


def test_life_cycle_events_are_opt_in_and_come_once_in_order(account, network, receiver, faulty) -> None:
    endpoint = receiver.endpoint()
    webhook = project_webhook(account, endpoint.url, events=["message.sent", "message.delivered", "message.failed"])
    assert set(webhook["events"]) == {"agent.message", "message.sent", "message.delivered", "message.failed"}
    phone = network.handset()
    faulty.faults(receipt_delay_ms=2000)
    sent = account.send(phone.number)
    events = [request.json for request in endpoint.wait(2)]
    assert [event["event"] for event in events] == ["message.sent", "message.delivered"]
    assert [event["data"]["status"] for event in events] == ["sent", "delivered"]
    for event in events:
        assert list(event["data"]) == [
            "messageId", "conversationId", "numberId", "from", "to", "direction", "channel", "status",
            "deliveredAt", "deliveredChannel", "readAt", "failureReason", "errorCode",
        ]
        assert (event["data"]["messageId"], event["data"]["direction"]) == (sent["id"], "outbound")
        assert event["recentHistory"] == []
    assert events[1]["data"]["deliveredChannel"] == "sms" and STAMP.match(events[1]["data"]["deliveredAt"])
    faulty.faults(refuse_next=1)
    refused = account.send(phone.number)
    failed = endpoint.wait(3)[2].json
    assert (failed["event"], failed["data"]["messageId"]) == ("message.failed", refused["id"])
    assert failed["data"]["errorCode"] and failed["data"]["failureReason"]
    endpoint.stays_at(3, 0.6)


def test_the_number_webhooks_own_test_is_signed_and_logged(account, receiver) -> None:
    endpoint = receiver.endpoint(Answer(202))
    secret = number_webhook(account, endpoint.url, timeout_seconds=3)["secret"]
    result = account.ok("POST", f"/api/numbers/{account.sms['id']}/webhook/test")
    assert list(result) == ["success", "statusCode", "responseMs", "error"]
    assert (result["success"], result["statusCode"], result["error"]) == (True, 202, None)
    request = endpoint.wait()[0]
    assert_number_signatures(request, secret)
    assert request.json["event"] == "message.inbound"
    page = account.ok("GET", f"/api/numbers/{account.sms['id']}/webhook/deliveries")
    assert list(page) == ["data", "hasMore"] and [row["status"] for row in page["data"]] == ["success"]
    assert eventually(account.deliveries)[0]["id"] == page["data"][0]["id"], "the account's list has it too"
    assert json.dumps(page["data"][0]) == json.dumps(account.deliveries()[0])
