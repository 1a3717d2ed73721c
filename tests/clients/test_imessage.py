"""What only iMessage has, through the official Python client: reactions, typing, backgrounds, groups, effects, replies."""

import agentphone
import pytest

from harness.errors import assert_v1
from harness.phone import eventually

EFFECTS = [
    "slam", "loud", "gentle", "invisible", "confetti", "balloons", "fireworks", "celebration", "lasers", "spotlight", "echo", "love",
]
# What must come back, and be told, exactly as it was written.
TRICKY = ["<img src=x onerror=alert(1)>", "\u202eright to left", "zero\u200bwidth\u2060", "&amp;\"'\\", "é🎉\u2028"]


@pytest.fixture
def line(sdk):
    return sdk.numbers.buy(type="imessage")


@pytest.fixture
def ada(network):
    return network.handset(imessage=True)


def tap(phone, message_id: str, reaction: str | None) -> None:
    answer = phone.network.http.post(f"{phone._path}/reactions", json={"message_id": message_id, "reaction": reaction})
    assert answer.status_code == 200, answer.text


def refused(status: int, call, *arguments, **named) -> str:
    with pytest.raises(agentphone.AgentPhoneError) as raised:
        call(*arguments, **named)
    assert raised.value.status == status, raised.value
    return raised.value.message


def test_reactions_out_and_in(sdk, line, ada) -> None:
    sent = sdk.messages.send(to_number=ada.number, body="Nine?", number_id=line.id)
    for reaction in ("love", "like", "dislike", "laugh", "emphasize", "question", "🔥"):
        made = sdk.messages.react(sent["id"], reaction)
        assert list(made) == ["id", "reactionType", "messageId", "channel", "reaction_type", "message_id"]
        assert (made["reactionType"], made["reaction_type"]) == (reaction, reaction)
        assert (made["messageId"], made["message_id"], made["channel"]) == (sent["id"], sent["id"], "imessage")
        assert ada.wait_for(sent["id"])["reactions"] == [{"from": line.phone_number, "reaction": reaction}]
    assert sdk.messages.react(sent["id"], "🔥") == made, "twice is once"
    tap(ada, sent["id"], "love")

    def both():
        [message] = sdk.conversations.get(sent["conversation_id"]).messages
        return message.reactions if len(message.reactions) == 2 else None

    ours, theirs = eventually(both)
    shown = [(each.reaction_type, each.from_number, each.direction) for each in (ours, theirs)]
    assert shown == [("🔥", line.phone_number, "outbound"), ("love", ada.number, "inbound")]
    assert ours.id == made["id"] and theirs.id.startswith("rxn_") and theirs.created_at.endswith("Z")


def test_what_cannot_be_reacted_with_or_to(sdk, line, ada, network) -> None:
    sent = sdk.messages.send(to_number=ada.number, body="Nine?", number_id=line.id)
    assert "love" in refused(400, sdk.messages.react, sent["id"], "adore")
    refused(422, sdk.messages.react, sent["id"], "")
    with pytest.raises(agentphone.NotFoundError):
        sdk.messages.react("msg_nobody", "love")
    plain = sdk.messages.send(to_number=network.handset().number, body="Green", number_id=line.id)
    refused(400, sdk.messages.react, plain["id"], "love")


def test_typing(sdk, line, ada, network) -> None:
    sent = sdk.messages.send(to_number=ada.number, body="Nine?", number_id=line.id)
    conversation = sent["conversation_id"]
    expected = {"conversationId": conversation, "channel": "imessage", "status": "typing indicator sent"}
    assert sdk.conversations.send_typing(conversation) == expected
    [thread] = network._ok(network.http.get(f"{ada._path}/messages"))["threads"]
    assert thread["typing"] is True
    plain = sdk.messages.send(to_number=network.handset().number, body="Green", number_id=line.id)["conversation_id"]
    expected = {"conversationId": plain, "channel": "sms", "status": "typing indicator not supported"}
    assert sdk.conversations.send_typing(plain) == expected


def test_backgrounds(sdk, line, ada, network, receiver) -> None:
    conversation = sdk.messages.send(to_number=ada.number, body="Look", number_id=line.id)["conversation_id"]
    url = receiver.media("sea.png")
    first = sdk.conversations.set_background(conversation, url)
    assert list(first) == ["conversationId", "channel", "hasBackground", "backgroundId", "backgroundVersion", "changed"]
    assert first["backgroundId"].startswith("bg_")
    expected = {"conversationId": conversation, "channel": "imessage", "hasBackground": True, "backgroundVersion": 1}
    assert first.items() >= (expected | {"changed": True}).items()
    same = first | {"changed": False}
    assert sdk.conversations.set_background(conversation, url) == same
    assert sdk.conversations.set_background(conversation, receiver.media("the-same-bytes.png")) == same
    [thread] = network._ok(network.http.get(f"{ada._path}/messages"))["threads"]
    assert thread["background"] == url
    for _ in range(2):
        assert sdk.conversations.delete_background(conversation) == {}
    [thread] = network._ok(network.http.get(f"{ada._path}/messages"))["threads"]
    assert thread["background"] is None
    again = sdk.conversations.set_background(conversation, url)
    assert (again["backgroundVersion"], again["changed"]) == (2, True)
    for useless in (receiver.media("missing.png"), "http://127.0.0.1:9/a.png"):
        assert "image_url" in refused(400, sdk.conversations.set_background, conversation, useless)
    refused(422, sdk.conversations.set_background, conversation, "sea.png")
    plain = sdk.messages.send(to_number=network.handset().number, body="Green", number_id=line.id)["conversation_id"]
    assert sdk.conversations.set_background(plain, url) == {
        "conversationId": plain, "channel": "sms", "hasBackground": False, "backgroundId": None, "backgroundVersion": None, "changed": False,
    }
    assert sdk.conversations.delete_background(plain) == {}


def test_effects_replies_and_a_carousel(sdk, line, ada, receiver) -> None:
    for effect in EFFECTS:
        sent = sdk.messages.send(to_number=ada.number, body=effect, number_id=line.id, send_style=effect)
        assert ada.wait_for(sent["id"])["effect"] == effect
    reply = sdk.messages.send(to_number=ada.number, body="Re", number_id=line.id, reply_to_message_id=sent["id"])
    assert reply["reply_parent_unresolved"] is False and ada.wait_for(reply["id"])["reply_to"] == sent["id"]
    urls = [receiver.media(f"{count}.png") for count in range(20)]
    carousel = sdk.messages.send(to_number=ada.number, media_urls=urls, body="", number_id=line.id)
    assert (carousel["channel"], carousel["media_urls"]) == ("imessage", urls)
    assert ada.wait_for(carousel["id"])["media_urls"] == urls


def test_a_group_from_its_start_to_its_new_name(sdk, line, ada, network, receiver) -> None:
    endpoint = receiver.endpoint()
    sdk.webhooks.set(url=endpoint.url)
    ben, carl = network.handset(imessage=True, name="Ben"), network.handset(imessage=True, name="Carl")
    sent = sdk.messages.send(recipients=[ada.number, ben.number], body="Saturday?", number_id=line.id)
    group, conversation = sent["to_number"], sent["conversation_id"]
    for name in TRICKY:
        assert sdk.conversations.update(conversation, group_name=name).group_name == name
    assert network._ok(network.http.get(f"/groups/{group}"))["name"] == TRICKY[-1]
    network._ok(network.http.patch(f"/groups/{group}", json={"members": [ben.number, carl.number]}))
    roster = [{"identifier": ben.number, "name": "Ben"}, {"identifier": carl.number, "name": "Carl"}]
    eventually(lambda: sdk.conversations.get(conversation).participants == roster, what="the new roster")
    left = ada.network.http.post(f"{ada._path}/messages", json={"to": group, "body": "Wait"})
    assert left.status_code == 400, "who left cannot text the group"
    carl.text(group, "I am new here")
    data = endpoint.wait()[0].json["data"]
    assert (data["senderIdentifier"], data["from"], data["group"]["participants"]) == (carl.number, carl.number, roster)
    reply = sdk.messages.send(to_number=group, body="Welcome", number_id=line.id, reply_to_message_id=data["messageId"])
    assert (reply["reply_parent_unresolved"], reply["conversation_id"]) == (False, conversation)
    newest = sdk.conversations.get(conversation).messages[-2]
    assert (newest.body, newest.sender_identifier) == ("I am new here", carl.number)
    tap(ben, reply["id"], "like")
    event = endpoint.wait(2)[1].json
    assert (event["event"], event["data"]["reactionType"], event["data"]["senderIdentifier"]) == ("agent.reaction", "like", ben.number)
    assert event["data"]["group"]["groupId"] == group


def test_the_event_of_a_reaction_as_the_client_reads_it(sdk, line, ada, receiver) -> None:
    endpoint = receiver.endpoint()
    secret = sdk.webhooks.set(url=endpoint.url).secret
    sent = sdk.messages.send(to_number=ada.number, body=TRICKY[0], number_id=line.id, media_url=receiver.media())
    tap(ada, sent["id"], "laugh")
    [request] = endpoint.wait()
    headers = request.headers
    event = agentphone.construct_event(request.body, headers["x-webhook-signature"], secret, headers["x-webhook-timestamp"])
    assert (event.event, event.channel) == ("agent.reaction", "imessage")
    data = request.json["data"]
    assert list(data) == [
        "conversationId", "numberId", "reactionType", "fromNumber", "direction", "messageId", "messageBody", "messageMediaUrl",
        "messageMediaUrls", "createdAt",
    ]
    assert (data["reactionType"], data["fromNumber"], data["messageBody"]) == ("laugh", ada.number, TRICKY[0])
    assert data["messageMediaUrls"] == sent["media_urls"] == [data["messageMediaUrl"]]
    tap(ada, sent["id"], None)
    eventually(lambda: sdk.conversations.get(sent["conversation_id"]).messages[0].reactions == [])
    endpoint.stays_at(1, seconds=0.3)


def test_people_who_are_not_on_imessage_cannot_be_in_a_group(account, network, another_account) -> None:
    ada, ben, plain = network.handset(imessage=True), network.handset(imessage=True), network.handset()
    start = {"number_id": account.imessage["id"], "body": "Saturday?"}
    answer = account.http.post("/v1/messages", json=start | {"recipients": [ada.number, plain.number]})
    body = assert_v1(answer, 400, "CHANNEL_NOT_SUPPORTED")
    assert plain.number in body["message"]
    assert account.ok("GET", "/v1/conversations")["data"] == []
    group = account.ok("POST", "/v1/messages", json=start | {"recipients": [ada.number, ben.number]})["to_number"]
    foreign = {"number_id": another_account.imessage["id"], "to_number": group, "body": "Hello"}
    assert_v1(another_account.http.post("/v1/messages", json=foreign), 404, "GROUP_NOT_FOUND")


def test_a_conversation_says_what_can_be_done_in_it(sdk, line, ada) -> None:
    sent = sdk.messages.send(to_number=ada.number, body="Nine?", number_id=line.id)
    can = sdk.conversations.get(sent["conversation_id"]).capabilities
    assert (can.send_channel, can.reactions, can.emoji_reactions) == ("imessage", True, True)


def test_a_capability_is_looked_up_once(sdk, line, ada) -> None:
    first = sdk.contacts.get_capabilities(ada.number)
    ada.change(imessage=False)
    assert sdk.contacts.get_capabilities(ada.number) == first
    assert sdk.messages.send(to_number=ada.number, body="Green", number_id=line.id)["channel"] == "sms"
    assert sdk.contacts.get_capabilities(ada.number)["capabilities"] == {"imessage": False, "sms": True}
