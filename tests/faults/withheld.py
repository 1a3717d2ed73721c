"""The carrier takes texts and withholds its answer; the server is killed and restarted; later the answers come."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from faults.line_down import tally
from faults.scene import Outcome, Scene
from harness.phone import all_messages
from harness.receiver import Receiver

EVENTS = ["message.sent", "message.delivered", "message.failed", "message.unconfirmed"]
SETTLED = ("sent", "delivered", "read", "unconfirmed")


def run(options):
    """100 (quick: 20) withheld submits: each is settled by asking, or stays `unconfirmed`; none is sent again."""
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
        outcome.figures["status_before_release"] = dict(Counter(before.values()))
        unsettled = [name for name, status in before.items() if status not in SETTLED]
        outcome.require(not unsettled, f"{len(unsettled)} neither settled nor unconfirmed: {unsettled[:5]}")
        scene.sim.faults(release=True)
        scene.conclude(outcome)
        compare_events(outcome, scene, receiver, before)
        return outcome


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
    """The statuses of the withheld messages once none is queued or sending (or after `limit` seconds)."""
    withheld = {entry["message_id"] for entry in scene.sim.whole_ledger() if entry["outcome"] == "withheld"}
    deadline = time.monotonic() + limit
    while True:
        statuses = {name: status for name, status in scene.statuses().items() if name in withheld}
        if all(status in SETTLED for status in statuses.values()) or time.monotonic() > deadline:
            return statuses
        time.sleep(0.2)


def compare_events(outcome, scene, receiver, before):
    """API and events must tell the same: an event for what each message went through."""
    told = {name: await_event(receiver, name, "message.unconfirmed" if status == "unconfirmed" else None)
            for name, status in before.items()}
    after = all_messages(scene.api(), scene.numbers)
    silent = [name for name, events in told.items() if not events]
    outcome.figures["each_message"] = {name: {"before_release": before[name], "after_release": after[name]["status"],
                                              "error_code": after[name]["errorCode"], "events": told[name]}
                                       for name in before if name in after}
    outcome.figures["events"] = dict(Counter(event for events in told.values() for event in events))
    outcome.require(not silent, f"no event told of {len(silent)}: {silent[:5]}")
    wrong = [name for name, status in before.items()
             if (status == "unconfirmed") != ("message.unconfirmed" in told[name])]
    outcome.require(not wrong, f"API and events disagree on {len(wrong)}: {wrong[:5]}")


def await_event(receiver, name, wanted, limit=40):
    """The events that named this message; waits for `wanted`, or for any."""
    deadline = time.monotonic() + limit
    while True:
        events = [body["event"] for body in receiver.bodies() if body["data"].get("messageId") == name]
        if (wanted in events if wanted else events) or time.monotonic() > deadline:
            return events
        time.sleep(0.1)
