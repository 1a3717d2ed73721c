"""One streamed chat, read as its bytes arrive: the events say when they were written."""

import json
import re
import socket
import time
from urllib.parse import urlsplit

WRITTEN = re.compile(rb"chatcmpl-(\d{6,})")


class Stream:
    def __init__(self, address, route, key, model):
        place = urlsplit(address)
        self.place = (place.hostname, place.port)
        body = json.dumps({"model": model, "stream": True, "messages": [{"role": "user", "content": "When do you open?"}]})
        head = (f"POST {route} HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n")
        self.request = (head + body).encode()
        self.first_ms = None
        self.delays_ms = []
        self.held_back = 0

    def run(self):
        """Reads to the end; notes the first event's delay since the request, and each event's since it was written."""
        with socket.create_connection(self.place, timeout=30) as line:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            began = time.monotonic_ns()
            line.sendall(self.request)
            seen, text, done = {}, b"", False
            while not done and (data := line.recv(65536)):
                now = time.monotonic_ns()
                text += data
                for found in WRITTEN.finditer(text):
                    # A proxy may add events of its own under the same id.
                    seen.setdefault(int(found.group(1)), now)
                done = b"[DONE]" in text
                # What is left is the beginning of an event.
                text = text[text.rfind(b"\n\n") + 2:] if b"\n\n" in text else text
        events = list(seen.items())
        if events:
            self.first_ms = (events[0][1] - began) / 1e6
        self.delays_ms = [(arrived - written) / 1e6 for written, arrived in events]
        # An event that arrives after the next one was written was held back.
        self.held_back = sum(arrived > later for (_, arrived), (later, _) in zip(events, events[1:]))
        return self
