"""The carrier takes texts and withholds its answer; the server is killed and restarted; later the answers come."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from faults.line_down import tally
from faults.scene import Outcome, Scene
from harness.phone import all_messages
from harness.receiver import Receiver

EVENTS = ["message.sent", "message.delivered", "message.failed", "message.unconfirmed"]
ON_THE_WAY = ("queued", "sending")
ARRIVED = ("sent", "delivered", "read")


def run(options):
    """100 (quick: 20) withheld submits: `unconfirmed` while the network does not tell, settled when it does; none again."""
    outcome = Outcome("withheld")
    count = 20 if options.quick else 100
    with Receiver() as receiver, Scene(options, "withheld") as scene:
        scene.api().post("/v1/webhooks", {"url": receiver.url, "events": EVENTS}).expect()
        scene.sim.faults(withhold_next=count)
        answers = send_together(scene, count, f"w{options.seed}")
        taken = await_withheld(scene, count)
        scene.server.kill()
        outcome.figures |= {"withheld": taken, "answered": tally(answers), "serving_again_s": scene.restart()}
        outcome.require(taken == count, f"the network withheld {taken} of {count}")
        before = await_settled(scene)
        outcome.figures["status_before_release"] = tally_of(before)
        outcome.require(len(before) == taken, f"the API shows {len(before)} of the {taken} that were withheld")
        guessed = [(name, message["status"]) for name, message in before.items() if message["status"] != "unconfirmed"]
        outcome.require(not guessed, f"{len(guessed)} say more than the network has told: {guessed[:5]}")
        scene.sim.faults(release=True)
        return scene.conclude(outcome, lambda *_: judge_settled(outcome, scene, receiver, before))


def send_together(scene, count, name):
    """Sends `count` texts at once, one connection each, since each waits for the carrier's answer."""
    def one(n):
        return scene.send(scene.api(), f"{name}n{n:04d}", f"+1415{3_000_000 + n}", scene.numbers[n % len(scene.numbers)])

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def await_withheld(scene, count, limit=40):
    """How many submits the network has taken without an answer."""
    deadline = time.monotonic() + limit
    while True:
        taken = sum(entry["outcome"] == "withheld" for entry in scene.sim.whole_ledger())
        if taken >= count or time.monotonic() > deadline:
            return taken
        time.sleep(0.1)


def await_settled(scene, limit=60):
    """The withheld messages once none is on its way (or after `limit` seconds)."""
    withheld = {entry["message_id"] for entry in scene.sim.whole_ledger() if entry["outcome"] == "withheld"}
    deadline = time.monotonic() + limit
    while True:
        shown = {name: message for name, message in all_messages(scene.api(), scene.numbers).items() if name in withheld}
        waits = len(shown) < len(withheld) or any(message["status"] in ON_THE_WAY for message in shown.values())
        if not waits or time.monotonic() > deadline:
            return shown
        time.sleep(0.2)


def tally_of(messages):
    """How many have which status."""
    return dict(Counter(message["status"] for message in messages.values()))


def judge_settled(outcome, scene, receiver, before):
    """What became of the withheld messages once the network had told."""
    after = all_messages(scene.api(), scene.numbers)
    require_settled(outcome, scene, before, after)
    compare_events(outcome, receiver, before, after)


def require_settled(outcome, scene, before, after):
    """After the release each of them has arrived, stands in the ledger once, and is in doubt no more."""
    outcome.figures["status_after_release"] = tally_of({name: after[name] for name in before if name in after})
    doubtful = [name for name in before if name not in after or after[name]["status"] not in ARRIVED]
    outcome.require(not doubtful, f"{len(doubtful)} are not settled after the release: {doubtful[:5]}")
    blamed = [name for name in before if name in after and (after[name]["errorCode"] or after[name]["failureReason"])]
    outcome.require(not blamed, f"{len(blamed)} arrived and still name an error: {blamed[:5]}")
    taken = Counter(entry["message_id"] for entry in scene.taken())
    wrong = {name: taken[name] for name in before if taken[name] != 1}
    outcome.require(not wrong, f"{len(wrong)} are not in the ledger exactly once: {list(wrong.items())[:5]}")


def compare_events(outcome, receiver, before, after):
    """API and events must tell the same: an event for each state that a message was seen in, and none of a failure."""
    seen = {name: {f"message.{state[name]['status']}" for state in (before, after) if name in state} for name in before}
    told = await_events(receiver, seen)
    outcome.figures["each_message"] = {name: {"before_release": before[name]["status"], "after_release": after[name]["status"],
                                              "error_code": after[name]["errorCode"], "events": told[name]}
                                       for name in before if name in after}
    outcome.figures["events"] = dict(Counter(event for events in told.values() for event in events))
    wrong = [f"{name} was {sorted(seen[name])}, told {events}" for name, events in told.items()
             if not seen[name] <= set(events) or "message.failed" in events]
    outcome.require(not wrong, f"API and events disagree on {len(wrong)}: {wrong[:3]}")


def await_events(receiver, wanted, limit=40):
    """The events that named each of these messages; waits for those wanted."""
    deadline = time.monotonic() + limit
    while True:
        told = {name: [] for name in wanted}
        for body in receiver.bodies():
            told.get(body["data"].get("messageId"), []).append(body["event"])
        if all(events <= set(told[name]) for name, events in wanted.items()) or time.monotonic() > deadline:
            return told
        time.sleep(0.1)
