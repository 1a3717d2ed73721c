"""`script/bench faults`: runs the crash and fault tests named, or all, and prints one line for each."""

import argparse
import importlib
import sys
import time
import traceback
from contextlib import ExitStack

from faults.scene import Options, Outcome
from harness.machine import chosen_seed, keep_result, work_folder
from harness.programs import Postgres, binary

# name: (databases it makes sense on, rounds in full, rounds when quick)
TESTS = {
    "kill": (("sqlite", "postgres"), 200, 5),
    "line-down": (("sqlite", "postgres"), 1, 1),
    "withheld": (("sqlite", "postgres"), 1, 1),
    "two-processes": (("postgres",), 100, 3),
    "database-gone": (("postgres",), 100, 4),
    "power-cut": (("sqlite",), 100, 4),
    "disk-full": (("sqlite",), 3, 1),
    "locked": (("sqlite",), 2, 1),
}


def parse(arguments):
    parser = argparse.ArgumentParser(prog="script/bench faults", description=__doc__)
    parser.add_argument("tests", nargs="*", help=f"which: {', '.join(TESTS)}; all when none is named")
    parser.add_argument("--quick", action="store_true", help="a few rounds of each, on the debug build by default")
    parser.add_argument("--database", choices=("sqlite", "postgres", "both"), default="both")
    parser.add_argument("--rounds", type=int, help="rounds of kill, two-processes and database-gone, cuts of power-cut")
    parser.add_argument("--seed", type=int, help="repeats the random choices of an earlier run")
    options = parser.parse_args(arguments)
    unknown = set(options.tests) - set(TESTS)
    if unknown:
        parser.error(f"unknown test {', '.join(sorted(unknown))}")
    return options


def planned(options):
    """The (test, database) pairs to run, in order."""
    for name in options.tests or TESTS:
        for database in TESTS[name][0]:
            if options.database in (database, "both"):
                yield name, database


def run_one(name, database, options, executable, folder, seed, postgres):
    """Runs one test and reports it; True when it passed."""
    _, full, quick = TESTS[name]
    rounds = options.rounds or (quick if options.quick else full)
    module = importlib.import_module(f"faults.{name.replace('-', '_')}")
    began = time.monotonic()
    try:
        outcome = module.run(Options(executable, folder, seed, options.quick, database, postgres, rounds))
    except Exception as problem:  # a test that broke off has failed; the others still run
        traceback.print_exc()
        outcome = Outcome(name, problems=[f"broke off: {problem!r}"])
    seconds = time.monotonic() - began
    print(f"{'ok    ' if outcome.passed else 'FAILED'} {name} on {database}, {seconds:.1f} s", flush=True)
    for problem in outcome.problems[:10]:
        print(f"       {problem}")
    figures = {"database": database, "passed": outcome.passed, "problems": outcome.problems} | outcome.figures
    keep_result(f"faults-{name}-{database}", seed, figures)
    return outcome.passed


def main(arguments):
    options = parse(arguments)
    executable = binary("debug" if options.quick else "release")
    seed = chosen_seed(options.seed)
    print(f"seed {seed}, program {executable}", flush=True)
    plan = list(planned(options))
    results = []
    with ExitStack() as stack:
        folder = stack.enter_context(work_folder("faults"))
        postgres = None
        if any(database == "postgres" for _, database in plan):
            postgres = stack.enter_context(Postgres())
        for name, database in plan:
            results.append(run_one(name, database, options, executable, folder, seed, postgres))
    print(f"{sum(results)} of {len(results)} passed (seed {seed})")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
