"""A browser without a screen: the dashboard over plain HTTP, signed in as one account."""

import html
import re
from typing import Any

import httpx

from .account import Account, client
from .phone import eventually
from .server import Server

COOKIE = "agentphone_session"
SAME, CROSS = {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "cross-site"}


def new_link(server: Server, project: str) -> str:
    """The path of a fresh sign-in link."""
    printed = server.command("project", "link", "--project", project)
    return re.search(r"/sign-in\?token=[0-9a-z]{26}$", printed).group()


class Browser:
    """One signed-in person. Forms are posted as a browser posts them."""

    def __init__(self, account: Account) -> None:
        self.http = client(account.origin, None)
        answer = self.http.get(new_link(account.server, account.id))
        assert answer.status_code == 303, answer.text

    def page(self, path: str, status: int = 200) -> str:
        answer = self.http.get(path)
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text[:400]}"
        assert answer.headers["content-type"].startswith("text/html"), path
        return answer.text

    def page_with(self, path: str, words: str) -> str:
        """The page, as soon as it shows these words."""

        def look() -> str | None:
            page = self.page(path)
            return page if words in page else None

        return eventually(look, what=f"{words!r} on {path}")

    def post(self, path: str, fields: dict[str, Any] | None = None, **arguments: Any) -> httpx.Response:
        return self.http.post(path, data=fields or {}, headers=SAME | arguments.pop("headers", {}), **arguments)

    def submit(self, path: str, fields: dict[str, Any] | None = None) -> str:
        """Posts a form that must succeed; answers where it leads."""
        answer = self.post(path, fields)
        assert answer.status_code == 303, f"{path}: {answer.status_code} {answer.text[:600]}"
        return answer.headers["location"]

    def shown(self, path: str, action: str) -> dict[str, str]:
        """What the page at `path` says that its form to `action` shows, for the form to send."""
        form = self.page(path).split(f'action="{action}"', 1)[1]
        return {"shown": re.match(r'>.*?name="shown" value="(\w*)"', form)[1]}

    def refused(self, path: str, fields: dict[str, Any], status: int) -> str:
        """Posts a form that must be refused; answers the page, its entities resolved."""
        answer = self.post(path, fields)
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text[:400]}"
        return html.unescape(answer.text)
