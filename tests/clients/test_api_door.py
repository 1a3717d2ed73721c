"""The second door, /api/numbers: sending, the number's webhook, and errors of exactly two keys."""

import pytest

from harness.account import client
from harness.errors import assert_api
from harness.phone import eventually
from harness.receiver import Answer

SEND_KEYS = ["messageId", "status", "to", "body"]


def send_path(account) -> str:
    return f"/api/numbers/{account.sms['id']}/send/sms"


def hook_path(account) -> str:
    return f"/api/numbers/{account.sms['id']}/webhook"


def test_a_text_is_queued_with_four_keys_in_order_and_arrives(account, network) -> None:
    phone = network.handset()
    answer = account.http.post(send_path(account), json={"to": phone.number, "body": "Your bike is ready."})
    assert answer.status_code == 200 and list(answer.json()) == SEND_KEYS
    sent = answer.json()
    assert sent == {"messageId": sent["messageId"], "status": "queued", "to": phone.number, "body": "Your bike is ready."}
    shown = phone.wait_for(sent["messageId"])
    assert (shown["body"], shown["channel"]) == ("Your bike is ready.", "sms")
    conversation = account.conversation_with(phone.number)
    assert account.message(conversation["id"], sent["messageId"])["body"] == "Your bike is ready.", "it shows on /v1 too"


def test_media_alone_make_an_mms_and_the_body_is_empty(account, network, receiver) -> None:
    phone, url = network.handset(), receiver.media()
    answer = account.ok("POST", send_path(account), json={"to": phone.number, "media": [url]})
    assert list(answer) == SEND_KEYS and (answer["status"], answer["body"]) == ("queued", "")
    shown = phone.wait_for(answer["messageId"])
    assert shown["channel"] == "mms" and len(shown["media_urls"]) == 1


def test_this_door_never_sends_an_imessage(account, network) -> None:
    phone = network.handset(imessage=True)
    answer = account.ok("POST", f"/api/numbers/{account.imessage['id']}/send/sms", json={"to": phone.number, "body": "Hi"})
    assert phone.wait_for(answer["messageId"])["channel"] == "sms"


def test_to_comes_back_as_e164_and_the_body_as_sent(account) -> None:
    answer = account.ok("POST", send_path(account), json={"to": "(415) 555-0142", "body": "  two  spaces\n"})
    assert (answer["to"], answer["body"]) == ("+14155550142", "  two  spaces\n")


@pytest.mark.parametrize(
    "request_body",
    [
        {}, {"body": "Hi"}, {"to": None, "body": "Hi"}, {"to": 14155550142, "body": "Hi"}, {"to": "nobody", "body": "Hi"},
        {"to": "", "body": "Hi"}, {"to": "+14155550142"}, {"to": "+14155550142", "body": ""}, {"to": "+14155550142", "body": 5},
        {"to": "+14155550142", "body": "x" * 1601}, {"to": "+14155550142", "media": "https://example.com/a.png"},
        {"to": "+14155550142", "media": [5]}, {"to": "+14155550142", "media": ["no url"]}, {"to": "+14155550142", "media": []},
        {"to": "+14155550142", "media": [f"https://example.com/{count}.png" for count in range(11)]},
        {"to": "ada@example.com", "body": "Hi"}, {"to": ["+14155550142"], "body": "Hi"},
    ],
    ids=lambda body: str(body)[:60],
)
def test_a_bad_request_is_400_and_stores_nothing(request_body, account) -> None:
    assert_api(account.http.post(send_path(account), json=request_body), 400)
    assert account.ok("GET", "/v1/conversations")["total"] == 0


def test_broken_bytes_other_types_other_methods_and_big_bodies_are_400(account) -> None:
    path, json_type = send_path(account), {"Content-Type": "application/json"}
    good = b'{"to":"+14155550142","body":"Hi"}'
    assert_api(account.http.post(path, content=b"{", headers=json_type), 400)
    assert_api(account.http.post(path, content=b"[" * 200_000, headers=json_type), 400)
    assert_api(account.http.post(path, content=good, headers={"Content-Type": "text/plain"}), 400)
    assert_api(account.http.post(path, content=good + b" " * 1024 * 1024, headers=json_type), 400)
    assert_api(account.http.get(path), 400)
    assert_api(account.http.patch(hook_path(account), json={}), 400)
    assert account.ok("GET", "/v1/conversations")["total"] == 0


def test_without_a_key_401_and_of_an_unknown_number_404(account, server) -> None:
    request = {"to": "+14155550142", "body": "Hi"}
    body = assert_api(client(server.origin, None).post(send_path(account), json=request), 401)
    assert "key" in body["message"].lower()
    assert_api(client(server.origin, "agp_wrong").get(hook_path(account)), 401)
    assert_api(account.http.post("/api/numbers/num_nobody/send/sms", json=request), 404)
    assert_api(account.http.get("/api/numbers/num_nobody/webhook"), 404)
    assert_api(account.http.get("/api/nothing"), 404)
    assert_api(account.http.get("/api/numbers"), 404)
    account.ok("DELETE", f"/v1/numbers/{account.sms['id']}")
    assert_api(account.http.post(send_path(account), json=request), 404)


def test_the_number_webhook_from_setting_to_deletion(account, receiver) -> None:
    path, url = hook_path(account), receiver.endpoint().url
    assert_api(account.http.get(path), 404)
    made = account.ok("PUT", path, json={"url": url})
    assert list(made) == ["numberId", "url", "timeout_seconds", "secret", "status", "createdAt"]
    assert (made["numberId"], made["url"], made["timeout_seconds"], made["status"]) == (account.sms["id"], url, 10, "active")
    assert made["secret"].startswith("whsec_")
    assert account.ok("GET", path) == made
    changed = account.ok("PUT", path, json={"url": url + "?v=2", "timeout_seconds": 60})
    assert (changed["secret"], changed["timeout_seconds"], changed["url"]) == (made["secret"], 60, url + "?v=2")
    rotated = account.ok("PUT", path, json={"url": url, "rotate_secret": True})
    assert rotated["secret"] != made["secret"] and rotated["secret"].startswith("whsec_")
    assert account.ok("DELETE", path) == {"success": True}
    assert_api(account.http.get(path), 404)
    assert_api(account.http.post(path + "/test"), 404)


@pytest.mark.parametrize(
    "request_body",
    [{}, {"url": None}, {"url": 5}, {"url": "nonsense"}, {"url": "ftp://bot.example"}, {"url": "https://bot.example", "timeout_seconds": 0},
     {"url": "https://bot.example", "timeout_seconds": 61}, {"url": "https://bot.example", "timeout_seconds": "10"},
     {"url": "https://bot.example", "rotate_secret": "yes"}],
    ids=str,
)
def test_a_bad_number_webhook_is_400_and_sets_nothing(request_body, account) -> None:
    assert_api(account.http.put(hook_path(account), json=request_body), 400)
    assert_api(account.http.get(hook_path(account)), 404)


def test_the_deliveries_of_a_number_are_paged(account, network, receiver) -> None:
    endpoint = receiver.endpoint(Answer())
    account.ok("PUT", hook_path(account), json={"url": endpoint.url})
    phone = network.handset()
    for count in range(3):
        phone.text(account.sms["phoneNumber"], f"{count}")
        endpoint.wait(count + 1)
    path = hook_path(account) + "/deliveries"
    eventually(lambda: [row["status"] for row in account.ok("GET", path)["data"]] == ["success"] * 3)
    whole = account.ok("GET", path)["data"]
    assert [row["messageId"] for row in whole] == [request.json["message_id"] for request in reversed(endpoint.requests)]
    assert all((row["eventType"], row["event"], row["channel"]) == ("message.inbound", "message.inbound", "sms") for row in whole)
    first, rest = (account.ok("GET", path, params={"limit": 2, "offset": offset}) for offset in (0, 2))
    assert [row["id"] for row in first["data"] + rest["data"]] == [row["id"] for row in whole]
    assert (first["hasMore"], rest["hasMore"]) == (True, False)
    for bad in ({"limit": 0}, {"offset": -1}, {"limit": "x"}):
        assert_api(account.http.get(path, params=bad), 400)


def test_an_imessage_comes_to_the_number_webhook_too(account, network, receiver) -> None:
    endpoint, phone = receiver.endpoint(), network.handset(imessage=True)
    account.ok("PUT", f"/api/numbers/{account.imessage['id']}/webhook", json={"url": endpoint.url})
    phone.text(account.imessage["phoneNumber"], "Blue bubble")
    event = endpoint.wait()[0].json
    assert (event["channel"], event["body"]) == ("imessage", "Blue bubble")


def test_trailing_slashes_and_both_spellings_work_here_too(account, network, receiver) -> None:
    phone = network.handset()
    assert account.ok("POST", send_path(account) + "/", json={"to": phone.number, "body": "Hi"})["to"] == phone.number
    made = account.ok("PUT", hook_path(account) + "/", json={"url": receiver.endpoint().url, "timeout_seconds": 5})
    assert account.ok("GET", hook_path(account) + "/") == made
