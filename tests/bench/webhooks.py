"""`script/bench webhooks`: 64 endpoints of which 8 hang and 8 answer 500; what the healthy 48 get, with and without them."""

import argparse
import random
from contextlib import ExitStack

from bench.endpoints import Endpoints, sent_at
from harness import wrk
from harness.machine import chosen_seed, keep_result, median, percentile, work_folder
from harness.phone import make_numbers
from harness.programs import Network, Server, binary

ENDPOINTS, HANG, FAIL = 64, 8, 8
CLIENTS = 64
ALL = 0.99  # the texts of a run are not spread over the numbers to the last one


def parse(arguments):
    parser = argparse.ArgumentParser(prog="script/bench webhooks", description=__doc__)
    parser.add_argument("--rate", type=int, default=4200,
                        help="inbound texts a second over all numbers in the paced runs; three quarters go to the healthy")
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, help="which endpoints are sick")
    return parser.parse_args(arguments)


class Bench:
    """64 agents, each with a number and a webhook of its own."""

    def __init__(self, folder, stack, seed):
        executable = binary("release")
        self.network = stack.enter_context(Network(executable, folder / "network"))
        self.server = stack.enter_context(Server(executable, folder / "server", self.network))
        self.endpoints = stack.enter_context(Endpoints())
        self.numbers = [self._agent(self.server.api(), index) for index in range(ENDPOINTS)]
        sick = random.Random(seed).sample(range(ENDPOINTS), HANG + FAIL)
        self.hang, self.fail = sick[:HANG], sick[HANG:]
        self.healthy = set(range(ENDPOINTS)) - set(sick)
        self.person = seed % 1000 * 10_000

    def _agent(self, api, index):
        agent = api.post("/v1/agents", {"name": f"agent {index}"}).expect()
        webhook = {"url": self.endpoints.url(index), "contextLimit": 0, "timeout": 5}
        api.post(f"/v1/agents/{agent['id']}/webhook", webhook).expect()
        return make_numbers(api, 1, agentId=agent["id"])[0]["phoneNumber"]

    def run(self, sick, rate, seconds):
        """One cell: texts to all numbers; rate and latency at the endpoints that are healthy in every cell."""
        self.endpoints.sicken(*((self.hang, self.fail) if sick else ()))
        self.endpoints.await_quiet()
        report = wrk.run("texts_in.lua", self.network.address, CLIENTS, seconds, RATE=rate, FIRST=self.person,
                         NUMBERS=",".join(self.numbers))
        self.person = (self.person + report["answers"] + 1000) % 10_000_000
        arrivals = [one for one in self.endpoints.await_quiet() if one[0] in self.healthy and one[1]]
        return self._cell(report, arrivals)

    def _cell(self, report, arrivals):
        waits = [(arrived - sent_at(key)) * 1e3 for _, key, arrived, _ in arrivals]
        times = [arrived for _, _, arrived, _ in arrivals]
        span = max(times) - min(times) if len(times) > 1 else 0
        expected = report["answers"] * len(self.healthy) / ENDPOINTS
        return {"texts": report["answers"], "healthy_arrivals": len(arrivals),
                "healthy_unique": len({key for _, key, _, _ in arrivals}), "healthy_expected": round(expected),
                "healthy_per_second": len(arrivals) / span if span else 0.0, "p50_ms": percentile(waits, 50),
                "p99_ms": percentile(waits, 99), "not_2xx": report["not_2xx"]}


def measured(options, bench):
    """Rounds of: paced with all well, paced with the sick, at full speed with the sick."""
    cells = {"well": [], "sick": [], "sick_full_speed": []}
    bench.run(False, options.rate, 2)
    for number in range(options.rounds):
        cells["well"].append(bench.run(False, options.rate, options.seconds))
        cells["sick"].append(bench.run(True, options.rate, options.seconds))
        cells["sick_full_speed"].append(bench.run(True, 0, options.seconds))
        for name, values in cells.items():
            print(f"round {number + 1} {name}: {values[-1]}", flush=True)
    return summary(options, cells)


def summary(options, cells):
    middle = {name: {key: median([one[key] for one in values]) for key in ("healthy_per_second", "p50_ms", "p99_ms")}
              for name, values in cells.items()}
    ratio = middle["sick"]["p99_ms"] / middle["well"]["p99_ms"]
    best = max(middle["sick"]["healthy_per_second"], middle["sick_full_speed"]["healthy_per_second"])
    arrived = min(one["healthy_unique"] / max(1, one["healthy_expected"]) for values in cells.values() for one in values)
    flat = {f"{name}_{key}": value for name, values in middle.items() for key, value in values.items()}
    return flat | {"paced_texts_per_second": options.rate, "sick_by_well_p99": ratio,
                   "goal": ">= 3,000/s to the healthy; p99 with the sick <= 1.5 x p99 without",
                   "smallest_share_arrived": arrived, "reached": best >= 3000 and ratio <= 1.5 and arrived >= ALL, "cells": cells}


def main(arguments):
    options = parse(arguments)
    seed = chosen_seed(options.seed)
    print(f"seed {seed}", flush=True)
    with work_folder("webhooks") as folder, ExitStack() as stack:
        figures = measured(options, Bench(folder, stack, seed))
    keep_result("webhooks", seed, figures)
    return 0
