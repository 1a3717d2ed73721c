"""What iMessage adds to a text: tapbacks, replies in thread, and the menu that offers them."""

import re

from playwright.sync_api import expect

from stage import Line, Person, eventually, message, phone


def press_and_hold(page, shown) -> None:
    box = shown.locator(".bubble").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    expect(page.get_by_role("dialog", name="Message actions")).to_be_visible()
    page.mouse.up()
    expect(page.get_by_role("dialog", name="Message actions")).to_be_visible()


def test_press_and_hold_taps_back_and_a_second_time_takes_it_back(show, shop, ada, endpoint) -> None:
    shop.tell(endpoint)
    sent = shop.send(ada.number, "Shall we say six?")
    page = show(ada, thread=shop.number)
    shown = message(phone(page, ada), "Shall we say six?")
    expect(shown).to_be_visible()
    press_and_hold(page, shown)
    page.get_by_role("button", name="Like", exact=True).click()
    expect(shown.get_by_role("listitem")).to_have_text("You liked this. ")
    event = endpoint.wait(lambda event: event["event"] == "agent.reaction" and event["data"]["messageId"] == sent["id"])
    assert (event["data"]["reactionType"], event["data"]["fromNumber"]) == ("like", ada.number)
    press_and_hold(page, shown)
    expect(page.get_by_role("button", name="Like", exact=True)).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Love", exact=True).click()
    expect(shown.get_by_role("listitem")).to_have_text("You loved this. ")
    shown.click(button="right")
    page.get_by_role("button", name="Love", exact=True).click()
    expect(shown.locator(".taps")).to_have_count(0)
    assert ada.screen()["data"][0]["reactions"] == []


def test_any_emoji_can_be_a_tapback(show, shop, ada) -> None:
    shop.send(ada.number, "We have a surprise")
    page = show(ada, thread=shop.number)
    shown = message(phone(page, ada), "surprise")
    shown.hover()
    shown.get_by_role("button", name="Tapback").click()
    page.get_by_role("textbox", name=re.compile("Another emoji")).fill("🦄")
    page.keyboard.press("Enter")
    expect(shown.locator(".tap")).to_contain_text("🦄")
    assert ada.screen()["data"][0]["reactions"] == [{"from": ada.number, "reaction": "🦄"}]


def test_a_tapback_of_the_agent_hangs_on_the_bubble(api, show, shop, ada) -> None:
    page = show(ada, thread=shop.number)
    page.get_by_role("textbox", name="Message").fill("Thank you!")
    page.keyboard.press("Enter")
    shown = message(phone(page, ada), "Thank you!")
    expect(shown).to_contain_text("Delivered")
    stored = shop.history(ada.number)[-1]["id"]
    api.post(f"/v1/messages/{stored}/reactions", {"reaction": "love"}).expect()
    expect(shown.get_by_role("listitem")).to_have_text("Front Desk loved this. ")
    api.request("DELETE", f"/v1/messages/{stored}/reactions").expect()
    expect(shown.locator(".taps")).to_have_count(0)


def test_a_reply_shows_what_it_answers_and_arrives_threaded(show, shop, ada) -> None:
    first = shop.send(ada.number, "Blue or red?")
    shop.send(ada.number, "And when do you come?")
    page = show(ada, thread=shop.number)
    shown = message(phone(page, ada), "Blue or red?").first
    shown.hover()
    shown.get_by_role("button", name="Reply").click()
    expect(page.locator(".quoting")).to_contain_text("Replying to Blue or red?")
    page.keyboard.type("Red")
    page.keyboard.press("Enter")
    reply = message(phone(page, ada), "Red").last
    expect(reply.get_by_role("button", name="In reply to Front Desk: Blue or red?")).to_be_visible()
    expect(page.locator(".quoting")).to_be_hidden()
    stored = eventually(lambda: next((row for row in shop.history(ada.number) if row["body"] == "Red"), None))
    assert stored["replyTo"]["messageId"] == first["id"]
    reply.get_by_role("button", name="In reply to Front Desk").click()
    expect(shown).to_be_focused()
    answer = shop.send(ada.number, "Red it is", reply_to_message_id=stored["id"])
    assert answer["reply_parent_unresolved"] is False
    quoted = message(phone(page, ada), "Red it is").get_by_role("button", name="In reply to you: Red")
    expect(quoted).to_be_visible()


def test_a_finger_swipes_to_reply(show, shop, ada) -> None:
    shop.send(ada.number, "Swipe me")
    page = show(ada, thread=shop.number, has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    shown = message(phone(page, ada), "Swipe me")
    box = shown.locator(".bubble").bounding_box()
    x, y = box["x"] + 20, box["y"] + box["height"] / 2
    touch = page.context.new_cdp_session(page)
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in range(1, 10):
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x + step * 10, "y": y}]})
    expect(shown).to_have_class(re.compile("swiped far"))
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(page.locator(".quoting")).to_contain_text("Swipe me")
    page.get_by_role("button", name="Do not reply to this message").click()
    expect(page.locator(".quoting")).to_be_hidden()


def test_green_texts_offer_neither_tapback_nor_reply(api, show) -> None:
    line, sam = Line(api, "sms", agent="Parcel Robot"), Person(api, "Sam", imessage=False)
    line.send(sam.number, "Plain text")
    page = show(sam, thread=line.number)
    shown = message(phone(page, sam), "Plain text")
    shown.click(button="right")
    menu = page.get_by_role("dialog", name="Message actions")
    expect(menu.get_by_role("button")).to_have_text(["Copy"])
    page.keyboard.press("Escape")
    expect(menu).to_have_count(0)
    expect(shown).to_be_focused()
