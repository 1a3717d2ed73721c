"""Text from elsewhere is only ever text: it runs nothing, loads nothing, and turns nothing around it."""

import pytest
from playwright.sync_api import expect

from stage import Person, message, phone

MARKUP = '<img src="/x" onerror="window.harmed=1"><script>window.harmed=1</script><b>bold</b>&amp;'
TURNED = "\u202eevil \u2067more"
NOTHING = "\u200b\u200c\u2060"
LONG = "w" * 3000


def test_markup_is_shown_as_it_was_written_everywhere(api, show, shop) -> None:
    mallory = Person(api, MARKUP)
    group = api.post("/sim/groups", {"number": shop.number, "members": [mallory.number], "name": MARKUP}).expect()["group_id"]
    mallory.text(group, MARKUP)
    shop.send(group, MARKUP, send_style="echo")
    api.post("/v1/agents", {"name": MARKUP}).expect()
    mallory.tap(mallory.screen()["data"][0]["id"], "<b>😀")
    page = show(mallory, thread=group)
    assert page.locator(".message").nth(1).locator(".body").inner_text() == MARKUP
    assert page.locator(".who .name").inner_text() == MARKUP
    page.locator(".message").first.click(button="right")
    page.keyboard.press("Escape")
    page.locator(".who").click()
    page.keyboard.press("Escape")
    page.locator(".back").click()
    expect(page.locator(".row .name")).to_have_text(MARKUP)
    assert page.title().startswith(MARKUP)
    assert page.evaluate("window.harmed") is None
    assert page.locator("main b:not(.when b), main script, main img[src='/x']").count() == 0


@pytest.mark.parametrize("text", [TURNED, "שלום, what now?", "\u2066unclosed"])
def test_turning_text_stays_in_its_box(text, api, show, shop) -> None:
    eve = Person(api, text)
    shop.send(eve.number, text)
    page = show(eve, thread=shop.number)
    body = page.locator(".message .body")
    expect(body).to_have_text(text)
    isolated = "node => getComputedStyle(node).unicodeBidi"
    assert body.evaluate(isolated) in ("isolate", "plaintext")
    assert page.locator(".caption .owner").evaluate(isolated) == "isolate"
    marks = page.locator(".message .marks")
    expect(marks).to_contain_text("Read")
    assert marks.last.evaluate("node => getComputedStyle(node).direction") == "ltr"
    assert page.title().endswith("\u2069 · AgentPhone"), "isolated where only a string can stand"
    assert not any(sign in page.title() for sign in "\u202e\u2066\u2067")


def test_a_text_without_anything_to_see_says_so(show, shop, ada) -> None:
    shop.send(ada.number, NOTHING)
    page = show(ada, thread=shop.number)
    expect(page.locator(".message .body")).to_have_text("3 invisible characters")
    page.locator(".back").click()
    expect(page.locator(".row .preview")).to_contain_text("Message without visible characters")


def test_a_long_word_stays_on_the_phone(show, shop, ada) -> None:
    shop.send(ada.number, LONG)
    page = show(ada, thread=shop.number, viewport={"width": 390, "height": 844})
    expect(page.locator(".message .body")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(".log").evaluate("log => log.scrollWidth <= log.clientWidth")


@pytest.mark.parametrize("url", ["javascript:window.harmed=1", "data:text/html,<script>1</script>", "\u202ehttp://x"])
def test_what_is_no_address_is_shown_as_text(url, show, shop, ada) -> None:
    ada.text(shop.number, "look", media_urls=[url])
    page = show(ada, thread=shop.number)
    expect(message(phone(page, ada), "look")).to_contain_text(url)
    assert page.locator(".message a, .message img").count() == 0


def test_a_picture_that_is_none_becomes_a_link(show, shop, ada, server) -> None:
    address = f"{server.address}/healthz"
    ada.text(shop.number, "look", media_urls=[address])
    page = show(ada, thread=shop.number)
    expect(page.get_by_role("link", name="healthz")).to_have_attribute("href", address)


def test_an_address_that_names_no_phone_says_so(show, signed_in, browser, server, ada) -> None:
    page = show()
    page.goto(f"/handset/%3Cscript%3E,%E0%A4%A,{ada.number.replace('+', '%2B')}")
    expect(page.get_by_role("status").filter(has_text="names something that is no phone")).to_be_visible()
    expect(phone(page, ada)).to_be_visible()
