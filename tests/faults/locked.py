"""Another process holds SQLite's write lock for 30 seconds (quick: 6): bounded wait, 503, then recovery."""

import sqlite3
import threading
import time

from faults.refusal import await_recovery, check_reads, check_refusals, try_to_send
from faults.scene import Outcome, Scene
from harness.load import Load

LONGEST_ANSWER = 10
LONGEST_RECOVERY = 15
MAGIC = b"SQLite format 3\0"


def run(options):
    """Takes the lock with BEGIN IMMEDIATE, then with BEGIN EXCLUSIVE (quick: one), while clients send and read."""
    outcome = Outcome("locked")
    seconds, manners = (6, ["EXCLUSIVE"]) if options.quick else (30, ["IMMEDIATE", "EXCLUSIVE"])
    with Scene(options, "locked") as scene:
        database = database_file(scene.server.folder)
        for index, manner in enumerate(manners):
            load = Load(scene.apis(2), scene.numbers, f"l{options.seed}l", 700 + index, pause=0.05).start()
            time.sleep(0.3)
            slowest = while_locked(outcome, scene, database, manner, seconds, index)
            recovered = await_recovery(scene, f"l{options.seed}{manner}", options.unhurried(LONGEST_RECOVERY))
            scene.acknowledged += load.stop()
            outcome.require(recovered is not None, f"no 200 after the {manner} lock was gone")
            outcome.figures |= {f"{manner.lower()}_slowest_refusal_s": slowest, f"{manner.lower()}_recovered_s": recovered}
        return scene.conclude(outcome)


def database_file(folder):
    """The one SQLite file of the data folder."""
    files = [path for path in folder.iterdir() if path.is_file() and path.open("rb").read(16) == MAGIC]
    if len(files) != 1:
        raise RuntimeError(f"expected one SQLite file in {folder}, found {files}")
    return files[0]


def while_locked(outcome, scene, database, manner, seconds, index):
    """Holds the lock and sends meanwhile; the slowest refusal in seconds."""
    connection = sqlite3.connect(database, isolation_level=None, timeout=20)
    connection.execute(f"BEGIN {manner}")
    ends = time.monotonic() + seconds
    try:
        reading = threading.Thread(target=check_reads, args=(outcome, scene, f"locked {manner}"))
        reading.start()
        tries = []
        while time.monotonic() < ends - 5 or not tries:
            tries += try_to_send(scene, 1, f"l{scene.options.seed}t{index}n{len(tries)}x", index)
        reading.join()
        time.sleep(max(0.0, ends - time.monotonic()))
    finally:
        connection.execute("ROLLBACK")
        connection.close()
    return check_refusals(outcome, tries, scene.options.unhurried(LONGEST_ANSWER), f"locked {manner}")
