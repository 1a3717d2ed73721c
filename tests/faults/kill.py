"""kill -9 at random moments under load, again and again; the network goes on living."""

import random
import time

from faults.scene import Outcome, Scene
from harness.load import Load
from harness.machine import median, percentile

LATEST_KILL = 0.5
SERVING_AGAIN = 2.0
ACCEPT_DELAYS_MS = (0, 0, 5, 50)


def run(options):
    """Kills the server `options.rounds` times and judges everything at the end."""
    outcome = Outcome("kill")
    choice = random.Random(options.seed)
    restarts, moments, broken, empty_rounds = [], [], 0, 0
    with Scene(options, "kill") as scene:
        for round_number in range(options.rounds):
            moment = choice.uniform(0, LATEST_KILL)
            scene.sim.faults(accept_delay_ms=choice.choice(ACCEPT_DELAYS_MS))
            load = Load(scene.apis(), scene.numbers, f"k{options.seed}", round_number).start()
            time.sleep(moment)
            scene.server.kill()
            promised = load.stop()
            scene.acknowledged += promised
            empty_rounds += not promised
            broken += load.broken
            restarts.append(scene.restart())
            moments.append(moment)
        outcome.figures |= {"rounds": options.rounds, "rounds_without_promise": empty_rounds, "broken_requests": broken,
                            "serving_again_p50_s": median(restarts), "serving_again_max_s": max(restarts),
                            "kill_moment_p50_s": percentile(moments, 50)}
        scene.sim.faults(accept_delay_ms=0)
        outcome.require(max(restarts) < options.unhurried(SERVING_AGAIN), f"serving again took {max(restarts):.2f} s")
        return scene.conclude(outcome)
