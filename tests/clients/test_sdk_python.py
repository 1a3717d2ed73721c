"""The official Python client, blocking and asynchronous, unmodified: agents, numbers, messages, conversations.

Webhook calls of the same client stand in `test_sdk_python_webhooks.py`.
"""

import agentphone
import pytest

from harness.phone import eventually, fresh_number

TIMESTAMP = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"


def test_agents_from_creation_to_deletion(sdk) -> None:
    made = sdk.agents.create(
        name="Bike shop",
        description="Answers about repairs",
        voice_mode="hosted",
        system_prompt="Be brief.",
        model_tier="max",
        begin_message="Bike shop, hello",
        transfer_number="+14155550142",
        voicemail_message="Please call back",
        stt_mode="accurate",
        ambient_sound="office",
        denoising_mode="noise-and-background-speech-cancellation",
        max_silence_ms=20_000,
        enable_messaging=False,
        enable_backchannel=False,
        interruption_sensitivity=0.25,
        voice_speed=1.5,
        language="de-DE",
    )
    assert made.id.startswith("agt_")
    assert (made.name, made.description, made.voice_mode, made.system_prompt) == (
        "Bike shop", "Answers about repairs", "hosted", "Be brief.",
    )
    assert (made.model_tier, made.stt_mode, made.ambient_sound, made.language) == ("max", "accurate", "office", "de-DE")
    assert (made.max_silence_ms, made.interruption_sensitivity, made.voice_speed) == (20_000, 0.25, 1.5)
    assert (made.enable_messaging, made.enable_backchannel) == (False, False)
    assert made.denoising_mode == "noise-and-background-speech-cancellation"
    assert made.transfer_number == "+14155550142"
    assert made.numbers == []

    assert sdk.agents.get(made.id) == made
    changed = sdk.agents.update(made.id, name="Bicycle shop", description="")
    assert changed.name == "Bicycle shop"
    assert changed.description is None, "an empty string clears an optional one"
    assert changed.system_prompt == "Be brief.", "what is absent stays"

    listed = sdk.agents.list()
    assert (listed.total, listed.has_more, [agent.id for agent in listed.data]) == (1, False, [made.id])
    assert sdk.agents.delete(made.id) == {"success": True, "id": made.id, "name": "Bicycle shop"}
    assert sdk.agents.list().total == 0
    with pytest.raises(agentphone.NotFoundError) as gone:
        sdk.agents.get(made.id)
    assert made.id in gone.value.message


def test_an_agent_made_with_its_name_alone_has_the_documented_defaults(sdk) -> None:
    made = sdk.agents.create(name="Plain")
    assert (made.voice_mode, made.model_tier, made.stt_mode, made.ambient_sound) == ("webhook", "balanced", "fast", "none")
    assert (made.max_silence_ms, made.voice_speed, made.interruption_sensitivity) == (600_000, 1.0, 0.8)
    assert (made.enable_messaging, made.enable_backchannel, made.language) == (True, True, "en-US")
    assert made.denoising_mode == "noise-cancellation"
    assert isinstance(made.voice, str) and made.voice
    assert (made.description, made.system_prompt, made.custom_tools, made.transfer_number) == (None, None, None, None)


def test_numbers_from_purchase_to_release(sdk) -> None:
    bought = sdk.numbers.buy(country="US", area_code="206", type="sms", external_id="store-17", expires_at="2199-01-01T00:00:00Z")
    assert bought.id.startswith("num_") and bought.phone_number.startswith("+1206")
    assert (bought.country, bought.status, bought.type, bought.outbound_sms) == ("US", "active", "sms", "enabled")
    assert (bought.external_id, bought.expires_at) == ("store-17", "2199-01-01T00:00:00.000Z")
    assert (bought.agent_id, bought.daily_new_contacts, bought.rcs_fallback_for_alias) == (None, None, None)
    assert (bought.inbound_calls_enabled, bought.read_receipts_enabled, bought.whatsapp_enabled) == (True, False, False)

    line = sdk.numbers.buy(type="imessage")
    assert line.type == "imessage" and set(line.daily_new_contacts) == {"used", "limit"}
    assert sdk.numbers.get(bought.id) == bought
    page = sdk.numbers.list(limit=1)
    assert (page.total, page.has_more, len(page.data)) == (2, True, 1)
    rest = sdk.numbers.list(limit=1, offset=1)
    assert {page.data[0].id, rest.data[0].id} == {bought.id, line.id} and not rest.has_more

    renamed = sdk.numbers.update(bought.id, external_id="store-18")
    assert (renamed.external_id, renamed.expires_at) == ("store-18", bought.expires_at)
    released = sdk.numbers.release(bought.id)
    assert released["success"] is True and released["status"] == "released"
    assert (released["id"], released["phoneNumber"]) == (bought.id, bought.phone_number)
    assert isinstance(released["message"], str) and released["message"]
    assert [number.id for number in sdk.numbers.list().data] == [line.id]
    assert sdk.numbers.get(bought.id).status == "released"


def test_attaching_moves_a_number_and_detaching_keeps_it(sdk) -> None:
    first, second = sdk.agents.create(name="First"), sdk.agents.create(name="Second")
    number = sdk.numbers.buy(type="sms", agent_id=first.id)
    assert number.agent_id == first.id
    summary = {"id": number.id, "phoneNumber": number.phone_number, "status": "active", "type": "sms"}
    assert sdk.agents.attach_number(second.id, number.id) == {"agentId": second.id, "number": summary}
    assert sdk.agents.get(first.id).numbers == []
    assert [attached.id for attached in sdk.agents.get(second.id).numbers] == [number.id]
    assert sdk.agents.detach_number(second.id, number.id) == {"success": True}
    kept = sdk.numbers.get(number.id)
    assert (kept.agent_id, kept.status) == (None, "active")


def test_sending_by_number_id_reaches_the_phone(sdk, network) -> None:
    phone, number = network.handset(), sdk.numbers.buy(type="sms")
    sent = sdk.messages.send(to_number=phone.number, body="Your bike is ready.", number_id=number.id)
    assert list(sent) == [
        "id", "status", "channel", "from_number", "to_number", "media_urls",
        "reply_to_message_id", "reply_parent_unresolved", "conversation_id",
    ]
    assert (sent["status"], sent["channel"], sent["media_urls"]) == ("sent", "sms", [])
    assert (sent["from_number"], sent["to_number"]) == (number.phone_number, phone.number)
    assert (sent["reply_to_message_id"], sent["reply_parent_unresolved"]) == (None, None)
    shown = phone.wait_for(sent["id"])
    assert (shown["body"], shown["from"], shown["channel"]) == ("Your bike is ready.", number.phone_number, "sms")


def test_sending_by_from_number_wins_over_the_other_senders(sdk, network) -> None:
    phone = network.handset()
    agent = sdk.agents.create(name="Labels only")
    first, second = sdk.numbers.buy(type="sms", agent_id=agent.id), sdk.numbers.buy(type="sms")
    sent = sdk.messages.send(
        to_number=phone.number, body="Hi", from_number=second.phone_number, number_id=first.id, agent_id=agent.id
    )
    assert sent["from_number"] == second.phone_number
    by_number = sdk.messages.send(to_number=phone.number, body="Hi", number_id=second.id, agent_id=agent.id)
    assert by_number["from_number"] == second.phone_number
    by_agent = sdk.messages.send(to_number=phone.number, body="Hi", agent_id=agent.id)
    assert by_agent["from_number"] == first.phone_number
    assert sdk.conversations.get(by_agent["conversation_id"]).agent_id == agent.id


def test_sending_pictures_makes_an_mms(sdk, network, receiver) -> None:
    phone, number = network.handset(), sdk.numbers.buy(type="sms")
    one, two = receiver.media("a.png"), receiver.media("b.png?size=1&crop=2")
    single = sdk.messages.send(to_number=phone.number, body="Look", number_id=number.id, media_url=one)
    assert (single["channel"], single["media_urls"]) == ("mms", [one])
    several = sdk.messages.send(to_number=phone.number, number_id=number.id, media_url=one, media_urls=[two, one])
    assert (several["channel"], several["media_urls"]) == ("mms", [one, two]), "the single one first, no duplicates"
    assert phone.wait_for(single["id"])["media_urls"], "the picture arrived"
    row = next(m for m in sdk.conversations.get_messages(several["conversation_id"]).data if m.id == several["id"])
    assert (row.body, row.media_url, row.media_urls) == ("", one, [one, two])


def test_an_effect_and_a_reply_are_dropped_on_sms_and_the_text_goes_out(sdk, network) -> None:
    phone, number = network.handset(), sdk.numbers.buy(type="sms")
    parent = sdk.messages.send(to_number=phone.number, body="First", number_id=number.id)
    sent = sdk.messages.send(
        to_number=phone.number, body="Second", number_id=number.id, send_style="confetti", reply_to_message_id=parent["id"]
    )
    assert (sent["channel"], sent["reply_to_message_id"], sent["reply_parent_unresolved"]) == ("sms", parent["id"], True)
    shown = phone.wait_for(sent["id"])
    assert (shown["body"], shown["effect"], shown["reply_to"]) == ("Second", None, None)


def test_an_imessage_reaches_an_imessage_phone_with_its_effect(sdk, network) -> None:
    phone, line = network.handset(imessage=True), sdk.numbers.buy(type="imessage")
    parent = sdk.messages.send(to_number=phone.number, body="First", number_id=line.id)
    assert parent["channel"] == "imessage"
    sent = sdk.messages.send(
        to_number=phone.number, body="Second", number_id=line.id, send_style="slam", reply_to_message_id=parent["id"]
    )
    assert (sent["channel"], sent["reply_parent_unresolved"]) == ("imessage", False)
    assert phone.wait_for(sent["id"])["effect"] == "slam"


def test_recipients_start_a_group_on_an_imessage_line(sdk, network) -> None:
    ada, ben = network.handset(imessage=True), network.handset(imessage=True)
    line = sdk.numbers.buy(type="imessage")
    sent = sdk.messages.send(recipients=[ada.number, ben.number], body="Saturday ride?", number_id=line.id)
    assert sent["to_number"].startswith("grp_") and sent["channel"] == "imessage"
    for phone in (ada, ben):
        assert phone.wait_for(sent["id"])["group_id"]
    group = sdk.conversations.get(sent["conversation_id"])
    assert group.is_group and group.group_id == sent["to_number"] == group.participant
    assert {member["identifier"] for member in group.participants} == {ada.number, ben.number}
    again = sdk.messages.send(to_number=sent["to_number"], body="At nine", number_id=line.id)
    assert again["conversation_id"] == sent["conversation_id"]


def test_conversations_and_their_history(sdk, network) -> None:
    phone, agent = network.handset(), sdk.agents.create(name="Desk")
    number = sdk.numbers.buy(type="sms", agent_id=agent.id)
    phone.text(number.phone_number, "Is my bike ready?")
    listed = eventually(lambda: sdk.conversations.list().data)
    assert len(listed) == 1
    conversation = listed[0]
    assert (conversation.participant, conversation.phone_number) == (phone.number, number.phone_number)
    assert (conversation.channel, conversation.message_count) == ("sms", 1)
    assert conversation.last_message_preview == "Is my bike ready?"
    assert (conversation.agent_id, conversation.phone_number_id) == (agent.id, number.id)
    assert (conversation.is_group, conversation.group_id, conversation.participants) == (None, None, None)
    can = conversation.capabilities
    assert (can.can_send_messages, can.send_disabled_reason, can.send_channel) == (True, None, "sms")
    assert (can.media, can.reactions, can.emoji_reactions) == (True, False, False)
    assert (can.available_channels, can.media_channels) == (["sms", "mms"], ["mms"])

    answer = sdk.messages.send(to_number=phone.number, body="Yes!", number_id=number.id)
    assert answer["conversation_id"] == conversation.id
    whole = sdk.conversations.get(conversation.id)
    assert [(m.direction, m.body) for m in whole.messages] == [("inbound", "Is my bike ready?"), ("outbound", "Yes!")]
    inbound, outbound = whole.messages
    assert (inbound.from_number, inbound.to_number, inbound.status) == (phone.number, number.phone_number, "received")
    assert (outbound.from_number, outbound.to_number) == (number.phone_number, phone.number)
    assert (outbound.media_url, outbound.media_urls, outbound.reactions, outbound.reply_to) == (None, [], [], None)
    assert [m.id for m in sdk.conversations.get(conversation.id, message_limit=1).messages] == [answer["id"]]

    delivered = eventually(lambda: next(
        (m for m in sdk.conversations.get(conversation.id).messages if m.id == answer["id"] and m.status == "delivered"), None
    ))
    assert delivered.delivered_channel == "sms" and delivered.delivered_at and delivered.error_code is None
    pages = sdk.conversations.get_messages(conversation.id, limit=1)
    assert [m.id for m in pages.data] == [answer["id"]] and pages.has_more
    older = sdk.conversations.get_messages(conversation.id, limit=1, before=pages.data[0].received_at)
    assert [m.id for m in older.data] == [inbound.id] and not older.has_more
    newer = sdk.conversations.get_messages(conversation.id, after=inbound.received_at)
    assert [m.id for m in newer.data] == [answer["id"]] and not newer.has_more
    assert [row.id for row in sdk.agents.list_conversations(agent.id).data] == [conversation.id]
    rows = sdk.numbers.get_messages(number.id)
    assert [(m.from_number, m.to_number, m.conversation_id) for m in rows.data] == [
        (phone.number, number.phone_number, conversation.id), (number.phone_number, phone.number, conversation.id),
    ]


def test_metadata_is_replaced_and_kept(sdk, network) -> None:
    number = sdk.numbers.buy(type="sms")
    conversation = sdk.messages.send(to_number=network.handset().number, body="Hi", number_id=number.id)["conversation_id"]
    assert sdk.conversations.get(conversation).metadata is None
    updated = sdk.conversations.update(conversation, metadata={"ticket": "R-118", "open": True})
    assert updated.metadata == {"ticket": "R-118", "open": True} and len(updated.messages) == 1
    assert sdk.conversations.update(conversation).metadata == {"ticket": "R-118", "open": True}, "absent changes nothing"
    assert sdk.conversations.update(conversation, metadata={}).metadata == {}
    assert sdk.conversations.update(conversation, group_name="Ignored").group_name is None


def test_what_a_phone_can_do(sdk, network) -> None:
    apple, plain = network.handset(imessage=True), network.handset()
    answer = sdk.contacts.get_capabilities(apple.number)
    assert list(answer) == ["phoneNumber", "capabilities", "checkedAt"]
    assert (answer["phoneNumber"], answer["capabilities"]) == (apple.number, {"imessage": True, "sms": True})
    assert sdk.contacts.get_capabilities(plain.number)["capabilities"] == {"imessage": False, "sms": True}


def test_errors_arrive_as_the_clients_own_classes_with_our_sentence(sdk, clients, server) -> None:
    with pytest.raises(agentphone.AuthenticationError) as refused:
        clients.make(server.origin, "agp_wrong").agents.list()
    assert refused.value.status == 401 and isinstance(refused.value.message, str) and len(refused.value.message) > 10

    with pytest.raises(agentphone.NotFoundError) as missing:
        sdk.numbers.get("num_doesnotexist")
    assert missing.value.status == 404 and "num_doesnotexist" in missing.value.message

    with pytest.raises(agentphone.AgentPhoneError) as malformed:
        sdk.messages.send(body="Hi", number_id=sdk.numbers.buy(type="sms").id)
    assert malformed.value.status == 422 and type(malformed.value) is agentphone.AgentPhoneError
    assert malformed.value.message[0]["loc"] == ["body", "to_number"], "on 422 detail is the list of fields"

    agent = sdk.agents.create(name="No number")
    with pytest.raises(agentphone.AgentPhoneError) as senderless:
        sdk.messages.send(to_number=fresh_number(), body="Hi", agent_id=agent.id)
    assert senderless.value.status == 400 and isinstance(senderless.value.message, str)
