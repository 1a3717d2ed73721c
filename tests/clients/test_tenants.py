"""Every id of one customer tried by another, on every route and method that the server's own document lists.

The list is built from `openapi.json`, so a new route is covered on the day it is written.
"""

import re

import pytest

from harness.phone import eventually
from harness.receiver import Answer

METHODS = ("get", "put", "post", "delete", "patch")
PARAMETER = re.compile(r"\{[^}]+\}")
FOREIGN_NOT_ASKED = ("/sim/", "/api/v1/", "/media/", "/dashboard")
# What a request must say to be well formed, by the end of its path.
BODIES = {
    ("post", "/numbers"): {"numberId": "num_own"},
    ("post", "/webhook"): {"url": "http://127.0.0.1:9/"},
    ("put", "/webhook"): {"url": "http://127.0.0.1:9/"},
    ("post", "/send/sms"): {"to": "+14155550142", "body": "Hi"},
    ("post", "/reactions"): {"reaction": "love"},
    ("post", "/background"): {"image_url": "https://example.com/a.png"},
}


@pytest.fixture
def victim(account, network, receiver) -> dict:
    """One object of each kind, and what it looked like before the stranger came."""
    agent = account.agent(name="Victim")
    number = account.buy(type="sms", agentId=agent["id"])
    endpoint, phone = receiver.endpoint(Answer()), network.handset()
    account.ok("POST", "/v1/webhooks", json={"url": endpoint.url})
    account.ok("POST", f"/v1/agents/{agent['id']}/webhook", json={"url": endpoint.url})
    account.ok("PUT", f"/api/numbers/{number['id']}/webhook", json={"url": endpoint.url})
    phone.text(number["phoneNumber"], "Private")
    message = endpoint.wait(2)[0].json
    eventually(lambda: all(row["status"] == "success" for row in account.deliveries()))
    ids = {
        "agents": agent["id"],
        "numbers": number["id"],
        "conversations": account.conversation_with(phone.number)["id"],
        "messages": message["data"]["messageId"] if "data" in message else message["message_id"],
        "deliveries": account.deliveries()[0]["id"],
    }
    return {"account": account, "ids": ids, "number": number, "phone": phone}


def picture_of(victim: dict) -> list:
    account, ids = victim["account"], victim["ids"]
    paths = [
        f"/v1/agents/{ids['agents']}", f"/v1/numbers/{ids['numbers']}", f"/v1/conversations/{ids['conversations']}",
        "/v1/webhooks", f"/v1/agents/{ids['agents']}/webhook", f"/api/numbers/{ids['numbers']}/webhook", "/v1/webhooks/deliveries",
    ]
    return [account.ok("GET", path) for path in paths]


def requests_with_ids(document: dict, ids: dict[str, str]) -> list[tuple[str, str, dict | None]]:
    """Each operation that names an object, with the owner's ids in the place of its parameters."""
    found = []
    for template, operations in document["paths"].items():
        if "{" not in template or template.startswith(FOREIGN_NOT_ASKED):
            continue
        parts = template.split("/")
        for index, part in enumerate(parts):
            if PARAMETER.fullmatch(part):
                parts[index] = ids.get(parts[index - 1], "id_of_something_unbuilt")
        for method in METHODS:
            if method in operations:
                end = PARAMETER.sub("", template)
                body = next((value for (verb, tail), value in BODIES.items() if verb == method and end.endswith(tail)), {})
                found.append((method, "/".join(parts), body if method in ("post", "put", "patch") else None))
    return found


def test_another_customers_ids_are_404_on_every_route(victim, another_account, server) -> None:
    document = victim["account"].http.get("/openapi.json").json()
    attempts = requests_with_ids(document, victim["ids"])
    assert len(attempts) >= 20, "the document lists the routes of the core"
    own = another_account.sms
    before = picture_of(victim)
    for method, path, body in attempts:
        if body and body.get("numberId"):
            body = {"numberId": own["id"]}
        answer = another_account.http.request(method.upper(), path, json=body)
        assert answer.status_code == 404, f"{method} {path}: {answer.status_code} {answer.text}"
        assert not [secret for secret in ("Private", "whsec_", victim["phone"].number) if secret in answer.text]
        owner = victim["account"].http.request("GET", path) if method == "get" else None
        assert owner is None or owner.status_code in (200, 404), f"{path} is a real path of its owner"
    assert picture_of(victim) == before, "nothing was touched"


def test_another_customers_ids_are_unknown_inside_a_request(victim, another_account) -> None:
    ids, stranger = victim["ids"], another_account
    agent, number = stranger.agent(), stranger.sms
    text = {"to_number": "+14155550142", "body": "Hi"}
    attempts = [
        ("POST", "/v1/messages", text | {"number_id": ids["numbers"]}, "NUMBER_NOT_FOUND"),
        ("POST", "/v1/messages", text | {"from_number": victim["number"]["phoneNumber"]}, "PHONE_NUMBER_NOT_FOUND"),
        ("POST", "/v1/messages", text | {"agent_id": ids["agents"]}, "AGENT_NOT_FOUND"),
        ("POST", "/v1/messages", text | {"number_id": number["id"], "agent_id": ids["agents"]}, "AGENT_NOT_FOUND"),
        ("POST", "/v1/numbers", {"agentId": ids["agents"]}, "AGENT_NOT_FOUND"),
        ("POST", f"/v1/agents/{agent['id']}/numbers", {"numberId": ids["numbers"]}, "NUMBER_NOT_FOUND"),
        ("POST", f"/v1/agents/{ids['agents']}/numbers", {"numberId": number["id"]}, "AGENT_NOT_FOUND"),
        ("DELETE", f"/v1/agents/{ids['agents']}/numbers/{number['id']}", None, "AGENT_NOT_FOUND"),
        ("DELETE", f"/v1/agents/{agent['id']}/numbers/{ids['numbers']}", None, "NUMBER_NOT_FOUND"),
        ("POST", f"/v1/webhooks/test?agentId={ids['agents']}", None, "AGENT_NOT_FOUND"),
    ]
    stranger.ok("POST", "/v1/webhooks", json={"url": "http://127.0.0.1:9/"})
    for method, path, body, code in attempts:
        answer = stranger.http.request(method, path, json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, code), f"{method} {path} {body}: {answer.text}"
    assert stranger.ok("GET", "/v1/numbers")["total"] == 1, "nothing was bought for a foreign agent"
    answer = stranger.ok("POST", "/v1/messages", json=text | {"number_id": number["id"], "reply_to_message_id": ids["messages"]})
    assert answer["reply_parent_unresolved"] is True, "a foreign parent is unknown"


def test_lists_show_only_what_is_yours(victim, another_account) -> None:
    for path in ("/v1/agents", "/v1/numbers", "/v1/conversations"):
        assert another_account.ok("GET", path) == {"data": [], "hasMore": False, "total": 0}
    assert another_account.deliveries() == []
    assert another_account.ok("GET", "/v1/webhooks") is None
    assert another_account.ok("GET", "/v1/webhooks/deliveries/all-time")["total"] == 0


def test_two_customers_texting_one_person_stay_apart(account, another_account, network) -> None:
    phone = network.handset()
    first, second = account.send(phone.number, "From A"), another_account.send(phone.number, "From B")
    assert first["conversation_id"] != second["conversation_id"]
    assert [row["body"] for row in account.history(first["conversation_id"])] == ["From A"]
    assert another_account.http.get(f"/v1/conversations/{first['conversation_id']}").status_code == 404
