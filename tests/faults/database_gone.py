"""PostgreSQL hangs up on everybody, or ends and starts again, under load; the server is not started again."""

import random
import time

from faults.refusal import await_recovery, shape_problem
from faults.scene import Outcome, Scene
from harness.load import Load
from harness.machine import median

LATEST = 0.5
SERVING_AGAIN = 2.0
LONGEST_RECOVERY = 30
ACCEPT_DELAYS_MS = (0, 0, 5, 50)
HANG_UP = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"


def run(options):
    """Takes the database away `options.rounds` times, in one way or the other, and judges everything at the end."""
    outcome = Outcome("database-gone")
    choice = random.Random(options.seed)
    recoveries, refused, broken = [], [], 0
    with Scene(options, "database-gone") as scene:
        for round_number in range(options.rounds):
            scene.sim.faults(accept_delay_ms=choice.choice(ACCEPT_DELAYS_MS))
            load = Load(scene.apis(), scene.numbers, f"g{options.seed}", round_number).start()
            time.sleep(choice.uniform(0, LATEST))
            if choice.random() < 0.5:
                options.postgres.restart()
            else:
                options.postgres.run("-c", HANG_UP, url=scene.database_url)
            recoveries.append(await_recovery(scene, f"g{options.seed}r{round_number}", LONGEST_RECOVERY))
            scene.acknowledged += load.stop()
            refused += load.other_answers
            broken += load.broken
        scene.sim.faults(accept_delay_ms=0)
        judge_answers(outcome, refused)
        in_time = [seconds for seconds in recoveries if seconds is not None]
        outcome.figures |= {"rounds": options.rounds, "refused_requests": len(refused), "unanswered_requests": broken,
                            "serving_again_p50_s": median(in_time), "serving_again_max_s": max(in_time, default=None)}
        outcome.require(len(in_time) == len(recoveries), "it never served again by itself")
        outcome.require(max(in_time, default=0) < options.unhurried(SERVING_AGAIN),
                        f"serving again took {max(in_time, default=0):.2f} s")
        return scene.conclude(outcome, lambda *_: judge_refusals(outcome, scene, refused))


def judge_answers(outcome, refused):
    """Who was not served was told so in the right form."""
    wrong = sorted({problem for door, answer, _ in refused if (problem := shape_problem(answer, door))})
    outcome.require(not wrong, f"answers: {wrong[:3]}")


def judge_refusals(outcome, scene, refused):
    """A 503 says that nothing was done: no such text may have left."""
    left = {entry["body"] for entry in scene.taken()} & {text for *_, text in refused}
    outcome.require(not left, f"{len(left)} texts that were answered 503 have left: {sorted(left)[:3]}")
