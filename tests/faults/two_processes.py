"""Two servers on one PostgreSQL; one is killed at random, the other goes on; again and again."""

import random
import time

from faults.scene import Outcome, Scene
from harness.load import Load
from harness.machine import median

LATEST_KILL = 0.5
# Long enough for the conversations that the dead one had a message of in its hands.
ALONE = 1.5
CLIENTS_EACH = 4


def run(options):
    """Kills one of two `options.rounds` times under load; order, loss and doubling are judged at the end."""
    outcome = Outcome("two-processes")
    choice = random.Random(options.seed)
    gaps, restarts = [], []
    with Scene(options, "two-processes") as scene:
        servers = [scene.server, scene.server_named("second")]
        with servers[1]:
            for round_number in range(options.rounds):
                gap, restart = one_round(scene, servers, choice, round_number)
                gaps.append(gap)
                restarts.append(restart)
            outcome.figures |= {"rounds": options.rounds, "survivor_silent_p50_s": median(gaps),
                                "survivor_silent_max_s": max(gaps), "serving_again_max_s": max(restarts)}
            outcome.require(max(gaps) < alone(options), "the surviving process acknowledged nothing while it was alone")
            return scene.conclude(outcome)


def alone(options):
    """How long the survivor is watched, in seconds."""
    return 3.0 if options.quick else ALONE


def one_round(scene, servers, choice, round_number):
    """Load on both, kill one, keep the load on the other, restart; the survivor's longest silence and the restart time."""
    victim = choice.randrange(2)
    apis = [scene.apis(CLIENTS_EACH, server) for server in servers]
    loads = [Load(apis[index], scene.numbers, f"t{scene.options.seed}s{index}", 2 * round_number + index).start()
             for index in range(2)]
    time.sleep(choice.uniform(0, LATEST_KILL))
    servers[victim].kill()
    killed_at = time.monotonic()
    scene.acknowledged += loads[victim].stop()
    time.sleep(alone(scene.options))
    alone_until = time.monotonic()
    servers[victim].start()
    survived = loads[1 - victim].stop()
    scene.acknowledged += survived
    return longest_silence(survived, killed_at, alone_until), servers[victim].seconds_to_serve


def longest_silence(acknowledged, since, until):
    """The longest time between two acknowledgements in this span."""
    moments = [since, *sorted(promise.at for promise in acknowledged if since < promise.at < until), until]
    return max(later - earlier for earlier, later in zip(moments, moments[1:]))
