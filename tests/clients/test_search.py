"""Search and deleting: the official clients have no calls for them, so plain HTTP asks, and the clients see what is left."""

import pytest
from agentphone import NotFoundError

from harness.errors import assert_v1
from harness.phone import eventually


def found(account, query: str, **more) -> dict:
    return account.ok("GET", "/v1/messages", params={"query": query} | more)


def finds(account, query: str, total: int) -> dict:
    return eventually(lambda: (page := found(account, query))["total"] == total and page, what=f"{total} with {query!r}")


def test_what_the_client_sent_and_got_is_found(account, sdk, network) -> None:
    phone = network.handset()
    sent = sdk.messages.send(to_number=phone.number, body="Your bike is ready", number_id=account.sms["id"])
    eventually(lambda: phone.received())
    phone.text(account.sms["phoneNumber"], "Which BIKE, the rote Rad or the vélo? 🚲")
    eventually(lambda: account.message(sent["conversation_id"], sent["id"])["status"] == "delivered")
    page = finds(account, "bike", 2)
    assert [row["body"] for row in page["data"]] == ["Which BIKE, the rote Rad or the vélo? 🚲", "Your bike is ready"]
    assert page["hasMore"] is False and page["data"][1]["id"] == sent["id"]
    listed = account.ok("GET", f"/v1/numbers/{account.sms['id']}/messages")["data"]
    assert sorted(page["data"], key=lambda row: row["receivedAt"]) == listed
    for query, total in (("velo", 1), ("🚲", 1), ('"rote Rad"', 1), ('"Rad rote"', 0), ("bik*", 2), ("bike OR nothing", 0)):
        assert found(account, query)["total"] == total, query
    first = found(account, "bike", limit=1)
    assert (len(first["data"]), first["hasMore"], first["total"]) == (1, True, 2)


@pytest.mark.parametrize("query", ["", "?!", "\"\"", "word " * 65])
def test_a_search_without_words_is_malformed(account, query) -> None:
    answer = account.http.get("/v1/messages", params={"query": query})
    assert_v1(answer, 422, "VALIDATION_ERROR")
    assert answer.json()["detail"][0]["loc"] == ["query", "query"]


@pytest.mark.parametrize("query", ["a AND (b", "x\" OR \"y", "'; DROP TABLE messages; --", "NEAR(a b)", "a:b", "^a", "\\", "a\x00b"])
def test_no_text_is_syntax(account, query) -> None:
    answer = account.http.get("/v1/messages", params={"query": query})
    assert answer.status_code in (200, 422), answer.text


def test_a_stranger_finds_nothing_and_deletes_nothing(account, another_account, network) -> None:
    sent = account.send(network.handset().number, "Unmistakable")
    finds(account, "unmistakable", 1)
    assert found(another_account, "unmistakable")["total"] == 0
    assert_v1(another_account.http.delete(f"/v1/messages/{sent['id']}"), 404, "MESSAGE_NOT_FOUND")
    conversation = f"/v1/conversations/{sent['conversation_id']}"
    assert_v1(another_account.http.delete(conversation), 404, "CONVERSATION_NOT_FOUND")
    assert found(account, "unmistakable")["total"] == 1


def test_the_client_does_not_see_a_deleted_message(account, sdk, network) -> None:
    phone = network.handset()
    kept = account.send(phone.number, "Stays")
    gone = account.send(phone.number, "Goes")
    phone.wait_for(gone["id"])
    finds(account, "goes", 1)
    assert account.ok("DELETE", f"/v1/messages/{gone['id']}") == {"success": True}
    conversation = sdk.conversations.get(kept["conversation_id"])
    assert [message.id for message in conversation.messages] == [kept["id"]]
    assert conversation.last_message_preview == "Stays" and conversation.message_count == 1
    assert found(account, "goes")["total"] == 0
    assert_v1(account.http.delete(f"/v1/messages/{gone['id']}"), 404, "MESSAGE_NOT_FOUND")
    eventually(lambda: "Goes" not in str(phone.shown()) + str(network.ledger(gone["id"])), what="the network forgets")


def test_the_client_does_not_see_a_deleted_conversation(account, sdk, network) -> None:
    phone = network.handset()
    phone.text(account.sms["phoneNumber"], "Secret plans")
    conversation = account.conversation_with(phone.number)
    assert account.ok("DELETE", f"/v1/conversations/{conversation['id']}") == {"success": True}
    with pytest.raises(NotFoundError):
        sdk.conversations.get(conversation["id"])
    assert sdk.conversations.list().data == []
    assert sdk.numbers.get_messages(account.sms["id"]).data == []
    phone.text(account.sms["phoneNumber"], "Hello again")
    assert account.conversation_with(phone.number)["id"] != conversation["id"]
