"""`script/bench send`: durable POST /v1/messages, counted only when answered `sent` and accepted in the ledger."""

import argparse
import os
import re
import subprocess
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from bench import ceiling
from harness import wrk
from harness.api import Api
from harness.machine import chosen_seed, flush_p50_ms, keep_result, median, work_folder
from harness.phone import Sim, make_numbers
from harness.programs import Network, Postgres, Server, binary

WARM_UP_SECONDS = 2
PEER = Path(__file__).parent
PEER_CLIENTS = 16


def parse(arguments):
    parser = argparse.ArgumentParser(prog="script/bench send", description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, help="where the recipients' numbers begin")
    return parser.parse_args(arguments)


class Sender:
    """Sends through wrk and counts what counts: answered `sent`, and accepted in the ledger."""

    def __init__(self, folder, network, key, numbers, seed):
        self.folder, self.key, self.numbers = folder, key, numbers
        self.sim = Sim(Api(network.address))
        self.person = seed % 1000 * 10_000

    def run(self, addresses, clients, seconds):
        """The same load over one address or several; rate and latency of this cell."""
        self.sim.entries()
        began = [self._start(index, address, clients // len(addresses), seconds)
                 for index, address in enumerate(addresses)]
        reports = [wrk.report(process) for process, _ in began]
        self.person += max(report["answers"] for report in reports) + 1000
        entries = self.sim.await_quiet()
        sent = [name for _, file in began for name in file.read_text().split()]
        return cell(reports, sent, entries)

    def _start(self, index, address, clients, seconds):
        file = self.folder / f"sent-{index}"
        ids = ",".join(number["id"] for number in self.numbers)
        first = (self.person + index * 5_000_000) % 10_000_000
        return wrk.start("send.lua", address, clients, seconds, TOKEN=self.key, NUMBER_IDS=ids, FIRST=first,
                         SENT_FILE=file), file


def cell(reports, sent, entries):
    """The figures of one cell."""
    submits = Counter(entry["message_id"] for entry in entries if entry["outcome"] == "accepted")
    counted = sum(name in submits for name in set(sent))
    seconds = max(report["seconds"] for report in reports)
    return {"per_second": counted / seconds,
            "p50_ms": max(report["p50_ms"] for report in reports),
            "p99_ms": max(report["p99_ms"] for report in reports),
            "answers": sum(report["answers"] for report in reports), "answered_sent": len(sent), "counted": counted,
            "doubled": sum(count > 1 for count in submits.values()),
            "not_2xx": sum(report["not_2xx"] for report in reports),
            "broken": sum(report["broken"] for report in reports)}


def medians(cells):
    return {key: median([one[key] for one in cells]) for key in ("per_second", "p50_ms", "p99_ms")}


def shortfalls(cells):
    """What must be zero, added up over cells."""
    return {key: sum(one[key] for one in cells) for key in ("doubled", "not_2xx", "broken")} | {
        "sent_but_not_in_ledger": sum(one["answered_sent"] - one["counted"] for one in cells),
        "answered_otherwise": sum(one["answers"] - one["answered_sent"] for one in cells)}


def is_clean(faults):
    """Nothing doubled, nothing claimed that the ledger lacks, no refusal and no broken connection."""
    return not any(faults[key] for key in ("doubled", "sent_but_not_in_ledger", "not_2xx", "broken"))


def on_sqlite(options, folder, stack, seed):
    """Rounds of: the machine's ceiling, then our sends; medians side by side."""
    executable = binary("release")
    network = stack.enter_context(Network(executable, folder / "network"))
    server = stack.enter_context(Server(executable, folder / "server", network))
    sender = Sender(folder, network, server.key(), make_numbers(server.api(), 1), seed)
    sender.run([server.address], options.clients, WARM_UP_SECONDS)
    cells, flushes, rows50, rows256 = [], [], [], []
    for number in range(options.rounds):
        flushes.append(flush_p50_ms(folder))
        rows50.append(ceiling.rows_a_second(folder, 50))
        rows256.append(ceiling.rows_a_second(folder, 256))
        cells.append(sender.run([server.address], options.clients, options.seconds))
        print(f"round {number + 1}: {cells[-1]}", flush=True)
    flush = median(flushes)
    figures = medians(cells) | shortfalls(cells) | {
        "clients": options.clients, "seconds": options.seconds, "rounds": options.rounds,
        "flush_p50_ms": flush, "sqlite_rows_per_second_50_a_commit": median(rows50),
        "sqlite_rows_per_second_256_a_commit": median(rows256), "cells": cells, "flushes_ms": flushes}
    figures["share_of_ceiling_256"] = figures["per_second"] / figures["sqlite_rows_per_second_256_a_commit"]
    return figures | goals(options, figures, flush)


def goals(options, figures, flush):
    """The goals of the figures table that fit this run."""
    if options.clients == 1:
        return {"goal": "p50 <= 2 flushes + 0.5 ms", "goal_p50_ms": 2 * flush + 0.5,
                "reached": figures["p50_ms"] <= 2 * flush + 0.5 and is_clean(figures)}
    return {"goal": ">= 12,000/s and p99 <= 20 ms at 64 clients",
            "reached": figures["per_second"] >= 12_000 and figures["p99_ms"] <= 20 and is_clean(figures)}


def on_postgres(options, folder, stack, seed):
    """Three interleaved rounds of: one process, two processes, pgbench with the same statements."""
    executable = binary("release")
    postgres = stack.enter_context(Postgres())
    network = stack.enter_context(Network(executable, folder / "network"))
    database = postgres.database("bench")
    peer = prepared_peer(postgres)
    first = stack.enter_context(Server(executable, folder / "first", network, database))
    second = Server(executable, folder / "second", network, database)
    stack.callback(second.stop)
    sender = Sender(folder, network, first.key(), make_numbers(first.api(), 100), seed)
    cells = {"one": [], "two": [], "pgbench": []}
    for number in range(options.rounds):
        # Tables grow from cell to cell: neither is always the later one.
        for name in ("one", "two") if number % 2 == 0 else ("two", "one"):
            cells[name].append(with_processes(name, first, second, sender, options, postgres))
        postgres.run("-c", "CHECKPOINT")
        cells["pgbench"].append(pgbench(peer, options.seconds))
        print(f"round {number + 1}: " + "  ".join(f"{name} {cells[name][-1]}" for name in cells), flush=True)
    return postgres_figures(options, cells, flush_p50_ms(folder))


def with_processes(name, first, second, sender, options, postgres):
    """One cell, with the second process running for it or not at all."""
    if name == "one":
        return warmed(sender, [first.address], options, postgres)
    second.start()
    try:
        return warmed(sender, [first.address, second.address], options, postgres)
    finally:
        second.stop()


def warmed(sender, addresses, options, postgres):
    """A short run that is thrown away (leases of lanes move), then the measured one, as far from a checkpoint as any."""
    postgres.run("-c", "CHECKPOINT")
    sender.run(addresses, options.clients, WARM_UP_SECONDS)
    return sender.run(addresses, options.clients, options.seconds)


def postgres_figures(options, cells, flush):
    one, two = medians(cells["one"]), medians(cells["two"])
    peer = median(cells["pgbench"])
    ratio = two["per_second"] / one["per_second"]
    faults = shortfalls(cells["one"] + cells["two"])
    named = {f"{name}_{key}": value for name, values in (("one", one), ("two", two)) for key, value in values.items()}
    return named | {
        "pgbench_per_second": peer, "one_by_pgbench": one["per_second"] / peer, "two_by_one": ratio,
        "flush_p50_ms": flush, "clients": options.clients, "rounds": options.rounds,
        "goal": "one >= 3,000/s; two >= 0.9 x one", "reached": one["per_second"] >= 3000 and ratio >= 0.9 and is_clean(faults), "cells": cells} | faults


def prepared_peer(postgres):
    """The URL of a database with pgbench's tables."""
    url = postgres.database("peer")
    postgres.run("-f", str(PEER / "peer.sql"), url=url)
    return url


def pgbench(url, seconds):
    """Messages a second of pgbench running what a message costs us.

    Sequential scans are off: on nearly empty tables they would make every serializable transaction conflict.
    """
    command = ["pgbench", "-n", "-M", "prepared", "-c", str(PEER_CLIENTS), "-j", "2", "-T", str(seconds),
               "--max-tries", "10", "-f", str(PEER / "peer.pgbench"), url]
    environment = os.environ | {"PGOPTIONS": "-c enable_seqscan=off"}
    done = subprocess.run(command, check=True, text=True, capture_output=True, env=environment)
    return float(re.search(r"tps = ([\d.]+)", done.stdout).group(1))


def main(arguments):
    options = parse(arguments)
    seed = chosen_seed(options.seed)
    print(f"seed {seed}", flush=True)
    with work_folder("send") as folder, ExitStack() as stack:
        figures = (on_sqlite if options.database == "sqlite" else on_postgres)(options, folder, stack, seed)
    keep_result(f"send-{options.database}-{options.clients}", seed, figures)
    return 0
