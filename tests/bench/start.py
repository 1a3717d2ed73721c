"""`script/bench start`: start to serving, resident memory when idle, size of the binary, clean debug build."""

import argparse
import os
import subprocess
import time

from harness.machine import ROOT, keep_result, median, work_folder
from harness.programs import Server, binary

MEGABYTE = 1_000_000


def parse(arguments):
    parser = argparse.ArgumentParser(prog="script/bench start", description=__doc__)
    parser.add_argument("--starts", type=int, default=5, help="how often it is started, empty and with its data")
    parser.add_argument("--idle", type=float, default=10, help="seconds of idleness before memory is read")
    parser.add_argument("--build", action="store_true", help="also time a clean debug build, in a folder of its own")
    return parser.parse_args(arguments)


def start_times(executable, folder, starts):
    """Seconds until /healthz answers: on an empty folder, and again on the same folder."""
    first, again = [], []
    for number in range(starts):
        for times in (first, again):
            with Server(executable, folder / f"data-{number}") as server:
                times.append(server.seconds_to_serve)
    return first, again


def idle_memory(executable, folder, seconds):
    with Server(executable, folder / "idle") as server:
        time.sleep(seconds)
        return server.resident_bytes() / MEGABYTE


def build_seconds(folder):
    """Seconds of `cargo build` into an empty target folder."""
    began = time.perf_counter()
    environment = os.environ | {"CARGO_TARGET_DIR": str(folder / "target")}
    subprocess.run(["cargo", "build", "--locked"], cwd=ROOT, env=environment, check=True)
    return time.perf_counter() - began


def main(arguments):
    options = parse(arguments)
    executable = binary("release")
    with work_folder("start") as folder:
        first, again = start_times(executable, folder, options.starts)
        figures = {"first_start_s": median(first), "later_start_s": median(again), "slowest_start_s": max(first + again),
                   "idle_resident_mb": idle_memory(executable, folder, options.idle),
                   "binary_mb": executable.stat().st_size / MEGABYTE}
        figures["goal"] = "< 1 s; < 40 MB; < 25 MB; clean debug build < 5 min"
        figures["reached"] = (median(first) < 1 and figures["idle_resident_mb"] < 40 and figures["binary_mb"] < 25)
        if options.build:
            figures["clean_debug_build_s"] = build_seconds(folder)
            figures["reached"] &= figures["clean_debug_build_s"] < 300
    keep_result("start", None, figures)
    return 0
