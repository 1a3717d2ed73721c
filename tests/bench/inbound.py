"""`script/bench inbound`: a person's text → webhook → inline reply → submitted, without the handler's time."""

import argparse
import re
from contextlib import ExitStack
from datetime import datetime

from bench.endpoints import Endpoints, sent_at
from harness import wrk
from harness.api import Api
from harness.machine import chosen_seed, flush_p50_ms, keep_result, median, percentile, work_folder
from harness.phone import Sim, make_numbers
from harness.preload import compiled, loading
from harness.programs import Network, Server, binary

CLIENTS = 16
NUMBERS = 20
KEY = re.compile(r"T\d{16}x\d+")
LEDGER_STEP_MS = 1


def parse(arguments):
    parser = argparse.ArgumentParser(prog="script/bench inbound", description=__doc__)
    parser.add_argument("--rate", type=int, default=200, help="texts a second")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, help="where the people's numbers begin")
    return parser.parse_args(arguments)


def milliseconds(at):
    """A ledger time (unix milliseconds or RFC 3339) as unix milliseconds."""
    if isinstance(at, (int, float)):
        return at
    return datetime.fromisoformat(at.replace("Z", "+00:00")).timestamp() * 1e3


def latencies(entries, arrivals):
    """Milliseconds from sending each text to its reply's submit, less the handler's time.

    The ledger counts whole milliseconds, so its step is added: the figure is never too small.
    """
    handled = {key: seconds for _, key, _, seconds in arrivals}
    times = {}
    for entry in entries:
        key = KEY.search(entry["body"])
        if entry["direction"] == "out" and key and key.group() in handled:
            name = key.group()
            times.setdefault(name, milliseconds(entry["at"]) + LEDGER_STEP_MS - sent_at(name) * 1e3 - handled[name] * 1e3)
    return list(times.values())


def one_round(sim, network, endpoints, numbers, options, first):
    """The latencies of one run of wrk, and how many texts it sent."""
    endpoints.arrivals()
    sim.entries()
    report = wrk.run("texts_in.lua", network.address, CLIENTS, options.seconds, RATE=options.rate, FIRST=first,
                     NUMBERS=",".join(number["phoneNumber"] for number in numbers))
    entries = sim.await_quiet()
    return latencies(entries, endpoints.await_quiet(0.2)), report["answers"]


def flushes_counted(path):
    return int.from_bytes(path.read_bytes(), "little") if path.exists() else 0


def measured(options, folder, stack, seed):
    executable = binary("release")
    counter = folder / "flushes"
    shim = loading(compiled("count_flushes", folder), folder / "server", SHIM_COUNTER=counter)
    network = stack.enter_context(Network(executable, folder / "network"))
    server = stack.enter_context(Server(executable, folder / "server", network, environment=shim))
    endpoints = stack.enter_context(Endpoints(reply=True))
    api, sim = server.api(), Sim(Api(network.address))
    numbers = make_numbers(api, NUMBERS)
    for index, number in enumerate(numbers):
        api.put(f"/api/numbers/{number['id']}/webhook", {"url": endpoints.url(index)}).expect()
    rounds, flushes = [], []
    for index in range(options.rounds):
        flushes.append(flush_p50_ms(folder))
        before = flushes_counted(counter)
        times, sent = one_round(sim, network, endpoints, numbers, options, (seed + index * 100_000) % 10_000_000)
        rounds.append({"p50_ms": percentile(times, 50), "p99_ms": percentile(times, 99), "texts": sent,
                       "replies": len(times), "flushes_per_text": (flushes_counted(counter) - before) / max(1, sent)})
        print(f"round {index + 1}: {rounds[-1]}", flush=True)
    return summary(options, rounds, median(flushes))


def summary(options, rounds, flush):
    p50, p99 = (median([one[key] for one in rounds]) for key in ("p50_ms", "p99_ms"))
    unanswered = sum(one["texts"] - one["replies"] for one in rounds)
    return {"rate": options.rate, "p50_ms": p50, "p99_ms": p99, "flush_p50_ms": flush,
            "flushes_per_text": median([one["flushes_per_text"] for one in rounds]), "texts_without_reply": unanswered,
            "goal": "p50 <= 4 flushes + 5 ms, p99 <= 50 ms", "goal_p50_ms": 4 * flush + 5,
            "reached": p50 <= 4 * flush + 5 and p99 <= 50 and unanswered == 0, "rounds": rounds}


def main(arguments):
    options = parse(arguments)
    seed = chosen_seed(options.seed)
    print(f"seed {seed}", flush=True)
    with work_folder("inbound") as folder, ExitStack() as stack:
        figures = measured(options, folder, stack, seed)
    keep_result("inbound", seed, figures)
    return 0
