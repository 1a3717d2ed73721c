"""`script/bench streams`: what open event streams of phones cost in memory, quiet and while texts come in.

Each stream follows one phone of its own and the list of all phones, as the page with the phones does.
"""

import argparse
import random
import resource
import select
import socket
import time
from urllib.parse import quote, urlsplit

from harness.machine import chosen_seed, keep_result, work_folder
from harness.phone import make_numbers
from harness.programs import Server, binary

GOAL_MB = 30
LIMIT = 60.0


def parse(arguments):
    parser = argparse.ArgumentParser(prog="script/bench streams", description=__doc__)
    parser.add_argument("--streams", type=int, default=1_000)
    parser.add_argument("--texts", type=int, default=200, help="texts that phones get while all streams are open")
    parser.add_argument("--profile", choices=["release", "debug"], default="release")
    parser.add_argument("--seed", type=int, help="whose phones get the texts")
    return parser.parse_args(arguments)


def person(index):
    return f"+1415{3_000_000 + index}"


class Streams:
    """Open streams, each with what it has got so far."""

    def __init__(self, server, count):
        place = urlsplit(server.address)
        self.got = {}
        for index in range(count):
            request = (f"GET /sim/events?handsets={quote(person(index))} HTTP/1.1\r\nHost: {place.netloc}\r\n"
                       f"Authorization: Bearer {server.key()}\r\nAccept: text/event-stream\r\n\r\n")
            stream = socket.create_connection((place.hostname, place.port))
            stream.sendall(request.encode())
            self.got[stream] = b""
        self.poll = select.poll()
        self.by_number = {stream.fileno(): stream for stream in self.got}
        for number in self.by_number:
            self.poll.register(number, select.POLLIN)

    def read(self, seconds):
        for number, _ in self.poll.poll(seconds * 1e3):
            stream = self.by_number[number]
            got = stream.recv(1 << 16)
            if not got:
                raise RuntimeError("the server closed a stream")
            # What was read is not kept: its first line, and how often something happened.
            self.got[stream] += got if len(self.got[stream]) < 200 else got.replace(b" ", b"")

    def until(self, done, what):
        deadline = time.monotonic() + LIMIT
        while not all(done(got) for got in self.got.values()):
            if time.monotonic() > deadline:
                raise RuntimeError(f"not within {LIMIT} s: {what}")
            self.read(0.1)

    def close(self):
        for stream in self.got:
            stream.close()


def measured(options, folder, seed):
    choice = random.Random(seed)
    with Server(binary(options.profile), folder / "server") as server:
        api = server.api()
        line = make_numbers(api, 1)[0]
        send = lambda to, body: api.post("/v1/messages", {"number_id": line["id"], "to_number": to, "body": body}).expect()
        # Everything that grows once has grown before anything is measured.
        for index in range(options.streams):
            api.put(f"/sim/handsets/{quote(person(index))}", {"name": f"Person {index}"}).expect()
        for index in range(options.texts):
            send(person(index % options.streams), "warm")
        time.sleep(1)
        before = server.resident_bytes()
        streams = Streams(server, options.streams)
        try:
            streams.until(lambda got: got.startswith(b"HTTP/1.1 200"), "every stream is open")
            time.sleep(1)
            quiet = server.resident_bytes()
            busiest = quiet
            for index in range(options.texts):
                send(person(choice.randrange(options.streams)), f"text {index}")
                streams.read(0)
                busiest = max(busiest, server.resident_bytes())
            last = person(choice.randrange(options.streams))
            api.put(f"/sim/handsets/{quote(last)}", {"name": "The last of all"}).expect()
            streams.until(lambda got: b"Thelastofall" in got or b"The last of all" in got, "every stream tells of the last change")
            busiest = max(busiest, server.resident_bytes())
        finally:
            streams.close()
    return figures(options, before, quiet, busiest)


def figures(options, before, quiet, busiest):
    megabytes = lambda grown: grown / 1e6
    return {"streams": options.streams, "before_mb": megabytes(before), "quiet_mb": megabytes(quiet - before),
            "busy_mb": megabytes(busiest - before), "bytes_a_stream": (busiest - before) / options.streams,
            "goal": f"1,000 streams <= {GOAL_MB} MB", "reached": megabytes(busiest - before) <= GOAL_MB}


def main(arguments):
    options = parse(arguments)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    seed = chosen_seed(options.seed)
    print(f"seed {seed}", flush=True)
    with work_folder("streams") as folder:
        result = measured(options, folder, seed)
    keep_result("streams", seed, result)
    return 0
