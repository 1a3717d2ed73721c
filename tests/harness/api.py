"""HTTP as a plain client speaks it: one keep-alive connection, JSON in and out, no retries of its own."""

import http.client
import json
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit


@dataclass
class Answer:
    """A complete answer: it exists only when status, headers and body have been read."""

    status: int
    headers: dict
    body: object

    def expect(self, *statuses):
        """The body, when the status is one of `statuses` (200 when none are named)."""
        if self.status not in (statuses or (200,)):
            raise RuntimeError(f"unexpected answer {self.status}: {self.body}")
        return self.body


class Api:
    """A connection to a server (with a key) or to the separate network (without). Not for several threads."""

    def __init__(self, address, key=None, time_limit=15):
        self.place = urlsplit(address)
        self.time_limit = time_limit
        self.headers = {"Content-Type": "application/json"}
        if key:
            self.headers["Authorization"] = f"Bearer {key}"
        self.connection = None

    def request(self, method, path, body=None):
        """Sends and reads the whole answer; OSError when the connection broke before its end."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.place.hostname, self.place.port, timeout=self.time_limit)
        try:
            data = None if body is None else json.dumps(body).encode()
            self.connection.request(method, path, data, self.headers)
            response = self.connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as problem:
            self.close()
            raise ConnectionError(f"{method} {path}: {problem!r}") from problem
        return Answer(response.status, dict(response.headers.items()), parsed(text))

    def get(self, path, **query):
        return self.request("GET", f"{path}?{urlencode(query)}" if query else path)

    def post(self, path, body=None):
        return self.request("POST", path, {} if body is None else body)

    def put(self, path, body):
        return self.request("PUT", path, body)

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None


def parsed(text):
    """JSON when it is JSON, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text.decode(errors="replace")
