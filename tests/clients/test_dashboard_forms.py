"""Every form of the dashboard: what it does, what it refuses and says, and that no other site can post it."""

import json
import re

import pytest

from harness.account import Account, client
from harness.browser import CROSS, SAME, Browser
from harness.phone import eventually, fresh_number
from harness.receiver import reply

FORMS = [
    "/sign-in", "/sign-out", "/password", "/agents", "/agents/agt_0", "/agents/agt_0/delete", "/agents/agt_0/numbers",
    "/agents/agt_0/numbers/num_0/detach", "/numbers", "/numbers/num_0", "/numbers/num_0/release", "/keys", "/keys/key_0/revoke",
    "/conversations/conv_0/messages", "/conversations/conv_0/metadata", "/webhooks/dlv_0/replay", "/endpoints/account",
    "/endpoints/account/delete", "/endpoints/account/secret", "/endpoints/account/rotate", "/endpoints/account/test",
    "/settings", "/settings/sessions",
]


@pytest.fixture
def browser(account: Account) -> Browser:
    return Browser(account)


@pytest.mark.parametrize("path", FORMS)
def test_a_form_that_another_site_posts_is_refused(path, browser) -> None:
    other = {"Origin": "http://evil.example"}
    for headers in (CROSS, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"}, {}, other, {"Origin": "null"}, CROSS | other):
        answer = browser.http.post(path, data={"name": "Mallory"}, headers=headers)
        assert answer.status_code == 403 and "nothing was done" in answer.text, (path, headers)
    assert "Mallory" not in browser.page("/agents") + browser.page("/keys") + browser.page("/settings")


@pytest.mark.parametrize("path", [path for path in FORMS if path not in ("/sign-in", "/sign-out")])
def test_a_form_needs_a_session(path, server) -> None:
    browser = client(server.origin, None)
    answer = browser.post(path, headers=SAME)
    assert (answer.status_code, answer.headers["location"]) == (303, "/"), path
    answer = browser.post(path, data={"name": "what was typed"}, headers=SAME)
    assert answer.status_code == 401 and "what was typed" in answer.text, "it is not lost"
    answer = browser.post(path, data={"password": "what was typed"}, headers=SAME)
    assert answer.status_code == 303 and "what was typed" not in answer.text, "unless it is secret"


def test_every_form_of_every_page_is_among_these(account, browser) -> None:
    """A form that is added must be added above, and so be refused to other sites."""
    agent, conversation = account.agent(), account.send(fresh_number())["conversation_id"]
    account.ok("POST", f"/v1/agents/{agent['id']}/numbers", json={"numberId": account.sms["id"]})
    pages = ["/", "/agents", "/numbers", "/keys", "/webhooks", "/settings", "/handset", f"/agents/{agent['id']}",
             f"/numbers/{account.sms['id']}", f"/conversations/{conversation}", "/endpoints/account"]
    known = {re.sub(r"/(agt|num|conv|key|dlv)_0", r"/ID", path) for path in FORMS} | {"/endpoints/ID"}
    known |= {path.replace("/account", "/ID") for path in known}
    for path in pages:
        for form in re.findall(r"<form[^>]*method=\"post\"[^>]*>", browser.page(path)):
            action = re.sub(r"/(agt|num|conv|key|dlv)_\w+", r"/ID", re.search(r'action="([^"]+)"', form)[1])
            assert action in known, f"{path}: {form}"


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data; boundary=x"])
def test_only_forms_are_read(kind, browser) -> None:
    answer = browser.http.post("/agents", content=b'{"name": "x"}', headers=SAME | {"Content-Type": kind})
    assert answer.status_code == 422 and "x-www-form-urlencoded" in answer.text


def test_a_form_that_is_too_large_is_refused(browser) -> None:
    answer = browser.http.post("/agents", data={"name": "x" * (1 << 20)}, headers=SAME)
    assert answer.status_code == 413


def test_agents_are_made_changed_and_deleted(account, browser) -> None:
    path = browser.submit("/agents", {"name": " Front desk "}).split("?")[0]
    fields = {"name": "Back office", "description": "Line one\r\nline two", "systemPrompt": "Be <kind>", "enableMessaging": "yes"}
    assert browser.submit(path, fields | browser.shown(path, path)) == f"{path}?done=saved" and "Saved." in browser.page(f"{path}?done=saved")
    agent = account.ok("GET", f"/v1{path}")
    assert (agent["name"], agent["systemPrompt"], agent["enableMessaging"]) == ("Back office", "Be <kind>", True)
    assert agent["description"] == "Line one\nline two"
    browser.submit(path, fields | {"enableMessaging": ""} | browser.shown(path, path))
    assert account.ok("GET", f"/v1{path}")["enableMessaging"] is False
    page = browser.refused(path, fields | {"name": "x" * 201, "systemPrompt": "typed <before>"}, 422)
    assert "1 to 200 characters" in page and "typed <before>" in page, "what was typed is still there"
    assert "1 to 200 characters" in browser.refused("/agents", {"name": ""}, 422)
    browser.submit(f"{path}/numbers", {"number": account.sms["id"]})
    assert account.ok("GET", f"/v1{path}")["numbers"][0]["id"] == account.sms["id"]
    browser.submit(f"{path}/numbers/{account.sms['id']}/detach")
    assert account.ok("GET", f"/v1{path}")["numbers"] == []
    assert browser.submit(f"{path}/delete") == "/agents?done=deleted"
    assert account.http.get(f"/v1{path}").status_code == 404


def test_numbers_are_bought_given_to_agents_and_released(account, browser) -> None:
    agent = account.agent()
    path = browser.submit("/numbers", {"type": "imessage", "country": "CA", "areaCode": "416", "agentId": agent["id"]}).split("?")[0]
    number = account.ok("GET", f"/v1{path}")
    assert number["type"] == "imessage" and number["phoneNumber"].startswith("+1416") and number["agentId"] == agent["id"]
    browser.submit(path, {"agent": ""})
    assert account.ok("GET", f"/v1{path}")["agentId"] is None
    browser.submit(path, {"agent": agent["id"]})
    assert account.ok("GET", f"/v1{path}")["agentId"] == agent["id"]
    page = browser.refused("/numbers", {"type": "sms", "areaCode": "4x6"}, 422)
    assert "areaCode must have three digits" in page and 'value="4x6"' in page
    assert browser.post("/numbers", {"agentId": "agt_none"}).status_code == 404
    assert browser.submit(f"{path}/release") == "/numbers?done=released"
    assert account.ok("GET", f"/v1{path}")["status"] == "released" and "was released" in browser.page(path)


def test_a_key_is_shown_once_works_and_is_revoked(account, browser) -> None:
    page = browser.post("/keys", {"name": "production"}).text
    key = re.search(r"agp_[0-9A-Za-z]{38}", page)[0]
    assert client(account.origin, key).get("/v1/numbers").status_code == 200
    listed = browser.page("/keys")
    assert key not in listed and f"agp_…{key[-4:]}" in listed and "production" in listed
    newest = re.search(r'action="(/keys/key_\w+/revoke)"', listed)[1]
    assert browser.submit(newest) == "/keys?done=revoked"
    eventually(lambda: client(account.origin, key).get("/v1/numbers").status_code == 401, what="a refusal")
    assert browser.post(newest).status_code == 404, "it is revoked already"
    for name in ("", " ", "x" * 101):
        assert "1 to 100 characters" in browser.refused("/keys", {"name": name}, 422)


def test_a_key_of_another_account_cannot_be_revoked(account, another_account, browser) -> None:
    theirs = Browser(another_account)
    action = re.search(r'action="(/keys/key_\w+/revoke)"', theirs.page("/keys"))[1]
    assert browser.post(action).status_code == 404
    assert another_account.http.get("/v1/numbers").status_code == 200


def test_metadata_is_edited_as_json(account, browser) -> None:
    conversation = account.send(fresh_number())["conversation_id"]
    path = f"/conversations/{conversation}"
    browser.submit(f"{path}/metadata", {"metadata": '{"step": 1, "who": "Zoë"}'})
    assert account.ok("GET", f"/v1{path}")["metadata"] == {"step": 1, "who": "Zoë"}
    for wrong, why in [("{step: 1}", "not valid JSON"), ("[1]", "must be an object"), (json.dumps({"x": "y" * 33_000}), "bytes at most")]:
        page = browser.refused(f"{path}/metadata", {"metadata": wrong}, 422)
        assert why in page and wrong[:8] in page, wrong[:20]
    assert account.ok("GET", f"/v1{path}")["metadata"] == {"step": 1, "who": "Zoë"}
    browser.submit(f"{path}/metadata", {"metadata": "  "} | browser.shown(path, f"{path}/metadata"))
    assert account.ok("GET", f"/v1{path}")["metadata"] is None


def test_an_answer_is_sent_as_the_agent(account, network, browser) -> None:
    phone = network.handset()
    phone.text(account.sms["phoneNumber"], "Is it ready?")
    conversation = account.conversation_with(phone.number)
    path = f"/conversations/{conversation['id']}"
    assert browser.submit(f"{path}/messages", {"body": "It is.\r\nCome by!"}).startswith(f"{path}?done=sent")
    eventually(lambda: [text["body"] for text in phone.received()] == ["It is.\nCome by!"], what="the answer")
    page = browser.refused(f"{path}/messages", {"body": "x" * 1_601}, 400)
    assert "1600 characters" in page and "x" * 1_601 in page
    assert "must not be empty" in browser.refused(f"{path}/messages", {"body": ""}, 422)
    assert len(phone.received()) == 1


@pytest.mark.parametrize("scope", ["account", "agent", "number"])
def test_a_webhook_is_set_tested_revealed_rotated_and_removed(scope, account, receiver, browser) -> None:
    owner = {"account": lambda: "account", "agent": lambda: account.agent()["id"], "number": lambda: account.sms["id"]}[scope]()
    api = {"account": "/v1/webhooks", "agent": f"/v1/agents/{owner}/webhook", "number": f"/api/numbers/{owner}/webhook"}[scope]
    hook = receiver.endpoint()
    timeout = "timeout_seconds" if scope == "number" else "timeout"
    browser.submit(f"/endpoints/{owner}", {"url": hook.url, timeout: "20", "contextLimit": "3", "events": ["message.failed"]})
    stored = account.ok("GET", api)
    assert stored["url"] == hook.url and stored[timeout] == 20
    if scope != "number":
        assert stored["contextLimit"] == 3 and stored["events"] == ["agent.message", "message.failed"]
    story = browser.page(browser.submit(f"/endpoints/{owner}/test"))
    sent = hook.wait()[0]
    assert "success" in story and hook.url in story and (scope == "number" or json.loads(sent.body)["test"] is True)
    secret = stored["secret"]
    assert secret not in browser.page(f"/endpoints/{owner}"), "it stands in no page's source"
    assert secret in browser.post(f"/endpoints/{owner}/secret").text
    browser.submit(f"/endpoints/{owner}/rotate")
    assert account.ok("GET", api)["secret"] not in (secret, None) and "24 hours" in browser.page("/webhooks?done=rotated")
    path = f"/endpoints/{owner}"
    browser.submit(path, {"url": hook.url, timeout: "20"} | browser.shown(path, path))
    assert account.ok("GET", api)["secret"] != secret, "saving keeps the secret that there is"
    for fields, why in [({"url": "ftp://x"}, "url must"), ({"url": hook.url, timeout: "999"}, f"{timeout} must"), ({"url": hook.url, timeout: "soon"}, timeout)]:
        assert why in browser.refused(f"/endpoints/{owner}", fields, 422), fields
    browser.submit(f"/endpoints/{owner}/delete")
    assert account.http.get(api).text == "null" or account.http.get(api).status_code == 404
    assert browser.post(f"/endpoints/{owner}/test").status_code == 404


def test_a_delivery_is_sent_again(account, network, receiver, browser) -> None:
    hook = receiver.endpoint(reply("Thanks"))
    account.ok("POST", "/v1/webhooks", json={"url": hook.url})
    network.handset().text(account.sms["phoneNumber"], "Hello")
    delivery = eventually(account.deliveries, what="a delivery")[0]
    eventually(lambda: account.deliveries()[0]["status"] == "success", what="the first attempt to end")
    assert browser.submit(f"/webhooks/{delivery['id']}/replay").endswith("?done=replayed")
    hook.wait(2)
    assert "Its answer sent" in browser.page_with(f"/webhooks/{delivery['id']}", "Attempt 2")


def test_a_project_is_renamed(browser) -> None:
    browser.submit("/settings", {"name": "Bike <shop>"})
    assert "Bike &lt;shop&gt;" in browser.page("/")
    for name in ("", "x" * 201):
        assert "1 to 200 characters" in browser.refused("/settings", {"name": name}, 422)
