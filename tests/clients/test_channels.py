"""Which channel a message takes, what the carrier's answer does to it, and that no text is ever doubled."""

import concurrent.futures
import time

from harness.phone import eventually


def accepted(network, message_id: str) -> list[str]:
    """The channels on which the network took this message."""
    return [entry["channel"] for entry in network.ledger(message_id) if entry["outcome"] == "accepted"]


def settled(account, sent: dict, *statuses: str) -> dict:
    return eventually(
        lambda: next((row for row in account.history(sent["conversation_id"]) if row["id"] == sent["id"] and row["status"] in statuses), None),
        what=f"{sent['id']} becomes {' or '.join(statuses)}",
    )


def test_an_imessage_line_texts_a_plain_phone_by_sms(account, network) -> None:
    phone = network.handset(imessage=False)
    sent = account.send(phone.number, number_id=account.imessage["id"])
    assert (sent["channel"], sent["status"], sent["from_number"]) == ("sms", "sent", account.imessage["phoneNumber"])
    assert phone.wait_for(sent["id"])["channel"] == "sms"
    assert settled(account, sent, "delivered")["deliveredChannel"] == "sms"


def test_a_phone_that_left_imessage_gets_the_same_message_by_sms(account, network) -> None:
    phone = network.handset(imessage=True)
    before = account.send(phone.number, "Blue", number_id=account.imessage["id"])
    assert before["channel"] == "imessage"
    phone.change(imessage=False)
    sent = account.send(phone.number, "Green", number_id=account.imessage["id"])
    assert phone.wait_for(sent["id"])["channel"] == "sms"
    row = settled(account, sent, "delivered")
    assert (row["channel"], row["deliveredChannel"], row["body"]) == ("sms", "sms", "Green")
    assert accepted(network, sent["id"]) == ["sms"]
    assert row["id"] == sent["id"] and sent["conversation_id"] == before["conversation_id"]


def test_a_refused_imessage_falls_back_under_the_same_id(account, network, receiver, faulty) -> None:
    phone = network.handset(imessage=True)
    faulty.faults(refuse_next=1)
    sent = account.send(phone.number, "Either way", number_id=account.imessage["id"])
    assert settled(account, sent, "sent", "delivered")["channel"] == "sms"
    assert [message["channel"] for message in phone.received()] == ["sms"]
    assert [(entry["channel"], entry["outcome"]) for entry in network.ledger(sent["id"])] == [("imessage", "refused"), ("sms", "accepted")]
    faulty.faults(refuse_next=1)
    picture = account.send(phone.number, "", number_id=account.imessage["id"], media_url=receiver.media())
    assert settled(account, picture, "sent", "delivered")["channel"] == "mms"


def test_a_refused_text_is_200_failed_with_a_reason(account, network, faulty) -> None:
    phone = network.handset()
    faulty.faults(refuse_next=1)
    sent = account.send(phone.number, "No")
    assert sent["status"] == "failed" and sent["error_code"] and sent["failure_reason"]
    row = account.message(sent["conversation_id"], sent["id"])
    assert (row["status"], row["errorCode"], row["failureReason"]) == ("failed", sent["error_code"], sent["failure_reason"])
    time.sleep(0.3)
    assert phone.received() == [] and accepted(network, sent["id"]) == []


def test_a_withheld_answer_is_queued_and_settles_when_it_comes(account, network, faulty) -> None:
    phone = network.handset()
    faulty.faults(withhold_next=1)
    before = time.monotonic()
    sent = account.send(phone.number, "Hanging")
    assert sent["status"] == "queued" and time.monotonic() - before >= 1.5, "it waited for the carrier"
    faulty.faults(release=True)
    settled(account, sent, "sent", "delivered")
    assert accepted(network, sent["id"]) == ["sms"], "one submit, never a second"
    assert len(phone.received()) == 1


def test_a_slow_carrier_is_waited_for(account, network, faulty) -> None:
    phone = network.handset()
    faulty.faults(accept_delay_ms=700)
    before = time.monotonic()
    assert account.send(phone.number)["status"] == "sent"
    assert time.monotonic() - before >= 0.6


def test_a_line_that_is_down_queues_at_once_and_keeps_the_order(account, network, faulty) -> None:
    phone = network.handset()
    account.sms  # noqa: B018 - bought while the line is up
    faulty.faults(link_down=True)
    time.sleep(0.3)
    before = time.monotonic()
    sent = [account.send(phone.number, f"{count}") for count in range(5)]
    assert [each["status"] for each in sent] == ["queued"] * 5 and time.monotonic() - before < 5
    assert phone.received() == []
    faulty.faults(link_down=False)
    eventually(lambda: len(phone.received()) == 5)
    assert [message["body"] for message in phone.received()] == [f"{count}" for count in range(5)]
    for each in sent:
        assert accepted(network, each["id"]) == ["sms"]


def test_two_hundred_at_once_arrive_once_each(account, network) -> None:
    phones = [network.handset() for _ in range(10)]
    account.sms  # noqa: B018 - bought before the crowd comes
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        sent = list(pool.map(lambda count: account.send(phones[count % 10].number, f"{count}"), range(200)))
    assert len({each["id"] for each in sent}) == 200
    eventually(lambda: sum(len(phone.received()) for phone in phones) == 200)
    for index, phone in enumerate(phones):
        assert sorted(int(message["body"]) for message in phone.received()) == list(range(index, 200, 10))


def test_media_that_cannot_be_used_fail_the_message(account, network, receiver) -> None:
    sent = account.send(network.handset().number, "Look", media_url=receiver.media("missing.png"))
    row = settled(account, sent, "failed")
    assert row["errorCode"] == "MEDIA_NOT_USABLE" and row["failureReason"]


def test_a_reply_to_an_unknown_message_goes_out_and_says_so(account, network) -> None:
    phone = network.handset(imessage=True)
    sent = account.send(phone.number, number_id=account.imessage["id"], reply_to_message_id="msg_nobody")
    assert (sent["reply_to_message_id"], sent["reply_parent_unresolved"]) == ("msg_nobody", True)
    phone.wait_for(sent["id"])


def test_an_imessage_reply_is_threaded_both_ways(account, network, receiver) -> None:
    endpoint = receiver.endpoint()
    account.ok("POST", "/v1/webhooks", json={"url": endpoint.url})
    phone = network.handset(imessage=True)
    sent = account.send(phone.number, "Nine or ten?", number_id=account.imessage["id"])
    phone.text(account.imessage["phoneNumber"], "Ten", reply_to=sent["id"])
    quoted = {"messageId": sent["id"], "message": "Nine or ten?", "mediaUrls": []}
    data = endpoint.wait()[0].json["data"]
    assert data["replyTo"] == quoted
    answer = account.send(phone.number, "Fine", number_id=account.imessage["id"], reply_to_message_id=data["messageId"])
    assert answer["reply_parent_unresolved"] is False and phone.wait_for(answer["id"])["reply_to"]
    row = account.message(sent["conversation_id"], answer["id"])
    assert row["replyTo"]["messageId"] == data["messageId"] and row["replyTo"]["message"] == "Ten"


def test_stop_words_are_delivered_like_any_other_text(account, network, receiver) -> None:
    endpoint = receiver.endpoint()
    account.ok("POST", "/v1/webhooks", json={"url": endpoint.url})
    network.handset().text(account.sms["phoneNumber"], "Stop by at nine?")
    assert endpoint.wait()[0].json["data"]["message"] == "Stop by at nine?"
    assert "keyword" not in endpoint.requests[0].json["data"]
