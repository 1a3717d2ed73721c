"""Many webhook endpoints in one process of its own, fast enough for load: `/hook/0`, `/hook/1`, …

Each text carries a key `T<microseconds>x<n>` (`wrk/common.lua`). A healthy endpoint notes the key, the time of arrival
and its own handling time, and answers at once; with `--reply` the answer is an inline reply that repeats the key.
`POST /control/sick {"hang":[…],"fail":[…]}` makes endpoints hang or answer 500; ones that hung are then let go.
`GET /control/arrivals` gives what has arrived since the last asking: `[endpoint, key, arrived, seconds of handling]`.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from harness.api import Api

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
TESTS = Path(__file__).resolve().parents[1]
KEY = re.compile(rb"T\d{16}x\d+")


def response(status, body=b""):
    return b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


OK = response(b"200 OK", b'{"action":"ignore"}')
BROKEN = response(b"500 Internal Server Error")


class State:
    """What all connections share."""

    def __init__(self, reply):
        self.reply = reply
        self.hang, self.fail = set(), set()
        self.arrivals, self.hanging = [], []

    def sicken(self, hang, fail):
        self.hang, self.fail = set(hang), set(fail)
        for transport in self.hanging:
            transport.write(OK)
        self.hanging = []


class Connection(asyncio.Protocol):
    """One keep-alive connection; requests come whole or in pieces."""

    def __init__(self, state):
        self.state, self.buffer = state, b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            length = LENGTH.search(self.buffer, 0, end)
            total = end + 4 + (int(length.group(1)) if length else 0)
            if len(self.buffer) < total:
                return
            request, self.buffer = self.buffer[:total], self.buffer[total:]
            self.answer(request.split(b" ", 2)[1], request[end + 4:])

    def answer(self, path, body):
        if path.startswith(b"/hook/"):
            self.deliver(int(path[6:]), body)
        elif path == b"/control/sick":
            self.state.sicken(**json.loads(body))
            self.transport.write(OK)
        else:
            arrivals, self.state.arrivals = self.state.arrivals, []
            self.transport.write(response(b"200 OK", json.dumps(arrivals).encode()))

    def deliver(self, endpoint, body):
        arrived, began = time.time(), time.perf_counter()
        state = self.state
        if endpoint in state.hang:
            state.hanging.append(self.transport)
            return
        if endpoint in state.fail:
            self.transport.write(BROKEN)
            return
        key = KEY.search(body)
        name = key.group() if key else b""
        self.transport.write(response(b"200 OK", b'{"action":"respond","reply":"re %s"}' % name) if state.reply else OK)
        state.arrivals.append((endpoint, name.decode(), arrived, time.perf_counter() - began))


class Endpoints:
    """The process, as its user sees it."""

    def __init__(self, reply=False):
        self.arguments = ["--reply"] if reply else []

    def __enter__(self):
        command = [sys.executable, "-c", "from bench.endpoints import serve; serve()", *self.arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(TESTS)})
        self.address = f"http://127.0.0.1:{int(self.process.stdout.readline())}"
        self.api = Api(self.address, time_limit=60)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def url(self, endpoint):
        return f"{self.address}/hook/{endpoint}"

    def sicken(self, hang=(), fail=()):
        self.api.post("/control/sick", {"hang": list(hang), "fail": list(fail)}).expect()

    def arrivals(self):
        return self.api.get("/control/arrivals").expect()

    def await_quiet(self, seconds=1.0):
        """What arrives until nothing has arrived for `seconds`."""
        came, quiet_since = self.arrivals(), time.monotonic()
        while time.monotonic() - quiet_since < seconds:
            time.sleep(0.1)
            if new := self.arrivals():
                came += new
                quiet_since = time.monotonic()
        return came


def sent_at(key):
    """The unix time in seconds at which a key's text was sent."""
    return int(key[1:17]) / 1e6


async def listen(state):
    server = await asyncio.get_running_loop().create_server(lambda: Connection(state), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def serve():
    asyncio.run(listen(State("--reply" in sys.argv)))
