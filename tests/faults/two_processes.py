"""Two servers on one PostgreSQL; one is killed at random, the other goes on; again and again.

Some clients talk to one server only, others go to and fro between both within one conversation, and go on in it with
the survivor: the ledger must hold their texts in the order in which they were answered.
"""

import random
import time
from dataclasses import dataclass
from datetime import datetime

from faults.scene import Outcome, Scene
from harness.load import Alternating, Load
from harness.machine import median

LATEST_KILL = 0.5
# So long the survivor is alone, and by then every conversation must go on that the dead one had a message of in its
# hands: a quarter of a second until the dead are looked for, half a second until what they held falls due, a question,
# a pause before what the network never got is handed over, and room for a busy machine.
ALONE = 2.5
# The dead hold up no conversation of the survivor's own. It acknowledges within milliseconds; the rest is room.
SILENT = 0.75
# What stood still for so long was held up by the dead.
HELD_UP = 0.5
SHARED_WITHIN = 10
CLIENTS_EACH = 4
CLIENTS_OF_BOTH = 4


@dataclass
class Round:
    """What one round showed: seconds, and what was promised first to each shared conversation after the kill."""

    silence: float
    restart: float
    killed_at: float
    shared: int
    first_after: list


def run(options):
    """Kills one of two `options.rounds` times under load; order, loss and doubling are judged at the end."""
    outcome = Outcome("two-processes")
    choice = random.Random(options.seed)
    with Scene(options, "two-processes") as scene:
        servers = [scene.server, scene.server_named("second")]
        with servers[1]:
            rounds = [one_round(scene, servers, choice, number) for number in range(options.rounds)]
            return scene.conclude(outcome, lambda *_: judge_rounds(outcome, scene, rounds))


def judge_rounds(outcome, scene, rounds):
    """The survivor was never silent, and the conversations of both went on while it was alone."""
    options = scene.options
    silences = [one.silence for one in rounds]
    taken_at = {entry["message_id"]: seconds(entry["at"]) for entry in scene.taken()}
    stills = [taken_at[name] - one.killed_at for one in rounds for name in one.first_after if name in taken_at]
    shared = sum(one.shared for one in rounds)
    outcome.figures |= {"rounds": len(rounds), "survivor_silent_p50_s": median(silences),
                        "survivor_silent_max_s": max(silences), "serving_again_max_s": max(one.restart for one in rounds),
                        "shared_conversations": shared, "held_up_by_the_dead": sum(still > HELD_UP for still in stills),
                        "shared_still_p50_s": median(stills), "shared_still_max_s": max(stills, default=None)}
    outcome.require(max(silences) < options.unhurried(SILENT), f"the survivor was silent for {max(silences):.2f} s")
    outcome.require(shared > 0, "no conversation had texts accepted by both")
    outcome.require(stills, "nothing was accepted in a shared conversation while one server was alone")
    outcome.require(max(stills, default=0) < options.unhurried(ALONE),
                    f"a conversation stood still for {max(stills, default=0):.2f} s after the kill")


def seconds(moment):
    """The network's time of an entry as unix seconds."""
    return datetime.fromisoformat(moment).timestamp()


def one_round(scene, servers, choice, round_number):
    """Load on both and to and fro between them, kill one, keep the load on the other, restart."""
    victim, name = choice.randrange(2), f"t{scene.options.seed}s"
    loads = [Load(scene.apis(CLIENTS_EACH, server), scene.numbers, f"{name}{index}", 2 * round_number + index).start()
             for index, server in enumerate(servers)]
    pairs = [[scene.api(server) for server in servers] for _ in range(CLIENTS_OF_BOTH)]
    both = Alternating(pairs, scene.numbers, f"{name}b", 2 * round_number).start()
    if round_number == 0:
        until_shared(both)
    time.sleep(choice.uniform(0, LATEST_KILL))
    servers[victim].kill()
    killed_at, killed_at_clock = time.monotonic(), time.time()
    scene.acknowledged += loads[victim].stop()
    time.sleep(ALONE)
    alone_until = time.monotonic()
    servers[victim].start()
    survived, shared = loads[1 - victim].stop(), both.stop()
    scene.acknowledged += survived + shared
    first_after = {}
    for promise in shared:
        if killed_at < promise.asked_at < alone_until:
            first_after.setdefault((promise.sender, promise.recipient), promise)
    return Round(longest_silence(survived, killed_at, alone_until), servers[victim].seconds_to_serve, killed_at_clock,
                 both.shared, [promise.id for promise in first_after.values()])


def until_shared(both):
    """Waits until both servers have acknowledged texts of one conversation: early kills alone would prove nothing of it."""
    deadline = time.monotonic() + SHARED_WITHIN
    while not both.shared and time.monotonic() < deadline:
        time.sleep(0.01)


def longest_silence(acknowledged, since, until):
    """The longest time between two acknowledgements in this span."""
    moments = [since, *sorted(promise.at for promise in acknowledged if since < promise.at < until), until]
    return max(later - earlier for earlier, later in zip(moments, moments[1:]))
