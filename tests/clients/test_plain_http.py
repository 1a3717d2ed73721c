"""/v1 by plain HTTP: the conventions every endpoint keeps, and every way of asking badly."""

import datetime
import http.client
import json
import re
import time
from urllib.parse import urlsplit

import pytest

from harness.account import client
from harness.asking import send
from harness.errors import assert_v1
from harness.phone import eventually

JSON = {"Content-Type": "application/json"}
MEBIBYTE = 1024 * 1024


# --- keys -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer nonsense", "Bearer agp_" + "a" * 38, "Basic YTpi"])
def test_without_a_valid_key_the_answer_is_401(header, server) -> None:
    headers = {} if header is None else {"Authorization": header}
    assert_v1(client(server.origin, None).get("/v1/agents", headers=headers), 401, "UNAUTHORIZED")


def test_the_scheme_word_has_no_case_and_the_key_has_its_form(account, server) -> None:
    answer = client(server.origin, None).get("/v1/agents", headers={"Authorization": f"bEaReR {account.key}"})
    assert answer.status_code == 200
    assert re.fullmatch(r"agp_[0-9A-Za-z]{38}", account.key)


def test_a_revoked_key_is_refused(account, server) -> None:
    name = "short lived"
    key = server.command("key", "create", "--name", name, "--project", account.id)
    assert client(server.origin, key).get("/v1/agents").status_code == 200
    row = next(line for line in server.command("key", "list").splitlines() if name in line)
    server.command("key", "revoke", re.search(r"key_[0-9a-z]+", row).group())
    eventually(lambda: client(server.origin, key).get("/v1/agents").status_code == 401)
    assert client(server.origin, account.key).get("/v1/agents").status_code == 200


# --- answers ----------------------------------------------------------------------------------------------------------


def test_every_answer_carries_its_own_request_id(account) -> None:
    answers = [account.http.get("/v1/agents"), account.http.get("/v1/agents"), account.http.get("/nowhere"), send(account, body=None)]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert all(re.fullmatch(r"req_[0-9a-z]{26}", each) for each in ids) and len(set(ids)) == 4


def test_health_needs_no_key(server) -> None:
    for path in ("/healthz", "/readyz"):
        assert client(server.origin, None).get(path).status_code == 200


def test_in_development_no_rate_limit_shows(account) -> None:
    assert not [name for name in account.http.get("/v1/agents").headers if name.startswith("x-ratelimit")]


def test_trailing_slashes_are_tolerated_without_redirect(account) -> None:
    agent = account.agent()
    assert account.http.get("/v1/agents/").json() == account.http.get("/v1/agents").json()
    assert account.http.get(f"/v1/agents/{agent['id']}/").json() == agent
    assert account.http.post("/v1/agents/", json={"name": "Slash"}).status_code == 200
    assert account.http.get(f"/v1/numbers/{account.sms['id']}/messages/").json() == {"data": [], "hasMore": False}


def test_ids_and_times_have_their_form(account, network) -> None:
    agent, number = account.agent(), account.sms
    sent = account.send(network.handset().number)
    for value, prefix in ((agent["id"], "agt"), (number["id"], "num"), (sent["id"], "msg"), (sent["conversation_id"], "conv")):
        assert re.fullmatch(prefix + "_[0-9a-z]{26}", value)
    for value in (agent["createdAt"], number["purchasedAt"], number["createdAt"]):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value)
        age = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(value)
        assert abs(age.total_seconds()) < 60


AGENT_KEYS = (
    "id name description voiceMode enableMessaging modelTier systemPrompt beginMessage voice transferNumber customTools"
    " voicemailMessage callScreeningIdentity callScreeningPurpose sttMode ambientSound denoisingMode maxSilenceMs voiceSpeed"
    " interruptionSensitivity enableBackchannel language createdAt numbers"
)
NUMBER_KEYS = (
    "id phoneNumber country status type agentId outboundSms inboundCallsEnabled readReceiptsEnabled whatsappEnabled"
    " dailyNewContacts purchasedAt externalId expiresAt rcsFallbackForAlias createdAt"
)
CONVERSATION_KEYS = (
    "id agentId phoneNumberId phoneNumber participant channel lastMessageAt lastMessagePreview messageCount metadata"
    " capabilities createdAt"
)
MESSAGE_KEYS = (
    "id body fromNumber toNumber direction senderIdentifier channel status mediaUrl mediaUrls content receivedAt"
    " deliveredAt deliveredChannel readAt failureReason errorCode reactions replyTo"
)
CAPABILITY_KEYS = "canSendMessages sendDisabledReason sendChannel availableChannels mediaChannels media reactions emojiReactions"


def test_objects_have_exactly_their_documented_keys(account, network) -> None:
    assert set(account.agent()) == set(AGENT_KEYS.split())
    assert set(account.sms) == set(NUMBER_KEYS.split())
    phone = network.handset()
    phone.text(account.sms["phoneNumber"], "Hi")
    conversation = account.conversation_with(phone.number)
    assert set(conversation) == set(CONVERSATION_KEYS.split())
    assert set(conversation["capabilities"]) == set(CAPABILITY_KEYS.split())
    whole = account.ok("GET", f"/v1/conversations/{conversation['id']}")
    assert set(whole) == set(CONVERSATION_KEYS.split()) | {"messages"}
    assert set(whole["messages"][0]) == set(MESSAGE_KEYS.split())
    [row] = account.ok("GET", f"/v1/numbers/{account.sms['id']}/messages")["data"]
    assert set(row) == set(MESSAGE_KEYS.split()) | {"from_", "from", "to", "conversationId"}
    assert (row["from_"], row["from"], row["to"]) == (phone.number, phone.number, account.sms["phoneNumber"])


# --- lists and cursors --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["0", "101", "-1", "1.5", "ten", "99999999999999999999", "1e2"])
@pytest.mark.parametrize("path", ["/v1/agents", "/v1/numbers", "/v1/conversations"])
def test_a_limit_out_of_range_is_422(path, value, account) -> None:
    assert_v1(account.http.get(path, params={"limit": value}), 422, "VALIDATION_ERROR", ["query", "limit"])


@pytest.mark.parametrize("value", ["-1", "0.5", "two", "-99999999999999999999"])
def test_an_offset_out_of_range_is_422(value, account) -> None:
    assert_v1(account.http.get("/v1/agents", params={"offset": value}), 422, "VALIDATION_ERROR", ["query", "offset"])


def test_message_lists_have_their_own_limits(account, network) -> None:
    conversation = account.send(network.handset().number)["conversation_id"]
    for path in (f"/v1/conversations/{conversation}/messages", f"/v1/numbers/{account.sms['id']}/messages"):
        assert account.http.get(path, params={"limit": 200}).status_code == 200
        assert_v1(account.http.get(path, params={"limit": 201}), 422, "VALIDATION_ERROR", ["query", "limit"])
        for bound in ("before", "after"):
            assert_v1(account.http.get(path, params={bound: "yesterday"}), 422, "VALIDATION_ERROR", ["query", bound])
    path = f"/v1/conversations/{conversation}"
    for bad in ("0", "101", "x"):
        assert_v1(account.http.get(path, params={"message_limit": bad}), 422, "VALIDATION_ERROR", ["query", "message_limit"])
    assert account.http.get(path, params={"messageLimit": 1}).status_code == 200


def test_an_empty_query_value_counts_as_absent(account) -> None:
    """The npm client writes a null as `before=`."""
    assert account.http.get(f"/v1/numbers/{account.sms['id']}/messages?before=&after=&limit=").status_code == 200
    assert account.http.get("/v1/webhooks/deliveries?hours=").status_code == 200


def test_offset_pages_meet_without_gap(account) -> None:
    made = [account.agent(name=f"Agent {count}")["id"] for count in range(5)]
    seen, offset, more = [], 0, True
    while more:
        page = account.ok("GET", "/v1/agents", params={"limit": 2, "offset": offset})
        assert page["total"] == 5 and list(page) == ["data", "hasMore", "total"]
        seen, offset, more = seen + [row["id"] for row in page["data"]], offset + 2, page["hasMore"]
    assert sorted(seen) == sorted(made) and offset == 6
    assert account.ok("GET", "/v1/agents", params={"offset": 99}) == {"data": [], "hasMore": False, "total": 5}


def test_cursors_walk_a_conversation_both_ways(account, network) -> None:
    phone = network.handset()
    for count in range(7):
        phone.text(account.sms["phoneNumber"], f"{count}")
    conversation = account.conversation_with(phone.number)["id"]
    rows = eventually(lambda: (lambda found: found if len(found) == 7 else None)(account.history(conversation)))
    assert [row["body"] for row in rows] == [f"{count}" for count in range(7)], "oldest first"
    times = [row["receivedAt"] for row in rows]
    assert times == sorted(set(times)), "strictly increasing"

    for path in (f"/v1/conversations/{conversation}/messages", f"/v1/numbers/{account.sms['id']}/messages"):
        def page(path=path, **query):
            answer = account.ok("GET", path, params=query)
            return [row["body"] for row in answer["data"]], answer["hasMore"]

        assert page(limit=3) == (["4", "5", "6"], True)
        assert page(limit=3, before=times[4]) == (["1", "2", "3"], True)
        assert page(limit=3, before=times[1]) == (["0"], False)
        assert page(limit=3, after=times[0]) == (["1", "2", "3"], True)
        assert page(limit=3, after=times[3]) == (["4", "5", "6"], False)
        assert page(limit=2, after=times[1], before=times[5]) == (["2", "3"], True)
        assert page(limit=3, after=times[1], before=times[5]) == (["2", "3", "4"], False)
        shifted = datetime.datetime.fromisoformat(times[4]).astimezone(datetime.timezone(datetime.timedelta(hours=5, minutes=30)))
        assert page(limit=3, before=shifted.isoformat()) == (["1", "2", "3"], True), "any offset is read"


def test_conversations_are_listed_newest_activity_first(account, network) -> None:
    first, second = network.handset(), network.handset()
    for phone in (first, second, first):
        phone.text(account.sms["phoneNumber"], "Hi")
        eventually(lambda phone=phone: [row["participant"] for row in account.ok("GET", "/v1/conversations")["data"]][:1] == [phone.number])
    page = account.ok("GET", "/v1/conversations")
    assert [(row["participant"], row["messageCount"]) for row in page["data"]] == [(first.number, 2), (second.number, 1)]


# --- bytes --------------------------------------------------------------------------------------------------------------


def raw(account, body: bytes, path: str = "/v1/messages", method: str = "POST", content_type: str = "application/json"):
    return account.http.request(method, path, content=body, headers={"Content-Type": content_type})


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'"text"', b"5", b"{'a':1}", b'{"body":"\xff\xfe"}', b"{}{}", b"\xef\xbb\xbf", b"a=b&c=d", b'{"a":1,}', b'{"a":NaN}']
)
def test_what_is_not_a_json_object_is_422(body, account) -> None:
    assert_v1(raw(account, body), 422, "VALIDATION_ERROR")


def test_very_deep_json_is_422_and_the_server_lives(account) -> None:
    for deep in (b"[" * 500_000 + b"]" * 500_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000):
        assert_v1(raw(account, b'{"to_number":"+14155550142","body":"Hi","x":' + deep + b"}"), 422, "VALIDATION_ERROR")
    assert account.http.get("/v1/agents").status_code == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "image/png"])
def test_another_content_type_is_422(content_type, account) -> None:
    assert_v1(raw(account, b'{"name":"A"}', "/v1/agents", content_type=content_type), 422, "VALIDATION_ERROR")
    assert account.ok("GET", "/v1/agents")["total"] == 0


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "APPLICATION/JSON"])
def test_the_usual_spellings_of_json_are_read(content_type, account) -> None:
    assert raw(account, b'{"name":"A"}', "/v1/agents", content_type=content_type).status_code == 200


def test_bodies_up_to_one_mebibyte_are_read_and_bigger_ones_are_413(account) -> None:
    body = b'{"name":"A"' + b" " * (MEBIBYTE - 12) + b"}"
    assert len(body) == MEBIBYTE and raw(account, body, "/v1/agents").status_code == 200
    assert_v1(raw(account, b" " + body, "/v1/agents"), 413, "PAYLOAD_TOO_LARGE")
    chunked = account.http.post("/v1/agents", content=iter([b" " * MEBIBYTE, body]), headers=JSON)
    assert_v1(chunked, 413, "PAYLOAD_TOO_LARGE")
    assert account.ok("GET", "/v1/agents")["total"] == 1


def test_duplicate_keys_never_reach_the_store(account, network) -> None:
    conversation = account.send(network.handset().number)["conversation_id"]
    path = f"/v1/conversations/{conversation}"
    answer = raw(account, b'{"metadata":{"a":1,"b":2,"a":3}}', path, "PATCH")
    assert answer.status_code == 200 and '"metadata":{"a":3,"b":2}' in answer.text, "as JavaScript reads it"
    twice = raw(account, b'{"name":"First","name":"Second"}', "/v1/agents")
    assert twice.status_code == 422 or twice.json()["name"] == "Second"


def test_unpaired_surrogates_are_replaced(account) -> None:
    request = b'{"to_number":"+14155550142","number_id":"%s","body":"a\\ud83db\\udc00"}' % account.sms["id"].encode()
    sent = raw(account, request).json()
    assert account.message(sent["conversation_id"], sent["id"])["body"] == "a\ufffdb\ufffd"


def test_a_zero_character_is_replaced(account) -> None:
    sent = account.ok("POST", "/v1/messages", json={"to_number": "+14155550142", "body": "a\u0000b", "number_id": account.sms["id"]})
    assert account.message(sent["conversation_id"], sent["id"])["body"] == "a\ufffdb"
    assert account.agent(name="a\u0000")["name"] == "a\ufffd"


def test_metadata_is_an_object_of_at_most_32_kibibytes(account, network) -> None:
    path = f"/v1/conversations/{account.send(network.handset().number)['conversation_id']}"
    fits = {"note": "x" * (32 * 1024 - len('{"note":""}'))}
    assert account.ok("PATCH", path, json={"metadata": fits})["metadata"] == fits
    for bad in ([], "text", 5, True, {"note": "x" * 33 * 1024}, {"note": fits["note"] + "x"}):
        assert_v1(account.http.patch(path, json={"metadata": bad}), 422, "VALIDATION_ERROR", ["body", "metadata"])
    assert account.ok("GET", path)["metadata"] == fits
    assert account.ok("PATCH", path, json={"metadata": None})["metadata"] is None


# --- routes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1", "/v2/agents", "/v1/agents/agt_x/nothing", "/v1/messages/msg_x/y/z", "/v1/%00"])
def test_an_unknown_route_is_404(path, account) -> None:
    assert_v1(account.http.get(path), 404, "NOT_FOUND")


def test_a_path_that_is_no_text_is_refused(account) -> None:
    for path in ("/v1/agents/%ff", "/v1/agents/%00", "/v1/agents/agt_%00x/webhook"):
        assert_v1(account.http.get(path), 404, "NOT_FOUND")


def test_a_refused_requests_body_does_not_end_the_connection(account, server) -> None:
    """Clients that keep a connection open would lose their next request."""
    address = (urlsplit(server.origin).hostname, urlsplit(server.origin).port)
    for path, key in (("/v1/agents", "agp_wrong"), ("/v1/nothing", account.key), ("/v1/agents/agt_x/webhook/test", account.key), ("/sim/faults", "agp_wrong")):
        connection = http.client.HTTPConnection(*address, timeout=10)
        for _ in range(20):
            connection.putrequest("POST", path)
            for name, value in (("Authorization", f"Bearer {key}"), ("Content-Type", "application/json"), ("Content-Length", "2")):
                connection.putheader(name, value)
            connection.endheaders()
            time.sleep(0.005)
            connection.send(b"{}")
            answer = connection.getresponse()
            assert answer.status in (401, 404) and answer.read() and not answer.will_close, path
        connection.close()


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/agents", {"GET", "POST"}),
        ("DELETE", "/v1/numbers", {"GET", "POST"}),
        ("POST", "/v1/conversations", {"GET"}),
        ("PUT", "/v1/agents/agt_x", {"GET", "PATCH", "DELETE"}),
        ("PATCH", "/v1/webhooks", {"GET", "POST", "DELETE"}),
        ("GET", "/v1/webhooks/test", {"POST"}),
        ("DELETE", "/v1/webhooks/deliveries", {"GET"}),
    ],
)
def test_a_wrong_method_is_405_and_names_the_right_ones(method, path, allowed, account) -> None:
    answer = account.http.request(method, path)
    assert_v1(answer, 405, "METHOD_NOT_ALLOWED")
    assert allowed <= {name.strip() for name in answer.headers["allow"].split(",")}


@pytest.mark.parametrize("identifier", ["x", "agt_" + "a" * 96, "num_1", "agt_%2e%2e", "agt_'%20OR%201=1", "%F0%9F%9A%B2"])
def test_a_strange_id_is_simply_unknown(identifier, account) -> None:
    answer = account.http.get(f"/v1/agents/{identifier}")
    assert_v1(answer, 404, "AGENT_NOT_FOUND")


def test_the_openapi_document_is_served_and_every_answer_has_a_schema(server) -> None:
    document = client(server.origin, server.key).get("/openapi.json").json()
    assert document["openapi"].startswith("3.")
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method not in ("get", "post", "put", "patch", "delete"):
                continue
            for status, answer in operation["responses"].items():
                for media, content in answer.get("content", {}).items():
                    assert media != "application/json" or content.get("schema"), f"{method} {path} {status}"
    assert json.dumps(document).count('"required"') > 20
