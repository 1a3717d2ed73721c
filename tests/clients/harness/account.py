"""One customer of the server: an API key, plain HTTP with it, and numbers that are bought when first asked for."""

from functools import cached_property
from typing import Any

import httpx

from .phone import eventually
from .server import Server


class Account:
    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.id, self.key = server.new_account(name)
        self.origin = server.origin
        self.http = client(server.origin, self.key)

    @cached_property
    def sms(self) -> dict:
        """This account's first SMS number."""
        return self.buy(type="sms")

    @cached_property
    def imessage(self) -> dict:
        """This account's first iMessage number."""
        return self.buy(type="imessage")

    def buy(self, **wish: Any) -> dict:
        return self.ok("POST", "/v1/numbers", json=wish)

    def agent(self, **fields: Any) -> dict:
        return self.ok("POST", "/v1/agents", json={"name": "Front desk"} | fields)

    def ok(self, method: str, path: str, **arguments: Any) -> Any:
        answer = self.http.request(method, path, **arguments)
        assert answer.status_code == 200, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def send(self, to: str, body: str = "Hello", **fields: Any) -> dict:
        sender = {} if {"from_number", "number_id", "agent_id"} & fields.keys() else {"number_id": self.sms["id"]}
        return self.ok("POST", "/v1/messages", json={"to_number": to, "body": body} | sender | fields)

    def conversation_with(self, participant: str) -> dict:
        """The newest conversation with this person; waits until there is one."""

        def look() -> dict | None:
            rows = self.ok("GET", "/v1/conversations", params={"limit": 100})["data"]
            return next((row for row in rows if row["participant"] == participant), None)

        return eventually(look, what=f"a conversation with {participant}")

    def history(self, conversation_id: str, **query: Any) -> list[dict]:
        return self.ok("GET", f"/v1/conversations/{conversation_id}/messages", params={"limit": 200} | query)["data"]

    def message(self, conversation_id: str, message_id: str) -> dict:
        return next(row for row in self.history(conversation_id) if row["id"] == message_id)

    def deliveries(self) -> list[dict]:
        return self.ok("GET", "/v1/webhooks/deliveries", params={"limit": 200})["items"]


def client(origin: str, key: str | None) -> httpx.Client:
    """Plain HTTP; redirects are not followed, because the server must never send one."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.Client(base_url=origin, headers=headers, timeout=30, trust_env=False, follow_redirects=False)
