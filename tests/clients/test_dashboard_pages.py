"""Every page of the dashboard: what it shows, whose it is, and that what people typed stays text."""

import html
import re

import pytest

from harness.account import Account
from harness.browser import Browser
from harness.phone import eventually, fresh_number
from harness.receiver import reply

HOSTILE = '"><script>alert(1)</script>\u202eevil\u200b\u2066</bdi>&amp;'


@pytest.fixture
def browser(account: Account) -> Browser:
    return Browser(account)


def inbound(account: Account, network, text: str) -> tuple[dict, dict]:
    """A text of a new person to the account's number: the conversation and the stored message."""
    phone = network.handset()
    phone.text(account.sms["phoneNumber"], text)
    conversation = account.conversation_with(phone.number)
    message = eventually(lambda: account.history(conversation["id"]), what="the text")[0]
    return conversation, message


PAGES = ["/", "/conversations", "/agents", "/numbers", "/handset", "/voice", "/webhooks", "/keys", "/usage", "/carriers", "/settings", "/reference"]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_of_an_empty_account_says_what_to_do_next(path, browser) -> None:
    page = browser.page(path)
    assert re.search(r"<main[ >]", page) and "<h1" in page
    assert page.count('aria-current="page"') == 1, "the navigation says where we are"
    if path in ("/conversations", "/agents", "/numbers", "/webhooks", "/usage"):
        assert 'class="empty"' in page


@pytest.mark.parametrize("path", PAGES)
def test_pages_bring_no_inline_script_or_style(path, browser) -> None:
    answer = browser.http.get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert answer.headers["cache-control"] == "no-store" and answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=\"/assets/)", answer.text)
    for asset in re.findall(r"(?:src|href)=\"(/assets/[^\"]+)", answer.text):
        assert browser.http.get(asset).status_code == 200, asset


def test_the_voice_page_says_what_answers_and_lends_the_microphone_to_itself_only(upstream, browser) -> None:
    answer = browser.http.get("/voice")
    assert answer.headers["permissions-policy"] == "camera=(), geolocation=(), microphone=(self)"
    assert "media-src 'self' blob:" in answer.headers["content-security-policy"]
    page = html.unescape(answer.text)
    assert "Qwen3-Next-80B — openai peer/chat" in page and "openai peer/chat (stand-in for gpt-laptop)" in page
    assert re.search(r'<option value="gravel" data-model="rough-voice" data-engine="openai rough-voice">', page)
    assert upstream.url in page and "healthy" in page and "Built-in engines" not in page
    assert "curl http" in page and "from openai import OpenAI" in page and 'import OpenAI from "openai"' in page


def test_the_voice_page_says_what_to_do_where_no_model_answers(limited) -> None:
    page = html.unescape(Browser(Account(limited, "voiceless")).page("/voice"))
    assert "No model answers yet" in page and "script/server --voice" in page and '[voice.models."Qwen3-Next-80B"]' in page
    assert "<textarea" not in page and page.count("not configured") == 3 and 'data-part="go"' not in page


def test_everything_has_its_page(account, network, browser) -> None:
    agent = account.agent(name="Front desk")
    account.ok("POST", f"/v1/agents/{agent['id']}/numbers", json={"numberId": account.sms["id"]})
    conversation, message = inbound(account, network, "Is my bike ready?")
    sent = account.send(conversation["participant"], "It is.")
    assert "Is my bike ready?" in browser.page(f"/messages/{message['id']}")
    overview = browser.page("/")
    assert conversation["participant"] in overview and f"/conversations/{conversation['id']}" in overview
    assert conversation["participant"] in browser.page("/conversations")
    thread = browser.page(f"/conversations/{conversation['id']}")
    assert thread.index("Is my bike ready?") < thread.index("It is."), "in order"
    assert f"/messages/{sent['id']}" in thread and "Answer as the agent" in thread
    assert "Front desk" in browser.page("/agents") and account.sms["phoneNumber"] in browser.page(f"/agents/{agent['id']}")
    assert account.sms["phoneNumber"] in browser.page("/numbers")
    assert account.sms["id"] in browser.page(f"/numbers/{account.sms['id']}")


def test_the_story_of_an_outbound_message_has_every_step(account, faulty, browser) -> None:
    faulty.faults(receipt_delay_ms=1000)
    sent = account.send(fresh_number(), "Your bike is ready")
    path = f"/messages/{sent['id']}"
    page = browser.page_with(path, "Delivered")
    steps = re.findall(r"<strong>(\w[\w ]*)</strong>", page[page.index("Story"):])
    assert steps[:5] == ["Accepted", "Routed", "Handed over", "Sent", "Delivered"], steps
    assert "The number texts by SMS and MMS" in page and "Nobody was told" in page


def test_the_story_tells_why_a_message_fell_back(account, network, browser) -> None:
    number = account.imessage
    sent = account.send(fresh_number(), "Hello", number_id=number["id"])
    page = browser.page(f"/messages/{sent['id']}")
    assert "By iMessage: the number can" in page and "Fell back" in page and "went on by SMS" in page
    again = account.send(sent["to_number"], "Hello again", number_id=number["id"])
    assert "not to be on iMessage within the last 24 hours" in browser.page(f"/messages/{again['id']}")


def test_the_story_of_an_inbound_text_has_its_deliveries_with_request_and_response(account, network, receiver, browser) -> None:
    hook = receiver.endpoint(reply("Yes <b>it</b> is"))
    account.ok("POST", "/v1/webhooks", json={"url": hook.url})
    conversation, message = inbound(account, network, "Is it ready?")
    path = f"/messages/{message['id']}"
    page = browser.page_with(path, "Answered")
    assert "x-webhook-signature" in page and f"POST {hook.url}" in page, "the request"
    assert "Yes &lt;b&gt;it&lt;/b&gt; is" in page and "&quot;Is it ready?&quot;" in page, "response and payload, as text"
    delivery = account.deliveries()[0]
    assert delivery["id"] in browser.page(f"/webhooks/{delivery['id']}")
    log = browser.page("/webhooks")
    assert f"/webhooks/{delivery['id']}" in log and "100.0 %" in log


def test_what_people_type_stays_text_on_every_page(account, network, browser) -> None:
    agent = account.agent(name=HOSTILE[:200], description=HOSTILE)
    account.ok("POST", f"/v1/agents/{agent['id']}/numbers", json={"numberId": account.sms["id"]})
    conversation, message = inbound(account, network, HOSTILE)
    account.ok("PATCH", f"/v1/conversations/{conversation['id']}", json={"metadata": {HOSTILE: HOSTILE}})
    browser.submit("/settings", {"name": HOSTILE})
    browser.post("/keys", {"name": HOSTILE})
    paths = ["/", "/conversations", f"/conversations/{conversation['id']}", "/agents", f"/agents/{agent['id']}", "/numbers",
             f"/numbers/{account.sms['id']}", f"/messages/{message['id']}", "/keys", "/settings", f"/endpoints/{agent['id']}"]
    for path in paths:
        page = browser.page(path)
        assert "<script>alert" not in page and "</bdi>&amp;" not in page, path
        # What turns the direction stands inside an element that keeps it to itself, or in a field.
        for match in re.finditer("\u202e", page):
            before = page[: match.start()]
            tag = before.rindex("<")
            assert re.match(r"<(bdi|title|p[^>]*dir=\"auto\"|input[^>]*value=\"|textarea|option|code|h1|span)", page[tag:]), f"{path}: {page[tag:tag + 80]!r}"
    assert "(no visible text)" not in browser.page("/agents")
    network.handset().text(account.sms["phoneNumber"], "\u200b\u2060\ufeff")
    browser.page_with("/conversations", "(no visible text)")


def test_ids_of_another_account_are_not_found(account, another_account, network, receiver) -> None:
    stranger = Browser(another_account)
    agent = account.agent()
    account.ok("POST", "/v1/webhooks", json={"url": receiver.endpoint().url})
    conversation, message = inbound(account, network, "secret words")
    delivery = eventually(account.deliveries, what="a delivery")[0]
    number = account.sms["id"]
    for path in (f"/agents/{agent['id']}", f"/numbers/{number}", f"/conversations/{conversation['id']}",
                 f"/messages/{message['id']}", f"/webhooks/{delivery['id']}", f"/endpoints/{agent['id']}", f"/endpoints/{number}"):
        page = stranger.page(path, 404)
        assert "secret words" not in page and "Not found" in page
    for path, fields in [
        (f"/agents/{agent['id']}", {"name": "Mine"}), (f"/agents/{agent['id']}/delete", {}),
        (f"/agents/{agent['id']}/numbers", {"number": number}), (f"/agents/{agent['id']}/numbers/{number}/detach", {}),
        (f"/numbers/{number}", {}), (f"/numbers/{number}/release", {}),
        (f"/conversations/{conversation['id']}/messages", {"body": "x"}), (f"/conversations/{conversation['id']}/metadata", {"metadata": "{}"}),
        (f"/webhooks/{delivery['id']}/replay", {}), (f"/endpoints/{number}/secret", {}), (f"/endpoints/{number}/rotate", {}),
        (f"/endpoints/{number}/delete", {}), (f"/endpoints/{number}/test", {}), (f"/endpoints/{number}", {"url": "https://evil.example"}),
    ]:
        assert stranger.post(path, fields).status_code == 404, path
    assert account.ok("GET", f"/v1/agents/{agent['id']}")["name"] == "Front desk"
    assert account.ok("GET", f"/v1/numbers/{number}")["status"] == "active"


def test_nothing_is_found_under_ids_that_name_nothing(browser) -> None:
    for path in ("/agents/agt_0", "/numbers/num_0", "/conversations/conv_0", "/messages/msg_0", "/webhooks/dlv_0", "/reference/nothing", "/endpoints/%3Cb%3E"):
        assert "Not found" in browser.page(path, 404)
    assert "<b>" not in browser.page("/endpoints/%3Cb%3E", 404)
    lost = browser.http.get("/nothing", headers={"accept": "text/html,*/*;q=0.8"})
    assert lost.status_code == 404 and "<h1>Not found</h1>" in lost.text and "default-src 'none'" in lost.headers["content-security-policy"]
    assert browser.http.get("/nothing", headers={"accept": "*/*"}).json()["error"]["code"] == "NOT_FOUND"
    for path in ("/agents/%00", "/conversations?agent=%00", "/conversations?before=1_%00", "/webhooks?before=1_%00"):
        assert "Not found" in browser.page(path, 404)


def test_conversations_are_paged_and_filtered(account, network, browser) -> None:
    phones = [network.handset() for _ in range(53)]
    people = [phone.number for phone in phones]
    for phone in phones:
        phone.text(account.sms["phoneNumber"], "Hello")
    eventually(lambda: account.ok("GET", "/v1/conversations")["total"] == 53, what="all conversations")
    first = browser.page("/conversations")
    older = html.unescape(re.search(r'href="([^"]+)" rel="next"', first)[1])
    second = browser.page(older)
    shown = [re.findall(r"\+1\d{10}(?=</bdi></a>)", page) for page in (first, second)]
    assert [len(page) for page in shown] == [50, 3] and set(shown[0] + shown[1]) == set(people)
    assert 'rel="next"' not in second
    other = account.buy(type="sms")
    assert "None fit" in browser.page(f"/conversations?number={other['id']}")
    assert people[0] in browser.page(f"/conversations?number={account.sms['id']}") + browser.page(older)
    assert browser.page("/conversations?before=nonsense&agent=agt_none").count("<table") == 0


def test_messages_are_searched_and_shown_in_their_conversation(account, another_account, network, browser) -> None:
    conversation, message = inbound(account, network, "Is my BIKE ready? The " + "very " * 200 + "old one")
    account.send(conversation["participant"], "Your bike is ready")
    inbound(account, network, "Nothing of the kind")
    page = browser.page_with("/conversations?query=bike", "2 messages")
    found = page[page.index('<ol class="found"'):]
    assert found.index("Your <mark>bike</mark> is ready") < found.index("Is my <mark>BIKE</mark> ready?"), "newest first"
    assert "Nothing of the kind" not in page and conversation["participant"] in found and " …</p>" in found
    link = re.search(rf'href="(/conversations/{conversation["id"]}\?message={message["id"]})#{message["id"]}"', found)[1]
    thread = browser.page(link)
    assert f'id="{message["id"]}"' in thread and "Your bike is ready" in thread and "To the newest" not in thread
    beginning = browser.page("/conversations?query=read*")
    assert "<mark>ready</mark>" in beginning and 'value="read*"' in beginning
    assert "No message has these words" in browser.page("/conversations?query=unheard")
    assert "Search in messages" in browser.page("/conversations")
    assert "No message has these words" in Browser(another_account).page("/conversations?query=bike")


def test_a_search_shows_what_people_type_as_text(account, network, browser) -> None:
    inbound(account, network, HOSTILE)
    page = browser.page_with("/conversations?query=alert", "One message.")
    assert "<script>alert" not in page and "&gt;<mark>alert</mark>(1)" in page
    match = page.index("\u202e")
    assert page[page.rindex("<p", 0, match):].startswith('<p class="excerpt" dir="auto">')
    typed = browser.page("/conversations?query=%3Cscript%3Ealert(1)%3C/script%3E%E2%80%AE")
    assert "<script>alert" not in typed and 'value="&lt;script&gt;alert(1)' in typed
    for nothing in ("%3F!", "%22%22", "word+" * 65):
        page = browser.page(f"/conversations?query={nothing}", 422)
        assert 'class="problem"' in page and 'aria-invalid="true"' in page and "<h1" in page


def test_what_was_found_is_paged_and_an_old_message_stands_among_its_neighbours(account, browser) -> None:
    number = fresh_number()
    sent = [account.send(number, f"needle {count}") for count in range(90)]
    browser.page_with("/conversations?query=needle", "90 messages")
    shown, page = [], "/conversations?query=needle"
    while page:
        text = browser.page(page)
        shown += re.findall(r"</mark> (\d+)</p>", text)
        following = re.search(r'href="([^"]+)" rel="next"', text)
        page = following and html.unescape(following[1])
    assert shown == [str(count) for count in reversed(range(90))]
    conversation = sent[0]["conversation_id"]
    middle = browser.page(f"/conversations/{conversation}?message={sent[45]['id']}")
    bodies = lambda text: [int(count) for count in re.findall(r'dir="auto">needle (\d+)</p>', text)]
    assert bodies(middle) == list(range(20, 71)), "25 before, and as many after"
    newer = html.unescape(re.search(r'href="([^"]+)" rel="prev"', middle)[1])
    assert bodies(browser.page(newer)) == list(range(71, 90))
    older = html.unescape(re.search(r'href="([^"]+)" rel="next"', middle)[1])
    assert bodies(browser.page(older)) == list(range(20))
    assert bodies(browser.page(f"/conversations/{conversation}?message=msg_0")) == list(range(40, 90)), "the newest instead"
    assert browser.page("/conversations?query=needle&from=nonsense") and browser.page("/conversations?query=needle&from=99999999")


def test_usage_counts_what_was_sent_and_received(account, network, browser) -> None:
    inbound(account, network, "one")
    account.send(fresh_number(), "x" * 200)
    browser.http.cookies.set("agentphone_offset", "-570")
    page = browser.page_with("/usage?days=7", ">2</td>")
    tiles = dict(re.findall(r'<span class="label">([^<]+)</span><strong>([\d,]+)</strong>', page))
    assert tiles["Sent"] == "1" and tiles["Received"] == "1" and tiles["SMS segments"] == "3", tiles
    assert page.count("<tr>") == 8, "a head and seven days"
    assert "1 sent, 1 received</title>" in page, "the chart says the same"


def test_the_reference_has_every_operation_of_the_document(account, browser) -> None:
    document = account.ok("GET", "/openapi.json")
    index = browser.page("/reference")
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if not isinstance(operation, dict) or "tags" not in operation:
                continue
            page = html.unescape(browser.page(f"/reference/{operation['tags'][0]}"))
            assert path in index and operation["summary"] in page and f"'{account.origin}{path}" in page, (method, path)


def test_carriers_show_whether_their_line_is_up(browser, faulty) -> None:
    assert re.search(r'badge good">up<', browser.page("/carriers"))
    faulty.faults(link_down=True)
    browser.page_with("/carriers", 'badge bad">down<')
