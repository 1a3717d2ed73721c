"""Texts in both directions: what the API sends is on the screen, what the person writes is at the webhook."""

import re

from playwright.sync_api import expect

from pictures import painted
from stage import Line, Person, eventually, message, phone


def test_a_text_from_the_api_appears_in_blue_or_green(api, show, shop, ada) -> None:
    green = Line(api, "sms", agent="Parcel Robot")
    page = show(ada, thread=shop.number)
    shop.send(ada.number, "Your bike is ready")
    shown = message(phone(page, ada), "Your bike is ready")
    expect(shown).to_have_class(re.compile("theirs imessage"))
    expect(page.locator(".when")).to_contain_text("iMessage Today")
    green.send(ada.number, "Your parcel waits")
    banner = phone(page, ada).get_by_role("link", name=re.compile("Parcel Robot.*Your parcel waits"))
    banner.click()
    expect(message(phone(page, ada), "Your parcel waits")).to_have_class(re.compile("theirs sms"))
    page.get_by_role("textbox", name="Message").fill("Where?")
    page.keyboard.press("Enter")
    mine = message(phone(page, ada), "Where?")
    expect(mine).to_have_class(re.compile("mine sms"))
    assert mine.locator(".body").evaluate("body => getComputedStyle(body).backgroundColor") == "rgb(26, 130, 56)"


def test_an_answer_reaches_webhook_and_api_and_becomes_delivered(show, shop, ada, endpoint) -> None:
    shop.tell(endpoint)
    shop.send(ada.number, "Which tape?")
    page = show(ada)
    page.get_by_role("link", name=re.compile("Front Desk.*Which tape")).click()
    page.get_by_role("textbox", name="Message").fill("The blue one, please")
    page.get_by_role("button", name="Send").click()
    event = endpoint.wait(lambda event: event["data"].get("message") == "The blue one, please")
    assert event["data"]["from"] == ada.number
    assert [row["body"] for row in shop.history(ada.number)] == ["Which tape?", "The blue one, please"]
    expect(message(phone(page, ada), "The blue one")).to_contain_text("Delivered")
    expect(page.get_by_role("textbox", name="Message")).to_be_empty()


def test_an_open_conversation_is_read_and_the_sender_knows_unless_receipts_are_off(show, shop, ada) -> None:
    status = lambda sent: next(row["status"] for row in shop.history(ada.number) if row["id"] == sent["id"])
    unread = shop.send(ada.number, "Nobody looks yet")
    page = show(ada)
    row = page.get_by_role("link", name=re.compile("1 new.*Nobody looks"))
    expect(row).to_have_class("row unread")
    assert status(unread) in ("sent", "delivered")
    row.click()
    expect(message(phone(page, ada), "Nobody looks")).to_contain_text("Read")
    eventually(lambda: status(unread) == "read", "a read receipt")
    page.get_by_role("link", name="Back to the conversations").click()
    expect(page.locator(".row")).to_have_class("row")
    page.get_by_role("button", name="This phone's settings").click()
    page.get_by_role("switch", name="Send read receipts").uncheck()
    page.get_by_role("button", name="Done").click()
    page.locator(".row").click()
    quiet = shop.send(ada.number, "Read in secret")
    expect(message(phone(page, ada), "Read in secret")).to_be_visible()
    shop.send(ada.number, "The next one")
    expect(message(phone(page, ada), "The next one")).to_be_visible()
    assert status(quiet) != "read"


def test_a_picture_from_disk_travels_with_its_text(show, shop, ada, endpoint) -> None:
    shop.tell(endpoint)
    page = show(ada, thread=shop.number)
    picture = {"name": "bike.png", "mimeType": "image/png", "buffer": painted("bike")}
    page.get_by_label("Attach a picture").set_input_files([picture, picture | {"name": "other.png"}])
    expect(page.get_by_role("list", name="Attachments").get_by_role("listitem")).to_have_count(2)
    page.get_by_role("button", name="Remove other.png").click()
    page.get_by_role("textbox", name="Message").fill("Like this")
    page.get_by_role("button", name="Send").click()
    shown = message(phone(page, ada), "Like this").get_by_role("img", name="Picture")
    expect(shown).to_be_visible()
    eventually(lambda: shown.evaluate("image => image.naturalWidth") == 240, "the picture itself")
    event = endpoint.wait(lambda event: event["data"].get("message") == "Like this")
    assert event["data"]["mediaUrl"], event
    expect(page.get_by_role("list", name="Attachments")).to_be_hidden()


def test_several_pictures_are_a_carousel_to_leaf_through(show, shop, ada, endpoint) -> None:
    pictures = [endpoint.picture(name) for name in "abc"]
    shop.send(ada.number, "Choose one", media_urls=pictures)
    page = show(ada, thread=shop.number)
    carousel = page.get_by_role("group", name="3 pictures")
    expect(carousel.get_by_role("img")).to_have_count(3)
    expect(carousel).to_contain_text("1 of 3")
    expect(carousel.get_by_role("button", name="Previous picture")).to_be_disabled()
    carousel.get_by_role("button", name="Next picture").click()
    expect(carousel).to_contain_text("2 of 3")
    carousel.get_by_role("button", name="Picture 2 of 3").focus()
    page.keyboard.press("ArrowRight")
    expect(carousel).to_contain_text("3 of 3")
    expect(carousel.get_by_role("button", name="Next picture")).to_be_disabled()
    page.keyboard.press("Enter")
    large = page.get_by_role("dialog", name="Picture")
    expect(large.get_by_role("img", name="Picture 3 of 3")).to_be_visible()
    assert large.get_by_role("link", name="Open the original").get_attribute("href") == pictures[2]
    page.keyboard.press("ArrowRight")
    expect(large.get_by_role("img", name="Picture 1 of 3")).to_be_visible()
    page.keyboard.press("Escape")
    expect(large).to_have_count(0)


def test_an_agent_that_types_shows_three_dots(api, show, shop, ada) -> None:
    conversation = shop.send(ada.number, "One moment")["conversation_id"]
    page = show(ada, thread=shop.number)
    expect(message(phone(page, ada), "One moment")).to_be_visible()
    api.post(f"/v1/conversations/{conversation}/typing").expect()
    expect(page.locator(".typing")).to_be_visible()
    shop.send(ada.number, "Here it is")
    expect(page.locator(".typing")).to_be_hidden()


def test_a_background_comes_changes_and_goes(api, show, shop, ada, endpoint) -> None:
    conversation = shop.send(ada.number, "Look behind this")["conversation_id"]
    page = show(ada, thread=shop.number)
    picture = page.locator(".backdrop")
    expect(picture).to_be_hidden()
    for name in ("sea", "hills"):
        url = endpoint.picture(name)
        api.post(f"/v1/conversations/{conversation}/background", {"image_url": url}).expect()
        expect(picture).to_be_visible()
        expect(picture).to_have_attribute("src", url)
        eventually(lambda: picture.evaluate("image => image.naturalWidth") == 240, "the picture itself")
    api.request("DELETE", f"/v1/conversations/{conversation}/background").expect(204)
    expect(picture).to_be_hidden()


def test_a_phone_that_loses_imessage_gets_green_texts(show, shop, ada) -> None:
    shop.send(ada.number, "Blue")
    page = show(ada, thread=shop.number)
    page.get_by_role("link", name="Back to the conversations").click()
    page.get_by_role("button", name="This phone's settings").click()
    page.get_by_role("switch", name="iMessage").uncheck()
    expect(page.locator(".caption")).to_contain_text("SMS only")
    page.get_by_role("button", name="Done").click()
    sent = shop.send(ada.number, "Green now")
    assert sent["channel"] == "sms"
    page.locator(".row").click()
    expect(message(phone(page, ada), "Green now")).to_have_class(re.compile("theirs sms"))
    expect(page.get_by_role("textbox", name="Message")).to_have_attribute("placeholder", "Text Message")


def test_what_cannot_be_sent_comes_back_into_the_field(api, show, shop, ada) -> None:
    page = show(ada, thread=shop.number)
    page.route("**/sim/handsets/*/messages", lambda route: route.fulfill(
        status=500, json={"error": "Server Error", "message": "The disk is full"}) if route.request.method == "POST" else route.continue_())
    page.get_by_role("textbox", name="Message").fill("Do not lose me")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="Not sent: The disk is full")).to_be_visible()
    expect(page.get_by_role("textbox", name="Message")).to_have_value("Do not lose me")
    page.problems.clear()  # the browser notes the 500


def test_a_text_that_fails_while_another_is_typed_stays_in_sight(show, shop, ada) -> None:
    page, held = show(ada, thread=shop.number), []
    page.route("**/sim/handsets/*/messages", lambda route: held.append(route) if route.request.method == "POST" else route.continue_())
    field = page.get_by_role("textbox", name="Message")
    for text in ("The first", "The second"):
        field.fill(text)
        page.keyboard.press("Enter")
    field.fill("Half a thought")
    eventually(lambda: page.wait_for_timeout(10) or len(held) == 2, "both to be asked for")
    for route in held:
        route.fulfill(status=503, json={"error": "Unavailable", "message": "The disk is full"})
    page.unroute("**/sim/handsets/*/messages")
    unsent = phone(page, ada).locator(".unsent")
    expect(unsent).to_have_text([re.compile("The first.*Not delivered"), re.compile("The second.*Not delivered")])
    expect(field).to_have_value("Half a thought")
    shop.send(ada.number, "Meanwhile")
    expect(message(phone(page, ada), "Meanwhile")).to_be_visible()
    expect(page.locator(".log > li").last).to_contain_text("The second")
    unsent.first.get_by_role("button", name="Try again").click()
    expect(message(phone(page, ada), "The first")).to_contain_text("Delivered")
    page.get_by_role("link", name="Back to the conversations").click()
    page.get_by_role("link", name=re.compile("Not delivered")).click()
    expect(field).to_have_value("Half a thought")
    unsent.get_by_role("button", name="Delete").click()
    expect(unsent).to_have_count(0)
    assert [row["body"] for row in shop.history(ada.number)] == ["Meanwhile", "The first"]
    page.problems.clear()  # the browser notes the 503


def test_a_text_whose_answer_was_lost_leaves_once(show, shop, ada) -> None:
    page, arrived = show(ada, thread=shop.number), []

    def lose(route) -> None:
        if route.request.method != "POST":
            return route.continue_()
        arrived.append(route.fetch().status)
        route.abort()

    page.route("**/sim/handsets/*/messages", lose)
    field = page.get_by_role("textbox", name="Message")
    field.fill("Only once")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="Not sent")).to_be_visible()
    assert arrived == [200]
    page.unroute("**/sim/handsets/*/messages")
    expect(field).to_have_value("Only once")
    field.press("Enter")
    expect(field).to_have_value("")
    expect(page.get_by_role("alert").filter(has_text="Not sent")).to_have_count(0)
    field.fill("And then")
    page.keyboard.press("Enter")
    expect(message(phone(page, ada), "And then")).to_contain_text("Delivered")
    assert [row["body"] for row in shop.history(ada.number)] == ["Only once", "And then"]
    page.problems.clear()  # the browser notes the lost answer


def test_what_is_written_outlives_the_session(show, shop, ada) -> None:
    page = show(ada, thread=shop.number)
    shop.send(ada.number, "Hello")
    expect(message(phone(page, ada), "Hello")).to_contain_text("Read")  # it is all there and connected
    cookies = page.context.cookies()
    page.context.clear_cookies()
    field = page.get_by_role("textbox", name="Message")
    field.fill("Do not lose me")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="You are not signed in any more")).to_be_visible()
    expect(field).to_have_value("Do not lose me")
    page.context.add_cookies(cookies)
    field.press("Enter")
    expect(message(phone(page, ada), "Do not lose me")).to_contain_text("Delivered")
    page.problems.clear()  # the browser notes the 401


def test_a_draft_waits_in_its_conversation(api, show, shop, ada) -> None:
    other = Line(api, agent="Support")
    other.send(ada.number, "Anything else?")
    page = show(ada, thread=shop.number)
    page.get_by_role("textbox", name="Message").fill("Half a thought")
    page.get_by_role("link", name="Back to the conversations").click()
    page.get_by_role("link", name=re.compile("Support")).click()
    expect(page.get_by_role("textbox", name="Message")).to_be_empty()
    page.go_back()
    page.go_back()
    expect(page.get_by_role("textbox", name="Message")).to_have_value("Half a thought")


def test_everything_is_there_again_after_the_connection_was_lost(show, shop, ada) -> None:
    page = show(ada, thread=shop.number)
    shop.send(ada.number, "Before")
    expect(message(phone(page, ada), "Before")).to_be_visible()
    page.context.set_offline(True)
    page.evaluate("dispatchEvent(new Event('offline'))")
    shop.send(ada.number, "Meanwhile")
    page.context.set_offline(False)
    page.reload()
    expect(message(phone(page, ada), "Meanwhile")).to_be_visible()
    expect(page.locator(".message")).to_have_count(2)
    page.problems.clear()  # the browser notes that it was offline


def test_somebody_new_appears_on_the_shelf_by_being_texted(api, show, shop, ada) -> None:
    page = show()
    stranger = Person(api, "Zoe")
    expect(page.get_by_role("link", name=re.compile("Zoe.*No messages yet"))).to_be_visible()
    shop.send(stranger.number, "Welcome")
    page.get_by_role("link", name=re.compile("Zoe")).click()
    page.get_by_role("link", name=re.compile("1 new.*Welcome")).click()
    expect(message(phone(page, stranger), "Welcome")).to_be_visible()
