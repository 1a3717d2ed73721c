"""A customer's own HTTP server: keeps the raw bytes of each webhook and answers as the test plans."""

import itertools
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from .phone import eventually

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0


def reply(text: str, **more: Any) -> Answer:
    """The inline reply of an agent."""
    body = json.dumps({"reply": text, "action": "respond"} | more).encode()
    return Answer(body=body, headers={"Content-Type": "application/json"})


@dataclass
class Request:
    body: bytes
    headers: dict[str, str]
    at: float

    @property
    def json(self) -> dict:
        return json.loads(self.body)


class Endpoint:
    """One URL. Answers follow `plan` in order; the last one stays."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.plan: list[Answer] = [Answer()]
        self.requests: list[Request] = []
        self._lock = threading.Lock()

    def take(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
            return self.plan.pop(0) if len(self.plan) > 1 else self.plan[0]

    def wait(self, count: int = 1, seconds: float = 40.0) -> list[Request]:
        return eventually(
            lambda: self.requests[:] if len(self.requests) >= count else None, seconds, f"{count} requests at {self.url}"
        )

    def stays_at(self, count: int, seconds: float = 1.5) -> None:
        """Nothing more than `count` requests comes for a while."""
        time.sleep(seconds)
        assert len(self.requests) == count, [request.body for request in self.requests]


class Receiver:
    def __init__(self) -> None:
        self.endpoints: dict[str, Endpoint] = {}
        self._names = itertools.count(1)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def endpoint(self, *plan: Answer) -> Endpoint:
        path = f"/hook/{next(self._names)}"
        endpoint = self.endpoints[path] = Endpoint(self.origin + path)
        if plan:
            endpoint.plan = list(plan)
        return endpoint

    def media(self, name: str = "picture.png") -> str:
        """The URL of a small picture; a name beginning with `missing` answers 404."""
        return f"{self.origin}/media/{next(self._names)}/{name}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = Request(body, {name.lower(): value for name, value in self.headers.items()}, time.monotonic())
                endpoint = receiver.endpoints.get(urlsplit(self.path).path)
                self._answer(endpoint.take(request) if endpoint else Answer(404))

            def do_GET(self) -> None:
                path = unquote(urlsplit(self.path).path)
                if not path.startswith("/media/") or path.rsplit("/", 1)[1].startswith("missing"):
                    self._answer(Answer(404))
                else:
                    self._answer(Answer(body=PNG, headers={"Content-Type": "image/png"}))

            do_HEAD = do_GET

            def _answer(self, answer: Answer) -> None:
                time.sleep(answer.delay)
                try:
                    self.send_response(answer.status)
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(answer.body)))
                    self.end_headers()
                    if self.command != "HEAD":
                        self.wfile.write(answer.body)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def log_message(self, *_: Any) -> None:
                pass

        return Handler
