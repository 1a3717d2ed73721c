"""`script/bench search`: full-text search at 1,000,000 messages, and what indexing costs those who send.

The texts are ten words each, drawn from 20,000 as words are in a language: the first is in most messages, the last in
some hundred of a million. Each kind of question is measured alone, then all of them mixed.
"""

import argparse
import itertools
import random
import time
from contextlib import ExitStack
from urllib.parse import quote

from bench import loader
from harness import wrk
from harness.machine import chosen_seed, keep_result, median, work_folder
from harness.phone import make_numbers
from harness.programs import Postgres, Server, binary

CLIENTS = 4
NUMBERS = 100
WORDS = 20_000
DRAWN = 300
SYLLABLES = [first + second for first in "bdfgklmnprstvz" for second in "aeiou"]
STEP = len(SYLLABLES) ** 4 // WORDS


def parse(arguments):
    parser = argparse.ArgumentParser(prog="script/bench search", description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--conversations", type=int, default=100_000)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, help="which texts are written and searched")
    return parser.parse_args(arguments)


class Language:
    """Words by rank, and texts made of them."""

    def __init__(self, seed):
        self.choice = random.Random(seed)
        self.words = ["".join(parts) for parts in itertools.islice(itertools.product(SYLLABLES, repeat=4), 0, None, STEP)]
        self.words = self.words[:WORDS]
        self.choice.shuffle(self.words)
        self.weights = list(itertools.accumulate(1 / rank for rank in range(1, len(self.words) + 1)))
        self.kept = []

    def text(self, row):
        """The text of a message; some are kept, to be searched as phrases. The last one ends with its own word."""
        words = self.choice.choices(self.words, cum_weights=self.weights, k=10)
        if row.index % 997 == 0:
            self.kept.append(words)
        return " ".join(words) + f" m{row.index}"

    def questions(self):
        """What is asked, by kind."""
        def ranked(first, last):
            return self.choice.choices(self.words[first:last], k=DRAWN)
        usual, other, rare = ranked(50, 500), ranked(50, 500), ranked(5000, WORDS)
        phrases = [self.choice.choice(self.kept) for _ in range(DRAWN)]
        return {
            "common": ranked(0, 10),
            "two_common": [f"{one} {two}" for one, two in zip(ranked(0, 10), ranked(0, 10))],
            "usual": usual,
            "two_usual": [f"{one} {two}" for one, two in zip(usual, other)],
            "common_and_rare": [f"{one} {two}" for one, two in zip(ranked(0, 10), rare)],
            "rare": rare,
            "phrase": [f'"{words[3]} {words[4]}"' for words in phrases],
            "beginning": [f"{word[:6]}*" for word in ranked(50, WORDS)],
            "nothing": [f"x{word}x" for word in rare],
        }


def measured(options, folder, stack, seed):
    language = Language(seed)
    server = on_postgres(options, folder, stack, language) if options.database == "postgres" \
        else on_sqlite(options, folder, language)
    began = time.perf_counter()
    stack.enter_context(server)
    rate = loader.await_indexed(server.api(), options.messages, began)
    print(f"indexed {rate:,.0f} messages a second", flush=True)
    questions = language.questions()
    questions["mixed"] = [text for texts in questions.values() for text in texts]
    cells = {}
    for _, (name, texts) in itertools.product(range(options.rounds), questions.items()):
        (folder / name).write_text("".join(f"/v1/messages?query={quote(text)}\n" for text in texts))
        cells.setdefault(name, []).append(wrk.run("lists.lua", server.address, CLIENTS, options.seconds,
                                                  TOKEN=server.key(), PATHS=folder / name, SEED=seed))
        print(f"{name}: {cells[name][-1]}", flush=True)
    server.stop()
    return {"indexed_per_second": rate}, cells


def on_sqlite(options, folder, language):
    server = Server(binary("release"), folder / "server")
    with server:
        numbers = make_numbers(server.api(), NUMBERS)
    loader.load(server.folder, numbers, options.conversations, options.messages, language.text)
    return server


def on_postgres(options, folder, stack, language):
    postgres = stack.enter_context(Postgres())
    url = postgres.database("bench")
    server = Server(binary("release"), folder / "server", database=url)
    with server:
        numbers = make_numbers(server.api(), NUMBERS)
    loader.load_postgres(postgres, url, folder, numbers, options.conversations, options.messages, language.text)
    return server


def cost(options, folder, stack):
    """Messages accepted a second with the search on, and with it off, in turn: medians and their ratio."""
    rates = {"true": [], "false": []}
    postgres = stack.enter_context(Postgres()) if options.database == "postgres" else None
    for number, enabled in itertools.product(range(options.rounds), rates):
        name = f"cost-{enabled}-{number}"
        database = postgres.database(name) if postgres else None
        server = Server(binary("release"), folder / name, database=database,
                        environment={"AGENTPHONE_SEARCH_ENABLED": enabled})
        with server:
            ids = ",".join(one["id"] for one in make_numbers(server.api(), NUMBERS))
            report = wrk.run("send.lua", server.address, 16, options.seconds, TOKEN=server.key(), NUMBER_IDS=ids,
                             SENT_FILE=folder / name / "sent")
        rates[enabled].append(report["per_second"])
        print(f"sends with search {enabled}: {report}", flush=True)
    ratio = median(rates["true"]) / median(rates["false"])
    return {"sends_per_second": median(rates["true"]), "sends_per_second_without": median(rates["false"]),
            "sends_with_by_without": ratio, "rates": rates}


def summary(options, cells, figures):
    flat = {f"{name}_{key}": median([one[key] for one in values])
            for name, values in cells.items() for key in ("p50_ms", "p95_ms", "p99_ms", "per_second")}
    clean = all(one["not_2xx"] == 0 and one["broken"] == 0 for values in cells.values() for one in values)
    return {"database": options.database, "messages": options.messages, "clients": CLIENTS} | flat | figures | {
        "goal": "mixed p95 <= 50 ms; sends with the search on >= 0.9 of those without",
        "reached": flat["mixed_p95_ms"] <= 50 and figures["sends_with_by_without"] >= 0.9 and clean, "cells": cells}


def main(arguments):
    options = parse(arguments)
    seed = chosen_seed(options.seed)
    print(f"seed {seed}", flush=True)
    with work_folder("search") as folder, ExitStack() as stack:
        figures, cells = measured(options, folder, stack, seed)
        figures |= cost(options, folder, stack)
    keep_result(f"search-{options.database}", seed, summary(options, cells, figures))
    return 0
