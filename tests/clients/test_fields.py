"""Every field of the /v1 requests: both spellings, null, and each value that must be refused by name."""

import pytest

from harness.asking import send, stored
from harness.errors import assert_v1
from harness.phone import fresh_number

JSON = {"Content-Type": "application/json"}


def test_both_spellings_are_read_and_the_documented_one_wins(account, network) -> None:
    phone = network.handset()
    camel = {"toNumber": phone.number, "body": "Camel", "numberId": account.sms["id"], "mediaUrls": []}
    assert account.ok("POST", "/v1/messages", json=camel)["to_number"] == phone.number
    both = send(account, to_number=phone.number, toNumber=fresh_number())
    assert both.json()["to_number"] == phone.number
    agent = account.ok("POST", "/v1/agents", json={"name": "Snake", "voice_speed": 1.5, "model_tier": "max", "modelTier": "turbo"})
    assert (agent["voiceSpeed"], agent["modelTier"]) == (1.5, "turbo")
    for name in ("phone_number", "phoneNumber"):
        assert account.http.get("/v1/contacts/capabilities", params={name: phone.number}).json()["phoneNumber"] == phone.number


def test_unknown_fields_are_ignored_and_null_counts_as_absent(account, network) -> None:
    answer = send(
        account, to_number=network.handset().number, media_url=None, media_urls=None, send_style=None,
        reply_to_message_id=None, recipients=None, from_number=None, agent_id=None, tomorrow={"never": ["heard"]},
    )
    assert answer.status_code == 200
    agent = account.ok("POST", "/v1/agents", json={"name": "Null", "voiceMode": None, "maxSilenceMs": None, "customTools": None})
    assert (agent["voiceMode"], agent["maxSilenceMs"]) == ("webhook", 600_000)


@pytest.mark.parametrize("body", [b"", b"{}", b"null"])
def test_an_empty_body_an_empty_object_and_null_are_equal(body, account) -> None:
    headers = JSON if body else {}
    assert account.http.post("/v1/numbers", content=body, headers=headers).status_code == 200
    agent = account.agent()
    assert account.http.patch(f"/v1/agents/{agent['id']}", content=body, headers=headers).json() == agent
    assert_v1(account.http.post("/v1/webhooks/test", content=body, headers=headers), 404, "NOT_FOUND")
    assert_v1(account.http.post("/v1/agents", content=body, headers=headers), 422, "VALIDATION_ERROR", ["body", "name"])


def test_a_get_or_delete_may_name_a_content_type_without_a_body(account) -> None:
    agent = account.agent()
    assert account.http.get("/v1/webhooks", headers=JSON).text == "null"
    assert account.http.delete(f"/v1/agents/{agent['id']}", headers=JSON).status_code == 200


@pytest.mark.parametrize("written", ["(415) 555-0142", "415.555.0142", "1-415-555-0142", "+1 415 555 0142", "tel:+1-415-555-0142"])
def test_numbers_are_read_in_common_notations(written, account) -> None:
    assert send(account, to_number=written).json()["to_number"] == "+14155550142"


def test_short_codes_are_kept_as_they_are(account) -> None:
    assert send(account, to_number="72345").json()["to_number"] == "72345"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"to_number": None}, "to_number"),
        ({"to_number": 14155550142}, "to_number"),
        ({"to_number": ""}, "to_number"),
        ({"to_number": "12"}, "to_number"),
        ({"to_number": "+1415555014200000000"}, "to_number"),
        ({"to_number": "not a number"}, "to_number"),
        ({"to_number": "+14155550142", "recipients": ["+14155550143", "+14155550144"]}, None),
        ({"to_number": None, "recipients": ["+14155550143"]}, "recipients"),
        ({"to_number": None, "recipients": "+14155550143"}, "recipients"),
        ({"body": None}, "body"),
        ({"body": ""}, "body"),
        ({"body": 5}, "body"),
        ({"body": ["Hi"]}, "body"),
        ({"body": "x" * 10_001}, "body"),
        ({"number_id": None}, None),
        ({"number_id": 7}, "number_id"),
        ({"from_number": 12065550199}, "from_number"),
        ({"agent_id": {}}, "agent_id"),
        ({"send_style": "Confetti"}, "send_style"),
        ({"send_style": "wobble"}, "send_style"),
        ({"send_style": 1}, "send_style"),
        ({"media_url": "not a url"}, "media_url"),
        ({"media_url": "ftp://example.com/a.png"}, "media_url"),
        ({"media_url": "https://example.com/" + "a" * 2_100}, "media_url"),
        ({"media_urls": "https://example.com/a.png"}, "media_urls"),
        ({"media_urls": [f"https://example.com/{count}.png" for count in range(21)]}, "media_urls"),
        ({"media_urls": [5]}, None),
        ({"reply_to_message_id": 5}, "reply_to_message_id"),
    ],
)
def test_a_malformed_message_is_422_names_the_field_and_stores_nothing(fields, field, account) -> None:
    assert_v1(send(account, **fields), 422, "VALIDATION_ERROR", ["body", field] if field else None)
    assert stored(account) == 0


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"body": "x" * 1601}, 400, "BODY_TOO_LONG"),
        ({"number_id": "num_nobody"}, 404, "NUMBER_NOT_FOUND"),
        ({"from_number": "+12065550100"}, 404, "PHONE_NUMBER_NOT_FOUND"),
        ({"agent_id": "agt_nobody"}, 404, "AGENT_NOT_FOUND"),
        ({"to_number": "ada@example.com"}, 400, "CHANNEL_NOT_SUPPORTED"),
        ({"to_number": None, "recipients": ["+14155550142", "+14155550143"]}, 400, "CHANNEL_NOT_SUPPORTED"),
    ],
)
def test_what_a_number_cannot_do_is_refused_and_stores_nothing(fields, status, code, account) -> None:
    assert_v1(send(account, **fields), status, code)
    assert stored(account) == 0


def test_lengths_at_the_limit_pass(account, network) -> None:
    phone = network.handset()
    assert len(phone.wait_for(account.send(phone.number, "x" * 1600)["id"])["body"]) == 1600
    apple = network.handset(imessage=True)
    long = account.send(apple.number, "é" * 10_000, number_id=account.imessage["id"])
    assert (long["channel"], apple.wait_for(long["id"])["body"]) == ("imessage", "é" * 10_000)


def test_a_losing_number_id_is_not_looked_at_but_an_agent_must_be_yours(account, network) -> None:
    phone = network.handset()
    assert send(account, to_number=phone.number, from_number=account.sms["phoneNumber"], number_id="num_nobody").status_code == 200
    answer = send(account, to_number=phone.number, from_number=account.sms["phoneNumber"], agent_id="agt_nobody")
    assert_v1(answer, 404, "AGENT_NOT_FOUND")
    agent = account.agent()
    assert_v1(send(account, number_id=None, agent_id=agent["id"]), 400, "NO_SENDING_NUMBER")
    assert_v1(send(account, to_number="grp_nobody", number_id=account.imessage["id"]), 404, "GROUP_NOT_FOUND")


AGENT_FAULTS = {
    "name": ["", "x" * 201, 5, None],
    "voiceMode": ["robot"],
    "modelTier": ["mini"],
    "sttMode": ["slow"],
    "ambientSound": ["sea"],
    "denoisingMode": ["none"],
    "maxSilenceMs": [9_999, 3_600_001, "600000", 20_000.5],
    "voiceSpeed": [0.49, 2.01, "fast"],
    "interruptionSensitivity": [-0.1, 1.1],
    "enableMessaging": ["yes", 1],
    "language": ["xx-XX", "en"],
    "transferNumber": ["nobody"],
    "systemPrompt": [5],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in AGENT_FAULTS.items() for value in values])
def test_an_agents_bad_field_is_422(field, value, account) -> None:
    answer = account.http.post("/v1/agents", json={"name": "Agent"} | {field: value})
    assert_v1(answer, 422, "VALIDATION_ERROR", ["body", field])
    assert account.ok("GET", "/v1/agents")["total"] == 0


def test_a_hosted_agent_needs_a_prompt(account) -> None:
    assert_v1(account.http.post("/v1/agents", json={"name": "A", "voiceMode": "hosted"}), 422, "VALIDATION_ERROR", ["body", "systemPrompt"])


TOOL = {"name": "look_up", "description": "Looks up an order", "url": "https://tools.example/look-up"}


def test_custom_tools_are_kept_replaced_and_cleared(account) -> None:
    agent = account.agent(customTools=[TOOL | {"method": "GET", "timeoutMs": 2000, "headers": {"x-key": "1"}}])
    tool = agent["customTools"][0]
    assert (tool["name"], tool["method"], tool["timeoutMs"], tool["headers"]) == ("look_up", "GET", 2000, {"x-key": "1"})
    path = f"/v1/agents/{agent['id']}"
    assert [tool["name"] for tool in account.ok("PATCH", path, json={"customTools": [TOOL | {"name": "b"}]})["customTools"]] == ["b"]
    assert not account.ok("PATCH", path, json={"customTools": []})["customTools"]
    bad = [
        [TOOL, TOOL], [TOOL | {"name": "two words"}], [TOOL | {"url": "ftp://tools.example"}], [TOOL | {"method": "PUT"}],
        [TOOL | {"timeoutMs": 999}], [{"name": "a"}], [TOOL | {"name": f"t{count}"} for count in range(21)], {"name": "a"},
    ]
    for tools in bad:
        assert_v1(account.http.patch(path, json={"customTools": tools}), 422, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"country": "DE"}, "country"), ({"areaCode": "20"}, "areaCode"), ({"areaCode": 206}, "areaCode"), ({"type": "fax"}, "type"),
        ({"externalId": "x" * 256}, "externalId"), ({"expiresAt": "2001-01-01T00:00:00Z"}, "expiresAt"), ({"expiresAt": "soon"}, "expiresAt"),
    ],
)
def test_a_number_wish_that_makes_no_sense_is_422(wish, field, account) -> None:
    assert_v1(account.http.post("/v1/numbers", json=wish), 422, "VALIDATION_ERROR", ["body", field])
    assert account.ok("GET", "/v1/numbers")["total"] == 0


def test_a_number_is_tagged_untagged_and_its_expiry_cleared(account) -> None:
    number = account.buy(externalId="shop", expiresAt="2199-05-01T10:00:00+02:00")
    assert number["expiresAt"] == "2199-05-01T08:00:00.000Z"
    cleared = account.ok("PATCH", f"/v1/numbers/{number['id']}", json={"externalId": None, "expiresAt": None})
    assert (cleared["externalId"], cleared["expiresAt"]) == (None, None)


WEBHOOK_FAULTS = [
    ({}, "url"), ({"url": 5}, "url"), ({"url": "nonsense"}, "url"), ({"url": "ftp://bot.example/"}, "url"),
    ({"url": "https://bot.example/" + "a" * 2_083}, "url"), ({"url": "https://bot.example", "contextLimit": 51}, "contextLimit"),
    ({"url": "https://bot.example", "contextLimit": -1}, "contextLimit"), ({"url": "https://bot.example", "timeout": 4}, "timeout"),
    ({"url": "https://bot.example", "timeout": 121}, "timeout"), ({"url": "https://bot.example", "events": ["message.typed"]}, "events"),
    ({"url": "https://bot.example", "events": "agent.message"}, "events"),
]


@pytest.mark.parametrize(("request_body", "field"), WEBHOOK_FAULTS)
def test_a_bad_webhook_is_422_and_sets_nothing(request_body, field, account) -> None:
    agent = account.agent()
    for path in ("/v1/webhooks", f"/v1/agents/{agent['id']}/webhook"):
        answer = account.http.post(path, json=request_body)
        body = assert_v1(answer, 422, "VALIDATION_ERROR")
        assert body["detail"][0]["loc"][:2] == ["body", field]
        assert account.http.get(path).text == "null"


# --- what was given back ------------------------------------------------------------------------------------------------


def test_a_released_number_sends_nothing_and_takes_nothing(account, network) -> None:
    number, agent, phone = account.sms, account.agent(), network.handset()
    account.send(phone.number)
    account.ok("POST", f"/v1/agents/{agent['id']}/numbers", json={"numberId": number["id"]})
    account.ok("DELETE", f"/v1/numbers/{number['id']}")
    assert_v1(send(account, to_number=phone.number), 404, "NUMBER_NOT_FOUND")
    assert_v1(send(account, number_id=None, from_number=number["phoneNumber"]), 404, "PHONE_NUMBER_NOT_FOUND")
    assert_v1(send(account, number_id=None, agent_id=agent["id"]), 400, "NO_SENDING_NUMBER")
    other = account.agent()
    assert_v1(account.http.post(f"/v1/agents/{other['id']}/numbers", json={"numberId": number["id"]}), 404, "NUMBER_NOT_FOUND")
    assert account.ok("GET", f"/v1/agents/{agent['id']}")["numbers"] == []
    assert account.ok("GET", f"/v1/numbers/{number['id']}")["status"] == "released"
    assert account.ok("GET", "/v1/numbers")["total"] == 0
    conversation = account.conversation_with(phone.number)
    can = conversation["capabilities"]
    assert (can["canSendMessages"], can["sendChannel"]) == (False, None) and can["sendDisabledReason"]


def test_a_deleted_agent_leaves_its_numbers_and_conversations(account, network) -> None:
    agent, phone = account.agent(), network.handset()
    number = account.buy(agentId=agent["id"])
    conversation = account.send(phone.number, agent_id=agent["id"])["conversation_id"]
    account.ok("DELETE", f"/v1/agents/{agent['id']}")
    for method, path in [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/conversations"), ("GET", "/webhook"), ("POST", "/webhook/test")]:
        answer = account.http.request(method, f"/v1/agents/{agent['id']}{path}", json={} if method != "GET" else None)
        assert_v1(answer, 404, "AGENT_NOT_FOUND")
    assert account.ok("GET", f"/v1/numbers/{number['id']}")["agentId"] is None
    assert account.ok("GET", f"/v1/conversations/{conversation}")["agentId"] is None
    assert_v1(send(account, agent_id=agent["id"]), 404, "AGENT_NOT_FOUND")
