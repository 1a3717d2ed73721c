"""What every test of the pages stands on: the server, a browser that is signed in, customers, people with phones."""

import itertools
import json
import os
import re
import shutil
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, urlencode

from playwright.sync_api import Browser, Page, Playwright

from harness.programs import Server
from pictures import painted

LINK = re.compile(r"http://\S+(/sign-in\?token=[0-9a-z]+)")
PATIENCE = 30.0
_lines = itertools.count(1)


def chromium() -> str:
    path = shutil.which(os.environ.get("CHROMIUM", "chromium"))
    assert path, "no chromium: script/install chromium"
    return path


def launch(playwright: Playwright) -> Browser:
    # The microphone is one that beeps.
    return playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--use-fake-device-for-media-stream"])


def sign_in_path(server: Server) -> str:
    return eventually(lambda: LINK.search(server.log.read_text()), "a printed link")[1]


def eventually(look, what="", seconds=PATIENCE):
    """Looks again until the answer is true; fails with the last answer."""
    deadline = time.monotonic() + seconds
    while not (answer := look()):
        assert time.monotonic() < deadline, f"did not happen in {seconds} s: {what} (last: {answer!r})"
        time.sleep(0.03)
    return answer


class Person:
    """Somebody with a phone on the simulated network."""

    def __init__(self, api, name="Ada", imessage=True):
        self.api, self.name = api, name
        line = next(_lines)
        self.number = f"+1415{237 + line // 10_000:03}{line % 10_000:04}"
        self.path = f"/sim/handsets/{quote(self.number, safe='')}"
        self.change(name=name, imessage=imessage)

    def change(self, **what):
        return self.api.put(self.path, what).expect()

    def text(self, to, body="", **more):
        return self.api.post(f"{self.path}/messages", {"to": to, "body": body} | more).expect()

    def tap(self, message_id, reaction):
        self.api.post(f"{self.path}/reactions", {"message_id": message_id, "reaction": reaction}).expect()

    def screen(self):
        return self.api.get(f"{self.path}/messages").expect()


class Line:
    """A number of ours, of an agent with a name."""

    def __init__(self, api, kind="imessage", agent=None):
        self.api = api
        self.agent = api.post("/v1/agents", {"name": agent}).expect()["id"] if agent else None
        bought = api.post("/v1/numbers", {"type": kind, "areaCode": "206", "agentId": self.agent}).expect()
        self.id, self.number = bought["id"], bought["phoneNumber"]

    def tell(self, endpoint):
        """Sends this agent's webhooks to `endpoint`."""
        self.api.post(f"/v1/agents/{self.agent}/webhook", {"url": f"{endpoint.origin}/hook"}).expect()

    def send(self, to, body="", **more):
        wish = {"number_id": self.id, "to_number": to, "body": body} | more
        sent = self.api.post("/v1/messages", wish).expect()
        assert sent["status"] == "sent", sent
        return sent

    def conversation(self, participant):
        """The conversation with a person or a group, once there is one."""

        def look():
            rows = self.api.get("/v1/conversations", limit=100).expect()["data"]
            return next((row for row in rows if (row["phoneNumber"], row["participant"]) == (self.number, participant)), None)

        return eventually(look, f"a conversation with {participant}")

    def history(self, participant):
        path = f"/v1/conversations/{self.conversation(participant)['id']}/messages"
        return self.api.get(path, limit=200).expect()["data"]


class Endpoint:
    """A customer's own web server: keeps the webhooks it gets, and has pictures."""

    def __enter__(self):
        events = self.events = []
        numbers = itertools.count(1)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                events.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self._answer(b"", "text/plain")

            def do_GET(self):
                self._answer(painted(self.path), "image/png")

            do_HEAD = do_GET

            def _answer(self, body, kind):
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        self.numbers = numbers
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def picture(self, name="picture"):
        return f"{self.origin}/{next(self.numbers)}/{name}.png"

    def wait(self, fits):
        """The first event that fits."""
        return eventually(lambda: next((event for event in self.events if fits(event)), None), f"an event among {self.events}")


@contextmanager
def desk(browser: Browser, origin: str, state: dict, people, threads=None, **options):
    """The page with the phones of `people` on the desk, and the given threads open. What the console says is kept."""
    context = browser.new_context(base_url=origin, storage_state=state, locale="en-GB", **options)
    page = context.new_page()
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("console", lambda line: page.problems.append(line.text) if line.type == "error" else None)
    page.set_default_timeout(PATIENCE * 1000)
    path = "/handset/" + ",".join(quote(person.number, safe="") for person in people) if people else "/handset"
    opened = urlencode({person.number: thread for person, thread in (threads or {}).items()})
    page.goto(f"{path}#{opened}" if opened else path)
    try:
        yield page
    finally:
        context.close()


def phone(page: Page, person):
    """The phone of somebody on the desk."""
    return page.get_by_role("article", name=f"Phone of {person.name}", exact=True)


def message(holder, text):
    return holder.locator(".message", has_text=text)
