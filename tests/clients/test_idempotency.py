"""`Idempotency-Key`: one key is one message, whatever a client repeats."""

import concurrent.futures
import json

import pytest

from harness.errors import assert_api, assert_v1

JSON = {"Content-Type": "application/json"}


def post(account, key: str, path: str = "/v1/messages", **request):
    return account.http.post(path, json=request, headers={"Idempotency-Key": key})


def test_fifty_at_once_with_one_key_are_one_message(account, network) -> None:
    phone = network.handset()
    request = {"to_number": phone.number, "body": "Once", "number_id": account.sms["id"]}
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: post(account, "fifty", **request), range(50)))
    done = [answer for answer in answers if answer.status_code == 200]
    assert done and len({answer.json()["id"] for answer in done}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in done) == 1, "one of them did it"
    for answer in answers:
        if answer.status_code != 200:
            assert_v1(answer, 409, "IDEMPOTENCY_IN_PROGRESS")
            assert answer.headers["retry-after"] == "1"
    again = post(account, "fifty", **request)
    assert again.status_code == 200 and again.headers["idempotency-replayed"] == "true"
    assert again.json() == done[0].json()
    phone.wait_for(again.json()["id"])
    assert [message["body"] for message in phone.received()] == ["Once"]
    assert len(account.history(again.json()["conversation_id"])) == 1


def test_the_same_key_with_another_body_is_a_conflict(account, network) -> None:
    phone = network.handset()
    first = post(account, "reused", to_number=phone.number, body="One", number_id=account.sms["id"])
    assert first.status_code == 200
    assert_v1(post(account, "reused", to_number=phone.number, body="Two", number_id=account.sms["id"]), 409, "IDEMPOTENCY_KEY_REUSED")
    phone.wait_for(first.json()["id"])
    assert [message["body"] for message in phone.received()] == ["One"]


def test_order_of_keys_and_white_space_do_not_matter(account, network) -> None:
    phone = network.handset()
    request = {"to_number": phone.number, "body": "Same", "number_id": account.sms["id"]}
    first = post(account, "spaced", **request)
    turned = json.dumps(dict(reversed(request.items())), indent=4)
    second = account.http.post("/v1/messages", content=turned, headers=JSON | {"Idempotency-Key": "spaced"})
    assert second.headers["idempotency-replayed"] == "true" and second.json() == first.json()


def test_a_refusal_is_replayed_too(account) -> None:
    request = {"to_number": "+14155550142", "body": "x" * 1601, "number_id": account.sms["id"]}
    first, second = post(account, "refused", **request), post(account, "refused", **request)
    for answer in (first, second):
        assert_v1(answer, 400, "BODY_TOO_LONG")
    assert "idempotency-replayed" not in first.headers and second.headers["idempotency-replayed"] == "true"
    assert first.json() == second.json()


def test_keys_belong_to_one_account_and_one_path(account, another_account, network) -> None:
    phone = network.handset()
    ids = set()
    for who in (account, another_account):
        answer = post(who, "shared", to_number=phone.number, body="Hi", number_id=who.sms["id"])
        assert answer.status_code == 200 and "idempotency-replayed" not in answer.headers
        ids.add(answer.json()["id"])
    bought = post(account, "shared", "/v1/numbers", type="sms")
    assert bought.status_code == 200 and "idempotency-replayed" not in bought.headers
    assert len(ids) == 2


def test_a_purchase_is_made_once(account) -> None:
    first, second = (post(account, "buy", "/v1/numbers", type="sms", areaCode="206") for _ in range(2))
    assert first.json() == second.json() and second.headers["idempotency-replayed"] == "true"
    assert account.ok("GET", "/v1/numbers")["total"] == 1


def test_the_other_door_keeps_keys_too(account, network) -> None:
    phone, path = network.handset(), f"/api/numbers/{account.sms['id']}/send/sms"
    first, second = (post(account, "door", path, to=phone.number, body="Hi") for _ in range(2))
    assert first.json() == second.json() and second.headers["idempotency-replayed"] == "true"
    body = assert_api(post(account, "door", path, to=phone.number, body="Other"), 409)
    assert body["message"].startswith("IDEMPOTENCY_KEY_REUSED: ")
    phone.wait_for(first.json()["messageId"])
    assert len(phone.received()) == 1


def test_without_a_key_two_equal_sends_are_two_messages(account, network) -> None:
    phone = network.handset()
    first, second = account.send(phone.number, "Twice"), account.send(phone.number, "Twice")
    assert first["id"] != second["id"]
    phone.wait_for(second["id"])
    assert [message["body"] for message in phone.received()] == ["Twice", "Twice"]


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_of_a_wrong_length_is_422(key, account) -> None:
    answer = post(account, key, to_number="+14155550142", body="Hi", number_id=account.sms["id"])
    assert_v1(answer, 422, "VALIDATION_ERROR")
    assert account.ok("GET", "/v1/conversations")["total"] == 0


def test_it_is_ignored_where_it_has_no_meaning(account) -> None:
    first, second = (post(account, "agents", "/v1/agents", name="Same") for _ in range(2))
    assert first.json()["id"] != second.json()["id"] and "idempotency-replayed" not in second.headers
