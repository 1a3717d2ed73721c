"""The carrier is down, texts are accepted, the server is killed and restarted, the carrier comes back."""

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from faults.scene import CLIENTS, Outcome, Scene


def run(options):
    """2,000 accepted (quick: 200) while the line is down; each must arrive exactly once when the line is up again."""
    outcome = Outcome("line-down")
    count = 200 if options.quick else 2000
    with Scene(options, "line-down") as scene:
        scene.sim.faults(link_down=True)
        outcome.require(knows_the_line_is_down(scene), "the server did not notice that the line is down")
        answers = send_all(scene, count, f"d{options.seed}")
        scene.server.kill()
        outcome.figures["serving_again_s"] = scene.restart()
        standing = [entry for entry in scene.sim.entries() if entry["outcome"] == "accepted"]
        scene.sim.faults(link_down=False)
        outcome.figures |= {"sent": count, "answered": tally(answers)}
        outcome.require(len(scene.acknowledged) == count, f"{len(scene.acknowledged)} of {count} were acknowledged")
        outcome.require(not standing, f"{len(standing)} were accepted while the line was down")
        return scene.conclude(outcome, require_each_once)


def knows_the_line_is_down(scene, limit=10):
    """Waits until the server says so itself; from then on nothing is handed over."""
    api, deadline = scene.api(), time.monotonic() + limit
    while api.get("/readyz").status != 503:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def require_each_once(outcome, scene):
    """What was promised, and nothing else, stands in the ledger: each text once, as it was asked for."""
    promised = Counter((promise.id, promise.sender, promise.recipient, promise.text) for promise in scene.acknowledged)
    taken = Counter((entry["message_id"], entry["from"], entry["to"], entry["body"]) for entry in scene.taken())
    outcome.figures["in_ledger_once"] = sum(taken[text] == 1 for text in promised)
    missing, surplus = promised - taken, taken - promised
    outcome.require(not missing, f"{missing.total()} are not in the ledger: {list(missing)[:3]}")
    outcome.require(not surplus, f"{surplus.total()} too many are in the ledger: {list(surplus)[:3]}")


def send_all(scene, count, name):
    """Sends `count` texts to as many people over several connections; the statuses that were answered."""
    choice = random.Random(scene.options.seed)
    people = choice.sample(range(1_000_000), count)

    def share(worker):
        api, answered = scene.api(), []
        for n in range(worker, count, CLIENTS):
            number = scene.numbers[n % len(scene.numbers)]
            answered.append(scene.send(api, f"{name}n{n:06d}", f"+1415{2_000_000 + people[n]}", number))
        return answered

    with ThreadPoolExecutor(CLIENTS) as pool:
        return [answer for answers in pool.map(share, range(CLIENTS)) for answer in answers]


def tally(answers):
    """How often each status was answered."""
    counts = {}
    for answer in answers:
        name = answer.body.get("status") if answer.status == 200 else str(answer.status)
        counts[name] = counts.get(name, 0) + 1
    return counts
