"""Without a mouse, without seeing: the keyboard reaches everything, and axe-core finds nothing serious."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from stage import Line, Person, message, phone


def test_everything_by_keyboard_alone(show, shop, ada, endpoint) -> None:
    shop.send(ada.number, "First question", media_urls=[endpoint.picture("a"), endpoint.picture("b")])
    shop.send(ada.number, "Second question")
    page = show(ada)
    row = page.get_by_role("link", name=re.compile("Second question"))
    expect(row).to_be_visible()
    for _ in range(40):
        page.keyboard.press("Tab")
        if row.evaluate("row => row === document.activeElement"):
            break
    page.keyboard.press("Enter")
    text = page.get_by_role("textbox", name="Message")
    expect(text).to_be_focused()
    page.keyboard.type("Typed")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("in two lines")
    page.keyboard.press("Enter")
    expect(message(phone(page, ada), "in two lines")).to_be_visible()
    assert message(phone(page, ada), "Typed").locator(".body").inner_text() == "Typed\nin two lines"

    log = page.get_by_role("list", name="Messages")
    for _ in range(4):
        page.keyboard.press("Shift+Tab")
        if log.evaluate("log => log.contains(document.activeElement)"):
            break
    page.keyboard.press("End")
    expect(message(phone(page, ada), "Typed")).to_be_focused()
    page.keyboard.press("ArrowUp")
    second = message(phone(page, ada), "Second question")
    expect(second).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Love", exact=True)).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(second.get_by_role("listitem")).to_have_text("You liked this. ")
    expect(second).to_be_focused()
    page.keyboard.press("r")
    expect(page.locator(".quoting")).to_contain_text("Second question")
    page.keyboard.type("A reply")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="In reply to Front Desk: Second question")).to_be_visible()


def test_the_menu_keeps_the_focus_until_it_is_closed(show, shop, ada) -> None:
    shop.send(ada.number, "Hold me")
    page = show(ada, thread=shop.number)
    shown = message(phone(page, ada), "Hold me")
    shown.click(button="right")
    menu = page.get_by_role("dialog", name="Message actions")
    for _ in range(30):
        page.keyboard.press("Tab")
        assert menu.evaluate("menu => menu.contains(document.activeElement)")
    assert page.locator(".thread").evaluate("view => view.inert")
    page.keyboard.press("Escape")
    expect(shown).to_be_focused()
    assert not page.locator(".thread").evaluate("view => view.inert")


def test_what_arrives_is_spoken(show, shop, ada) -> None:
    page = show(ada, thread=shop.number)
    shop.send(ada.number, "First")
    expect(message(phone(page, ada), "First")).to_be_visible()
    shop.send(ada.number, "Say this")
    expect(phone(page, ada).get_by_role("status").filter(has_text="Front Desk: Say this")).to_be_attached()


@pytest.fixture
def busy(api, shop, ada, endpoint):
    """A phone on which there is a bit of everything."""
    ben = Person(api, "Ben")
    Line(api, "sms", agent="Parcel Robot").send(ada.number, "Your parcel waits")
    asked = shop.send(ada.number, "Which one?", media_urls=[endpoint.picture(name) for name in "ab"])
    ada.text(shop.number, "This", reply_to=asked["id"])
    shop.send(ada.number, "Good choice", send_style="confetti")
    shop.send(ada.number, "A secret", send_style="invisible")
    ada.tap(asked["id"], "love")
    group = api.post("/sim/groups", {"number": shop.number, "members": [ada.number, ben.number], "name": "Ride"}).expect()["group_id"]
    ben.text(group, "Morning!")
    return group


def serious(page) -> list:
    found = Axe().run(page).response["violations"]
    return [(one["id"], [node["html"][:160] for node in one["nodes"]]) for one in found if one["impact"] in ("serious", "critical")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_serious(scheme, width, show, shop, ada, busy) -> None:
    page = show(ada, color_scheme=scheme, viewport={"width": width, "height": 860}, reduced_motion="reduce")
    expect(page.get_by_role("link", name=re.compile("Ride"))).to_be_visible()
    assert serious(page) == []
    page.get_by_role("button", name="New message").click()
    assert serious(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="This phone's settings").click()
    assert serious(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("link", name=re.compile("Front Desk")).click()
    expect(message(phone(page, ada), "Good choice")).to_be_visible()
    expect(page.locator(".effect")).to_have_count(0)
    assert serious(page) == []
    message(phone(page, ada), "Good choice").locator(".bubble").click(button="right")
    assert serious(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Back to the conversations").click()
    page.get_by_role("link", name=re.compile("Ride")).click()
    page.get_by_role("button", name="Ride, details").click()
    assert serious(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_the_empty_desk(scheme, show, ada) -> None:
    page = show(color_scheme=scheme)
    expect(page.get_by_role("link", name=re.compile("Ada")).first).to_be_visible()
    page.get_by_role("button", name="New phone").click()
    assert serious(page) == []
