"""The desk: phones side by side, one stream for all of them, small files, a strict policy."""

import re
from urllib.parse import urljoin

from playwright.sync_api import expect

from stage import Person, message, phone

MOST_BYTES = 150 * 1024


def test_phones_stand_side_by_side_and_are_put_away(api, show, shop, ada) -> None:
    ben = Person(api, "Ben")
    page = show(ada, viewport={"width": 1280, "height": 900})
    streams = []
    page.on("request", lambda request: streams.append(request.url) if "/sim/events" in request.url else None)
    shelf = page.get_by_role("list", name="Phones on the desk")
    shelf.locator(f"[data-number='{ben.number}']").click()
    for person in (ada, ben):
        expect(phone(page, person)).to_be_visible()
        shop.send(person.number, f"Hello {person.name}")
        expect(phone(page, person).get_by_role("link", name=re.compile(f"Hello {person.name}"))).to_be_visible()
    assert len(streams) <= 2 and streams[-1].count("%2B") == 2, "one connection, however many phones"
    left, right = (phone(page, person).bounding_box() for person in (ada, ben))
    assert left["x"] + left["width"] <= right["x"] and left["y"] == right["y"]
    page.reload()
    expect(phone(page, ben)).to_be_visible()
    phone(page, ada).get_by_role("button", name="Put the phone of Ada away").click()
    expect(phone(page, ada)).to_have_count(0)
    assert page.url.endswith(f"/handset/{ben.number.replace('+', '%2B')}")
    page.go_back()
    expect(phone(page, ada)).to_be_visible()


def test_a_new_phone_is_made_and_put_on_the_desk(show, ada) -> None:
    page = show()
    page.get_by_role("button", name="New phone").click()
    page.get_by_label("Number, with its country code").fill("+0049")
    page.get_by_role("button", name="Put it on the desk").click()
    expect(page.get_by_role("alert").filter(has_text="A number looks like +14155550142.")).to_be_visible()
    page.get_by_label("Number, with its country code").fill("+44 20 7946 0018")
    page.get_by_label("Name", exact=True).fill("Grace")
    page.get_by_role("button", name="Put it on the desk").click()
    expect(page.get_by_role("article", name="Phone of Grace")).to_contain_text("+442079460018 · iMessage")


def test_on_a_small_screen_the_phone_is_the_page(show, shop, ada) -> None:
    shop.send(ada.number, "Hello")
    page = show(ada, thread=shop.number, viewport={"width": 390, "height": 844})
    expect(message(phone(page, ada), "Hello")).to_be_visible()
    box = page.locator(".screen").bounding_box()
    assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, 390, 844)
    page.get_by_role("link", name="Back to the conversations").click()
    expect(page.get_by_role("list", name="Phones on the desk")).to_be_visible()


def test_the_files_of_all_pages_are_small_and_our_own(show, shop, ada) -> None:
    sizes, foreign = {}, []
    page = show()
    page.on("response", lambda answer: sizes.update({answer.url: len(answer.body())}) if "/assets/" in answer.url else None)
    page.on("request", lambda request: foreign.append(request.url) if not request.url.startswith(urljoin(page.url, "/")) else None)
    page.goto(f"/handset/{ada.number.replace('+', '%2B')}")
    expect(phone(page, ada)).to_be_visible()
    assert len(sizes) > 15 and sum(sizes.values()) <= MOST_BYTES, sizes
    assert foreign == []


def test_nothing_inline_and_nothing_from_elsewhere_is_allowed(show, ada) -> None:
    page = show()
    answer = page.goto("/handset")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self'" in policy and "style-src 'self'" in policy
    assert "unsafe" not in policy
    text = answer.text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=\"/assets/)", text)
