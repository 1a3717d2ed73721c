"""Requests that several files of tests make badly on purpose."""

from typing import Any

import httpx

from .account import Account


def send(account: Account, **fields: Any) -> httpx.Response:
    """A message from the account's SMS number, with the given fields instead; a None is sent as null."""
    request = {"to_number": "+14155550142", "body": "Hi", "number_id": account.sms["id"]} | fields
    return account.http.post("/v1/messages", json=request)


def stored(account: Account) -> int:
    """How many messages the account's SMS number has."""
    return len(account.ok("GET", f"/v1/numbers/{account.sms['id']}/messages", params={"limit": 200})["data"])
