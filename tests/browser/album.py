"""Takes the pictures of the documentation: `BROWSER_MODULE=album tests/browser/run [FOLDER]`.

One scene, made through the API alone, at desktop and phone width, in light and dark.
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from harness.machine import ROOT
from harness.programs import Server, binary
from stage import Endpoint, Line, Person, desk, eventually, launch, message, phone, sign_in_path

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
PAGE = {"width": 1080, "height": 675}


def scene(api, pictures):
    """Ada and Ben, a shop's agent, and a ride on Saturday."""
    shop, support = Line(api, agent="Front Desk"), Line(api, "sms", agent="Parcel Robot")
    shop.tell(pictures)
    ada, ben, cleo = Person(api, "Ada Lovelace"), Person(api, "Ben Okri"), Person(api, "Cleo Brandt")
    support.send(ada.number, "Your parcel waits at the station. Reply STOP to hear no more of us.")
    ada.text(shop.number, "Hi! Is my bike ready?")
    asked = shop.send(ada.number, "Almost! The wheel is true again. Which tape would you like?")
    carousel = shop.send(ada.number, "", media_urls=[pictures.picture(name) for name in ("a", "b", "c", "d")])
    ada.text(shop.number, "The second one, please", reply_to=carousel["id"])
    ada.tap(asked["id"], "love")
    shop.send(ada.number, "Good choice. It is done! 🎉", send_style="confetti")
    group = api.post("/sim/groups", {"number": shop.number, "members": [ada.number, ben.number, cleo.number], "name": "Saturday ride"})
    group = group.expect()["group_id"]
    ben.text(group, "Who is in for Saturday?")
    eventually(lambda: ada.screen()["data"][-1]["message_id"], "a stored text")
    ada.text(group, "Me! If the bike is ready")
    shop.send(group, "I have spare tubes for everybody. Meet at the shop at nine?", send_style="gentle")
    ben.text(group, "Nine it is")
    cleo.text(group, "See you there!")
    last = ben.text(group, "🚲🌤️")
    cleo.tap(last["id"], "like")
    return shop, ada, ben, group


def taken(page, path):
    """A small picture of a page that has nothing to complain about."""
    assert page.problems == [], page.problems
    page.screenshot(path=path, type="jpeg", quality=64)


def pages(browser, server, state, shop, ada, folder):
    """The dashboard: a message's story, a conversation, a search, and the overview on a phone."""
    conversation = shop.conversation(ada.number)["id"]
    shop.api.request("PATCH", f"/v1/conversations/{conversation}", {"metadata": {"step": "pickup", "bike": 42}}).expect()
    asked = next(row for row in shop.history(ada.number) if row["direction"] == "inbound")["id"]
    eventually(lambda: shop.api.get("/v1/messages", query="bike").expect()["total"] == 2, "both texts in the index")
    shown = [("message", f"/messages/{asked}", PAGE, "light"), ("conversation", f"/conversations/{conversation}", PAGE, "light"),
             ("search", "/conversations?query=bike", PAGE, "dark"), ("phone-width", "/", PHONE, "dark")]
    for name, path, viewport, scheme in shown:
        with desk(browser, server.address, state, [], viewport=viewport, color_scheme=scheme) as page:
            page.goto(path)
            taken(page, folder / f"dashboard-{name}.jpg")


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work, Server(binary("debug"), Path(work) / "server") as server, Endpoint() as pictures:
        shop, ada, ben, group = scene(server.api(), pictures)
        with sync_playwright() as playwright:
            browser = launch(playwright)
            context = browser.new_context(base_url=server.address)
            context.new_page().goto(sign_in_path(server))
            state = context.storage_state()
            pages(browser, server, state, shop, ada, folder)
            for scheme in ("light", "dark"):
                threads = {ada: shop.number, ben: group}
                with desk(browser, server.address, state, [ada, ben], threads, viewport=DESKTOP, color_scheme=scheme) as page:
                    message(phone(page, ben), "Me!").wait_for()
                    page.wait_for_timeout(6000)
                    taken(page, folder / f"desk-{scheme}.jpg")
                with desk(browser, server.address, state, [ada], {}, viewport=PHONE, color_scheme=scheme) as page:
                    page.get_by_role("link", name="Saturday ride").wait_for()
                    taken(page, folder / f"list-{scheme}.jpg")
                with desk(browser, server.address, state, [ada], threads, viewport=PHONE, color_scheme=scheme) as page:
                    page.wait_for_timeout(6000)
                    taken(page, folder / f"thread-{scheme}.jpg")
            browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images")
