"""Runs the Express application of `receiver.mjs` and asks it what it saw."""

import itertools
import pathlib
import re
import subprocess

import httpx

from .phone import eventually

HERE = pathlib.Path(__file__).resolve().parents[1]


class Express:
    def __init__(self) -> None:
        self._names = itertools.count(1)
        self._process = subprocess.Popen(["node", "receiver.mjs"], cwd=HERE, stdout=subprocess.PIPE, text=True)
        line = self._process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found, f"the Express application did not start: {line!r}"
        self.origin = found.group()
        self.http = httpx.Client(base_url=self.origin, timeout=30, trust_env=False)

    def hook(self) -> "Hook":
        return Hook(self, f"hook{next(self._names)}")

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)


class Hook:
    def __init__(self, express: Express, name: str) -> None:
        self._express = express
        self._name = name
        self.url = f"{express.origin}/hook/{name}"

    def prepare(self, secret: str, reply: str | None = None) -> None:
        self._express.http.put(f"/control/{self._name}", json={"secret": secret, "reply": reply}).raise_for_status()

    def seen(self) -> list[dict]:
        return self._express.http.get(f"/seen/{self._name}").raise_for_status().json()

    def wait(self, count: int = 1) -> list[dict]:
        return eventually(
            lambda: self.seen() if len(self.seen()) >= count else None, what=f"{count} webhooks at the Express application"
        )
