"""The upstream of `tests/peers/upstream` as a process of its own: it speaks the OpenAI protocol, notes what it received,
and behaves as badly as it is told."""

import pathlib
import subprocess
import sys
from typing import Any

import httpx

from .phone import eventually

PROGRAM = pathlib.Path(__file__).resolve().parents[2] / "peers" / "upstream" / "server.py"


class Upstream:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-B", str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        port = self._process.stdout.readline().split()[1]
        self.url = f"http://127.0.0.1:{port}/v1"
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False)

    def rules(self, *rules: dict) -> None:
        """How the next requests are answered, one rule each; the last one stays."""
        self._http.post("/_rules", json=list(rules)).raise_for_status()

    def step(self, count: int = 1) -> None:
        """Lets pieces of stepped answers out."""
        self._http.post("/_step", json={"count": count}).raise_for_status()

    def seen(self) -> list[dict[str, Any]]:
        return self._http.get("/_seen").json()

    def last(self) -> dict[str, Any]:
        return self.seen()[-1]

    def ended(self, outcome: str) -> dict[str, Any]:
        """The last request, once it ended like this."""
        return eventually(lambda: self.last() if self.last()["outcome"] == outcome else None, what=f"an end: {outcome}")

    def forget(self) -> None:
        self._http.post("/_forget").raise_for_status()

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(10)


def model(upstream: str, **settings: Any) -> str:
    """A model of the configuration, as TOML."""
    fields = {"engine": "openai", "url": [upstream]} | settings
    shown = ", ".join(f"{name} = {value!r}" for name, value in fields.items())
    return f"{{ {shown} }}"


def models(good: Upstream, rough: Upstream) -> str:
    """The models of the server under test, for AGENTPHONE_VOICE_MODELS: the public ones behind the good upstream, others
    behind one that is told to misbehave, and one with nobody behind it but its fallback."""
    table = {
        "Qwen3-Next-80B": model(good.url, model="peer/chat"),
        "whisper-large-v3": model(good.url, model="peer/whisper"),
        "orpheus": model(good.url, model="peer/orpheus"),
        "rough-chat": model(rough.url, task="chat", timeout=2.0),
        "rough-whisper": model(rough.url, task="transcription", timeout=2.0),
        "rough-voice": model(rough.url, task="speech", timeout=2.0, voices=["tara", "gravel"]),
        "backed": model("http://127.0.0.1:9/v1", task="chat", fallback=["Qwen3-Next-80B"]),
        "alone": model("http://127.0.0.1:9/v1", task="chat"),
    }
    return "{ " + ", ".join(f'"{name}" = {settings}' for name, settings in table.items()) + " }"


STAND_INS = '{ "gpt-laptop" = "Qwen3-Next-80B" }'
