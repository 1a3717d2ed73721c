"""`script/bench voice gateway`: what it costs to go through us to an upstream that costs nothing.

Three ways to the same trivial upstream, taken in turns: straight there, through us, through LiteLLM's proxy (in an
environment of its own, made when it is first needed; as many workers as there are cores). Requests a second and
latency at 1, 16 and 64 clients; what we add at a set pace, when nobody queues for the processors; and streams whose
events say when they were written, so that what is held back shows.
"""

import argparse
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from bench.litellm import LiteLlm
from bench.streaming import Stream
from harness import wrk
from harness.machine import ROOT, keep_result, median, percentile, work_folder
from harness.programs import Server, binary

SOURCE = Path(__file__).parent / "upstream" / "upstream.c"
MODEL = "Qwen3-Next-80B"
ROUTE = {"direct": "/v1/chat/completions", "agentphone": "/api/v1/chat/completions", "litellm": "/v1/chat/completions"}
PACED = "paced"
EVENTS, GAP_MICROSECONDS = 32, 4000


def parse(arguments):
    parser = argparse.ArgumentParser(prog="script/bench voice gateway", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pace", type=int, default=10_000, help="requests a second of 64 clients in the paced cells")
    parser.add_argument("--streams", type=int, default=20, help="streams a round and way")
    parser.add_argument("--without-litellm", action="store_true")
    return parser.parse_args(arguments)


class Upstream:
    """The trivial upstream, compiled here."""

    def __init__(self, folder):
        self.program = folder / "upstream"
        command = ["cc", "-O2", "-pthread", "-o", str(self.program), str(SOURCE)]
        subprocess.run(command, check=True)

    def __enter__(self):
        arguments = [str(self.program), str(EVENTS), str(GAP_MICROSECONDS)]
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().strip()
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Through(Server):
    """Our server with one model behind the upstream."""

    def __init__(self, executable, folder, upstream):
        super().__init__(executable, folder)
        path = folder.parent / "voice.toml"
        path.write_text(f'[voice.models."{MODEL}"]\nengine = "openai"\nurl = ["{upstream}/v1"]\nmodel = "peer"\n'
                        "concurrency = 256\n")
        self.arguments += ["--config", str(path)]


def load(way, clients, seconds, rate=0):
    address, key = way
    return wrk.run("chat.lua", address, clients, seconds, TOKEN=key, ROUTE=ROUTE[way.name], MODEL=MODEL, RATE=rate)


class Way(tuple):
    """Where to and with which key."""

    def __new__(cls, name, address, key):
        way = super().__new__(cls, (address, key))
        way.name = name
        return way


def streamed(way, count):
    """First bytes and delays, in milliseconds, of so many streams one after the other."""
    address, key = way
    streams = [Stream(address, ROUTE[way.name], key, MODEL).run() for _ in range(count)]
    delays = [delay for stream in streams for delay in stream.delays_ms]
    return {"first_ms": [stream.first_ms for stream in streams], "delays_ms": delays,
            "events": sum(len(stream.delays_ms) for stream in streams),
            "held_back": sum(stream.held_back for stream in streams)}


def measure(ways, options):
    cells = {way.name: {clients: [] for clients in options.clients} for way in ways}
    # LiteLLM never reaches the pace.
    paced = [way for way in ways if way.name != "litellm"]
    for way in paced:
        cells[way.name][PACED] = []
    streams = {way.name: [] for way in ways}
    for number in range(options.rounds):
        for clients in options.clients:
            for way in ways:
                load(way, clients, 1)
                cells[way.name][clients].append(load(way, clients, options.seconds))
        for way in paced:
            cells[way.name][PACED].append(load(way, 64, options.seconds, options.pace))
        for way in ways:
            streams[way.name].append(streamed(way, options.streams))
        print(f"round {number + 1} of {options.rounds}", flush=True)
    return cells, streams


def summed(cells, streams):
    """Medians over the rounds."""
    figures = {}
    for name, by_clients in cells.items():
        for clients, reports in by_clients.items():
            for key in ("per_second", "p50_ms", "p99_ms"):
                figures[f"{name}_{clients}_{key}"] = median([report[key] for report in reports])
            figures[f"{name}_{clients}_faults"] = sum(report["not_2xx"] + report["broken"] for report in reports)
    for name, rounds in streams.items():
        firsts = [first for one in rounds for first in one["first_ms"]]
        delays = [delay for one in rounds for delay in one["delays_ms"]]
        figures[f"{name}_stream_first_p50_ms"] = percentile(firsts, 50)
        figures[f"{name}_stream_delay_p50_ms"] = percentile(delays, 50)
        figures[f"{name}_stream_delay_p99_ms"] = percentile(delays, 99)
        figures[f"{name}_stream_held_back"] = sum(one["held_back"] for one in rounds)
        figures[f"{name}_stream_missing"] = sum(options_events(one) for one in rounds)
    return figures


def options_events(one):
    """How many events of a round did not come."""
    return len(one["first_ms"]) * EVENTS - one["events"]


def added(figures, clients):
    """What going through us adds, and how it compares."""
    sums = {}
    for count in [*clients, PACED]:
        for key in ("p50_ms", "p99_ms"):
            sums[f"added_{count}_{key}"] = figures[f"agentphone_{count}_{key}"] - figures[f"direct_{count}_{key}"]
        if f"litellm_{count}_per_second" in figures:
            ratio = figures[f"agentphone_{count}_per_second"] / max(figures[f"litellm_{count}_per_second"], 0.1)
            sums[f"by_litellm_{count}"] = ratio
    for key in ("first_p50", "delay_p50", "delay_p99"):
        sums[f"added_stream_{key}_ms"] = figures[f"agentphone_stream_{key}_ms"] - figures[f"direct_stream_{key}_ms"]
    return sums


def main(arguments):
    options = parse(arguments)
    with work_folder("gateway") as folder, ExitStack() as stack:
        upstream = stack.enter_context(Upstream(folder))
        server = stack.enter_context(Through(binary("release"), folder / "server", upstream.address))
        ways = [Way("direct", upstream.address, "none"), Way("agentphone", server.address, server.key())]
        if not options.without_litellm:
            peer = stack.enter_context(LiteLlm(ROOT / ".cache" / "litellm", folder, upstream.address, MODEL))
            ways.append(Way("litellm", peer.address, peer.key))
        cells, streams = measure(ways, options)
    figures = summed(cells, streams)
    figures |= added(figures, options.clients)
    figures |= {"goal": "p50 +<= 0.3 ms at 1; >= 10,000/s at 64 with p99 +<= 2 ms; >= 50 x LiteLLM; first byte +<= 0.5 ms; nothing held back",
                "clients": options.clients, "pace": options.pace, "seconds": options.seconds, "rounds": options.rounds}
    keep_result("voice-gateway", 0, figures)
    return 0 if not any(value for key, value in figures.items() if key.endswith(("_faults", "_missing"))) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
