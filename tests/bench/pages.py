"""`script/bench pages`: every page of the dashboard at 1,000,000 messages, with as many meter rows and half as many
webhook deliveries; and what all their files weigh."""

import argparse
import http.client
import os
import random
import re
import sqlite3
import subprocess
import time
from contextlib import ExitStack, closing
from urllib.parse import urlsplit

from bench import loader
from faults.locked import database_file
from harness import wrk
from harness.machine import ROOT, chosen_seed, keep_result, median, work_folder
from harness.phone import make_numbers
from harness.programs import Postgres, Server, binary

# One reader after the other: what is measured is how long a page takes, not how long a queue is.
CLIENTS = 1
NUMBERS = 100
DRAWN = 500
GOAL_MS = 20
GOAL_BYTES = 150_000
ASSETS = ROOT / "src" / "dashboard" / "assets"

USAGE = {
    "account_id": lambda row: row.number["account_id"],
    "number_id": lambda row: row.number["id"],
    "message_id": lambda row: row.message_id,
    "kind": lambda row: "sms_segment",
    "direction": lambda row: "inbound" if row.inbound else "outbound",
    "quantity": lambda row: 1,
    "at": lambda row: row.at,
}

DELIVERY_IDS = []


def delivery_id(row):
    """Kept, so that some can be looked at."""
    DELIVERY_IDS.append(loader.timed_id("dlv_", row.at, row.index))
    return DELIVERY_IDS[-1]


DELIVERY = {
    "id": delivery_id,
    "account_id": lambda row: row.number["account_id"],
    "event_id": lambda row: f"evt_{row.index:026d}",
    "webhook_id": lambda row: "wh_bench",
    "message_id": lambda row: row.message_id,
    "kind": lambda row: "agent.message",
    "channel": lambda row: "sms",
    "payload": lambda row: '{"event":"agent.message"}',
    "status": lambda row: "success",
    "http_status": lambda row: 200,
    "response_millis": lambda row: row.index % 100,
    "attempt_count": lambda row: 1,
    "created_at": lambda row: row.at,
}


def parse(arguments):
    parser = argparse.ArgumentParser(prog="script/bench pages", description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--conversations", type=int, default=100_000)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", choices=["release", "debug"], default="release")
    parser.add_argument("--seed", type=int, help="which pages are read")
    return parser.parse_args(arguments)


def loaded(options, folder, stack):
    """A server's folder with everything in it, the server stopped; number and conversation ids."""
    postgres = stack.enter_context(Postgres()) if options.database == "postgres" else None
    url = postgres and postgres.database("bench")
    server = Server(binary(options.profile), folder / "server", database=url)
    with server:
        numbers = make_numbers(server.api(), NUMBERS)
    more = (("usage", USAGE, 1), ("deliveries", DELIVERY, 2))
    if postgres:
        conversations = loader.load_postgres(postgres, url, folder, numbers, options.conversations, options.messages, more=more)
        ask = lambda sql: int(postgres.run("-c", sql, url=url).strip() or 0)
        return server, [number["id"] for number in numbers], conversations, ask
    conversations = loader.load(server.folder, numbers, options.conversations, options.messages)
    with closing(sqlite3.connect(database_file(server.folder), isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        owned, now = loader.with_account(connection, numbers), int(time.time() * 1e3)
        for table, columns, step in more:
            loader.check_columns(connection, table, columns)
            indexes = range(0, options.messages, step)
            loader.insert(connection, table, columns, indexes, options.conversations, options.messages, owned, now)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return server, [number["id"] for number in numbers], conversations, lambda sql: asked(server.folder, sql)


def asked(folder, sql):
    """A number from the embedded database, beside its server."""
    with closing(sqlite3.connect(f"file:{database_file(folder)}?mode=ro", uri=True)) as connection:
        return connection.execute(sql).fetchone()[0] or 0


def await_sums(ask, limit=300):
    """The server adds the meter up in the background, from a minute after its start; nothing is measured before."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        newest, last = ask("SELECT MAX(quarter) FROM usage_quarters"), ask("SELECT MAX(at) FROM usage")
        if last - newest < 45 * 60_000:
            return
        time.sleep(1)
    raise RuntimeError(f"the meter was not added up within {limit} s")


def session(server, program):
    """A cookie of somebody signed in, by a link of the command line."""
    environment = os.environ | server.environment
    printed = subprocess.run([program, "project", "link"], env=environment, capture_output=True, text=True, check=True).stdout
    connection = http.client.HTTPConnection(urlsplit(server.address).netloc)
    connection.request("GET", re.search(r"/sign-in\?token=\w+", printed).group())
    return connection.getresponse().getheader("set-cookie").split(";")[0]


def paths(options, numbers, conversations, choice):
    """The addresses of each page, drawn at random where there are many."""
    threads = choice.sample(conversations, min(DRAWN, len(conversations)))
    messages = choice.sample(range(options.messages), min(DRAWN, options.messages))
    now = int(time.time() * 1e3)
    before = [f"{now - choice.randrange(86_400_000)}_x" for _ in range(200)]
    return {
        "overview": ["/"],
        "conversations": ["/conversations"] + [f"/conversations?before={place}" for place in before],
        "filtered": [f"/conversations?number={number}" for number in numbers],
        "search": [f"/conversations?query={word}" for word in ("bike", "come%20work", "%22after%20work%22", "rea*")],
        "conversation": [f"/conversations/{name}" for name in threads],
        "message": [f"/messages/msg_{index:026d}" for index in messages],
        "agents": ["/agents"],
        "numbers": ["/numbers"],
        "number": [f"/numbers/{number}" for number in numbers],
        "webhooks": ["/webhooks"] + [f"/webhooks?before={place}" for place in before],
        "delivery": [f"/webhooks/{name}" for name in choice.sample(DELIVERY_IDS, min(DRAWN, len(DELIVERY_IDS)))],
        "keys": ["/keys"],
        "usage": ["/usage?days=7", "/usage?days=30", "/usage?days=90"],
        "carriers": ["/carriers"],
        "settings": ["/settings"],
        "reference": ["/reference", "/reference/messages", "/reference/webhooks"],
        "phones": ["/handset"],
    }


def measured(options, folder, stack, seed):
    server, numbers, conversations, ask = loaded(options, folder, stack)
    stack.enter_context(server)
    loader.await_indexed(server.api(), options.messages, time.perf_counter())
    await_sums(ask)
    cookie = session(server, binary(options.profile))
    cells = {}
    for _ in range(options.rounds):
        for name, lines in paths(options, numbers, conversations, random.Random(seed)).items():
            (folder / name).write_text("\n".join(lines) + "\n")
            cells.setdefault(name, []).append(wrk.run("lists.lua", server.address, CLIENTS, options.seconds,
                                                      COOKIE=cookie, PATHS=folder / name, SEED=seed))
            print(f"{name}: {cells[name][-1]}", flush=True)
    return summary(options, cells)


def summary(options, cells):
    flat = {f"{name}_{key}": median([one[key] for one in values])
            for name, values in cells.items() for key in ("p50_ms", "p99_ms", "not_2xx")}
    worst = max(flat[f"{name}_p99_ms"] for name in cells)
    clean = all(one["not_2xx"] == 0 for values in cells.values() for one in values)
    weight = sum(path.stat().st_size for path in ASSETS.rglob("*") if path.is_file())
    return {"database": options.database, "messages": options.messages, "conversations": options.conversations} | flat | {
        "assets_bytes": weight, "goal": f"p99 <= {GOAL_MS} ms, assets <= {GOAL_BYTES} bytes",
        "reached": worst <= GOAL_MS and clean and weight <= GOAL_BYTES, "cells": cells}


def main(arguments):
    options = parse(arguments)
    seed = chosen_seed(options.seed)
    print(f"seed {seed}", flush=True)
    with work_folder("pages") as folder, ExitStack() as stack:
        figures = measured(options, folder, stack, seed)
    keep_result(f"pages-{options.database}", seed, figures)
    return 0
