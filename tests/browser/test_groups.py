"""Groups as people make them on their phones: several phones side by side, one agent among them."""

import re

from playwright.sync_api import expect

from stage import Line, Person, eventually, message, phone


def test_people_start_a_group_with_the_agent_and_talk(api, show, shop, ada) -> None:
    ben = Person(api, "Ben")
    shop.send(ada.number, "Hello Ada")
    page = show(ada, ben)
    hers, his = phone(page, ada), phone(page, ben)
    expect(hers.get_by_role("link", name=re.compile("Front Desk"))).to_be_visible()
    hers.get_by_role("button", name="New message").click()
    sheet = hers.get_by_role("dialog", name="New Message")
    sheet.get_by_role("combobox").select_option(shop.number)
    sheet.get_by_role("checkbox", name=re.compile(re.escape("Ben") + ".*" + ben.number[-4:])).check()
    sheet.get_by_label("Group name").fill("Saturday ride")
    sheet.get_by_role("button", name="Start").click()
    expect(hers.get_by_role("button", name="Saturday ride, details")).to_be_visible()
    his.get_by_role("link", name=re.compile("Saturday ride")).click()
    hers.get_by_role("textbox", name="Message").fill("Who is in?")
    page.keyboard.press("Enter")
    expect(message(his, "Who is in?").locator(".from")).to_contain_text("Ada")
    group = ada.screen()["data"][-1]["group_id"]
    assert shop.conversation(group)["groupName"] == "Saturday ride"
    eventually(lambda: [row["body"] for row in shop.history(group)] == ["Who is in?"], "the text at the API")
    shop.send(group, "Count me in, I bring tubes")
    for holder in (hers, his):
        expect(message(holder, "Count me in").locator(".from")).to_contain_text("Front Desk")


def test_a_group_is_renamed_joined_and_left(api, show, shop, ada) -> None:
    ben, cleo = Person(api, "Ben"), Person(api, "Cleo")
    group = api.post("/sim/groups", {"number": shop.number, "members": [ada.number, ben.number], "name": "Ride"}).expect()["group_id"]
    ben.text(group, "Morning")
    page = show(ada, cleo, threads={ada: group})
    hers, theirs = phone(page, ada), phone(page, cleo)
    members = lambda: api.get(f"/sim/groups/{group}").expect()["members"]

    hers.get_by_role("button", name="Ride, details").click()
    hers.get_by_label("Group name").fill("Sunday ride")
    hers.get_by_role("button", name="Save").click()
    expect(hers.get_by_role("button", name="Sunday ride, details")).to_be_visible()
    assert eventually(lambda: shop.conversation(group)["groupName"] == "Sunday ride", "the name at the API")

    hers.get_by_role("button", name="Sunday ride, details").click()
    hers.get_by_label("Add a person").select_option(cleo.number)
    hers.get_by_role("button", name="Add", exact=True).click()
    expect(theirs.get_by_role("link", name=re.compile("Sunday ride"))).to_be_visible()
    assert members() == [ada.number, ben.number, cleo.number]
    roster = lambda: {row["identifier"] for row in shop.conversation(group)["participants"]}
    eventually(lambda: roster() == set(members()), "the roster at the API")

    hers.get_by_role("button", name="Sunday ride, details").click()
    hers.get_by_role("button", name="Remove Ben").click()
    expect(hers.get_by_role("dialog")).to_have_count(0)
    assert members() == [ada.number, cleo.number]

    theirs.get_by_role("link", name=re.compile("Sunday ride")).click()
    theirs.get_by_role("button", name="Sunday ride, details").click()
    theirs.get_by_role("button", name="Leave this conversation").click()
    expect(theirs.get_by_role("textbox", name="Message")).to_be_disabled()
    expect(theirs.get_by_role("textbox", name="Message")).to_have_attribute("placeholder", "You left this conversation")
    assert members() == [ada.number]
    expect(hers.locator(".happening")).to_have_text([
        "You named the conversation “Sunday ride”", "You added Cleo to the conversation",
        "You removed Ben from the conversation", "Cleo left the conversation"])
    expect(theirs.locator(".happening")).to_have_text([
        "Ada added you to the conversation", "Ada removed Ben from the conversation", "You left the conversation"])


def test_a_refused_change_of_a_group_says_why(api, show, shop, ada) -> None:
    group = api.post("/sim/groups", {"number": shop.number, "members": [ada.number], "name": "Alone"}).expect()["group_id"]
    page = show(ada, thread=group)
    page.get_by_role("button", name="Alone, details").click()
    page.get_by_role("button", name="Leave this conversation").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_have_text("members must not be empty")
    page.problems.clear()  # the browser notes the 400


def test_an_sms_number_starts_no_group(api, show, ada) -> None:
    Person(api, "Ben")
    green = Line(api, "sms", agent="Parcel Robot")
    page = show(ada)
    page.get_by_role("button", name="New message").click()
    page.get_by_role("combobox").select_option(green.number)
    expect(page.get_by_role("group", name="With other people")).to_be_hidden()
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("textbox", name="Message")).to_have_attribute("placeholder", "Text Message")
