"""The simulated network as a test sees it: handsets, faults and the ledger of every submit."""

import itertools
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

T = TypeVar("T")
_lines = itertools.count(1)


def fresh_number() -> str:
    """An assigned-looking US number that no other test uses."""
    line = next(_lines)
    return f"+1415{237 + line // 10_000:03}{line % 10_000:04}"


def eventually(look: Callable[[], T], seconds: float = 40.0, what: str = "") -> T:
    """Looks again until the answer is true; fails with the last answer."""
    deadline = time.monotonic() + seconds
    while True:
        answer = look()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"did not happen in {seconds} s: {what or look} (last: {answer!r})"
        time.sleep(0.03)


class Network:
    def __init__(self, origin: str, key: str) -> None:
        self.origin = origin
        self.http = httpx.Client(
            base_url=f"{origin}/sim", headers={"Authorization": f"Bearer {key}"}, timeout=30, trust_env=False
        )

    def _ok(self, answer: httpx.Response) -> Any:
        assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def handset(self, imessage: bool = False, name: str = "Test person") -> "Handset":
        handset = Handset(self, fresh_number())
        handset.change(imessage=imessage, name=name)
        return handset

    def faults(self, **faults: Any) -> None:
        self._ok(self.http.put("/faults", json=faults))

    def heal(self) -> None:
        """Back to normal, and the server knows it."""
        self.faults(accept_delay_ms=0, refuse_next=0, withhold_next=0, release=True, receipt_delay_ms=0, link_down=False)
        eventually(lambda: self.http.get(f"{self.origin}/readyz").status_code == 200, what="the line is up again")

    def ledger(self, message_id: str) -> list[dict]:
        """Every submit of one message, in order."""
        entries, after = [], 0
        while True:
            page = self._ok(self.http.get("/ledger", params={"after": after, "limit": 1000}))
            entries += page["data"]
            if not page["data"]:
                return [entry for entry in entries if entry["message_id"] == message_id]
            after = page["next"]


class Handset:
    def __init__(self, network: Network, number: str) -> None:
        self.network = network
        self.number = number
        self._path = f"/handsets/{quote(number, safe='')}"

    def change(self, **what: Any) -> None:
        self.network._ok(self.network.http.put(self._path, json=what))

    def text(self, to: str, body: str = "", media_urls: list[str] | None = None, reply_to: str | None = None) -> dict:
        """The person texts one of our numbers."""
        request: dict[str, Any] = {"to": to, "body": body, "media_urls": media_urls or []}
        if reply_to:
            request["reply_to"] = reply_to
        return self.network._ok(self.network.http.post(f"{self._path}/messages", json=request))

    def shown(self) -> list[dict]:
        """What the phone shows, in its own order."""
        return self.network._ok(self.network.http.get(f"{self._path}/messages"))["data"]

    def received(self) -> list[dict]:
        """What was texted to this phone."""
        return [message for message in self.shown() if message["from"] != self.number]

    def wait_for(self, message_id: str, seconds: float = 40.0) -> dict:
        def look() -> dict | None:
            for message in self.shown():
                if message_id in (message["id"], message.get("message_id")):
                    return message
            return None

        return eventually(look, seconds, f"{message_id} on the phone {self.number}")
