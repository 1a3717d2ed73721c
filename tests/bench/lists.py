"""`script/bench lists`: conversation list and histories at 1,000,000 messages in 100,000 conversations."""

import argparse
import random
import time
from contextlib import ExitStack

from bench import loader
from harness import wrk
from harness.machine import chosen_seed, keep_result, median, work_folder
from harness.phone import make_numbers
from harness.programs import Postgres, Server, binary

CLIENTS = 16
NUMBERS = 100
DRAWN = 2000


def parse(arguments):
    parser = argparse.ArgumentParser(prog="script/bench lists", description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--conversations", type=int, default=100_000)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, help="which lists are read")
    return parser.parse_args(arguments)


def paths(number_ids, conversation_ids, choice):
    """What each kind of request reads, drawn at random."""
    drawn = choice.sample(conversation_ids, min(DRAWN, len(conversation_ids)))
    offsets = [choice.randrange(0, 1000, 20) for _ in range(200)]
    return {"conversations": ["/v1/conversations"] + [f"/v1/conversations?offset={offset}" for offset in offsets],
            "conversation_messages": [f"/v1/conversations/{name}/messages" for name in drawn],
            "number_messages": [f"/v1/numbers/{name}/messages" for name in number_ids]}


def loaded(options, folder, postgres, url):
    """A server's folder with the messages in it, the server stopped; number and conversation ids."""
    server = Server(binary("release"), folder / "server", database=url)
    with server:
        numbers = make_numbers(server.api(), NUMBERS)
    if postgres:
        conversations = loader.load_postgres(postgres, url, folder, numbers, options.conversations, options.messages)
    else:
        conversations = loader.load(server.folder, numbers, options.conversations, options.messages)
    return server, [number["id"] for number in numbers], conversations


def measured(options, folder, stack, seed):
    postgres = stack.enter_context(Postgres()) if options.database == "postgres" else None
    url = postgres and postgres.database("bench")
    server, number_ids, conversation_ids = loaded(options, folder, postgres, url)
    stack.enter_context(server)
    # What was loaded behind the server's back is put into the index first: no server has a million messages waiting for it.
    loader.await_indexed(server.api(), options.messages, time.perf_counter())
    check_loaded(server.api(), options, conversation_ids)
    if postgres:
        loader.settle(postgres, url)
    cells = {}
    for _ in range(options.rounds):
        for name, lines in paths(number_ids, conversation_ids, random.Random(seed)).items():
            (folder / name).write_text("\n".join(lines) + "\n")
            cells.setdefault(name, []).append(wrk.run("lists.lua", server.address, CLIENTS, options.seconds,
                                                      TOKEN=server.key(), PATHS=folder / name, SEED=seed))
            print(f"{name}: {cells[name][-1]}", flush=True)
    return summary(options, cells)


def check_loaded(api, options, conversation_ids):
    """The API must show what was loaded, or the figures would be of something else."""
    total = api.get("/v1/conversations").expect()["total"]
    shown = api.get(f"/v1/conversations/{conversation_ids[0]}/messages").expect()["data"]
    if total < options.conversations or not shown:
        raise RuntimeError(f"the API shows {total} conversations and {len(shown)} messages in the first: the load is wrong")


def summary(options, cells):
    flat = {f"{name}_{key}": median([one[key] for one in values])
            for name, values in cells.items() for key in ("p50_ms", "p99_ms", "per_second", "not_2xx")}
    worst = max(flat[f"{name}_p99_ms"] for name in cells)
    clean = all(one["not_2xx"] == 0 for values in cells.values() for one in values)
    return {"database": options.database, "messages": options.messages, "conversations": options.conversations, "clients": CLIENTS} | flat | {
        "goal": "p99 <= 10 ms", "reached": worst <= 10 and clean, "cells": cells}


def main(arguments):
    options = parse(arguments)
    seed = chosen_seed(options.seed)
    print(f"seed {seed}", flush=True)
    with work_folder("lists") as folder, ExitStack() as stack:
        figures = measured(options, folder, stack, seed)
    keep_result(f"lists-{options.database}", seed, figures)
    return 0
