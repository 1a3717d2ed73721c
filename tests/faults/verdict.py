"""The verdict: was an acknowledged message lost, or did a phone get a text twice?

It compares three records made independently of each other: what the client was promised (ids noted only after a whole
200 was read), what the network's ledger holds, and what the API says afterwards. It shares no code with the server
and needs nothing but this file:

    python3 tests/faults/verdict.py acknowledged.jsonl ledger.jsonl messages.jsonl
"""

import json
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field

ARRIVED = ("sent", "delivered", "read")
ON_THE_WAY = ("queued", "sending")
TAKEN = ("accepted", "withheld")


@dataclass
class Verdict:
    """What was found; the dictionaries name each offender with the reason."""

    acknowledged: int = 0
    accepted: int = 0
    refused: int = 0
    lost: dict = field(default_factory=dict)
    doubled: dict = field(default_factory=dict)
    disordered: dict = field(default_factory=dict)
    untrue: dict = field(default_factory=dict)
    statuses: Counter = field(default_factory=Counter)

    @property
    def clean(self):
        return not (self.lost or self.doubled or self.disordered or self.untrue)

    def figures(self):
        """Counts for a report, with a few offenders of each kind."""
        found = {"acknowledged": self.acknowledged, "accepted": self.accepted, "refused": self.refused,
                 "statuses": dict(self.statuses)}
        for kind in ("lost", "doubled", "disordered", "untrue"):
            offenders = getattr(self, kind)
            found[kind] = len(offenders)
            if offenders:
                found[f"{kind}_examples"] = dict(list(offenders.items())[:5])
        return found


def judge(acknowledged, ledger, messages):
    """The verdict on plain records: dictionaries as they came off the wire, read when everything had come to rest.

    `acknowledged`: id, text, answered (the status in the 200). `ledger`: the network's entries in order.
    `messages`: every message the API shows, with id and status.

    The network can always be asked, and it tells of what it has accepted until it is heard. So at rest a message may
    be `failed` only if the network refused it, and `unconfirmed` only while the network withholds its answer.
    """
    submits = [entry for entry in ledger if entry["direction"] == "out"]
    taken = [entry for entry in submits if entry["outcome"] in TAKEN]
    shown = {message["id"]: message for message in messages}
    by_outcome = defaultdict(dict)
    for entry in submits:
        by_outcome[entry["outcome"]][entry["message_id"]] = entry
    verdict = Verdict(len(acknowledged), *(sum(entry["outcome"] == outcome for entry in submits)
                                           for outcome in ("accepted", "refused")))
    for promise in acknowledged:
        judge_promise(verdict, promise, shown.get(promise["id"]), by_outcome)
    find_doubled(verdict, taken)
    find_disordered(verdict, taken)
    find_untrue(verdict, shown, by_outcome)
    return verdict


def judge_promise(verdict, promise, message, by_outcome):
    """An acknowledged message must be shown, must not wait for ever, and must be in the ledger: taken, or refused."""
    name = promise["id"]
    entry = by_outcome["accepted"].get(name)
    verdict.statuses[message["status"] if message else "missing"] += 1
    if message is None:
        verdict.lost[name] = "acknowledged, but the API does not know it"
    elif message["status"] in ON_THE_WAY:
        verdict.lost[name] = f"still {message['status']} when everything had come to rest"
    elif promise["answered"] == "sent" and entry is None:
        verdict.lost[name] = "answered sent, but not accepted in the ledger"
    elif message["status"] in ARRIVED and entry is None:
        verdict.lost[name] = f"{message['status']}, but not accepted in the ledger"
    elif message["status"] == "failed" and name not in by_outcome["refused"]:
        verdict.lost[name] = "failed, but the network refused nothing of it"
    elif message["status"] == "unconfirmed" and entry is None and name not in by_outcome["withheld"]:
        verdict.lost[name] = "unconfirmed, but the network never took it"
    elif message["status"] not in (*ARRIVED, "failed", "unconfirmed"):
        verdict.lost[name] = f"has a status that no outbound message has: {message['status']}"
    elif entry is not None and entry["body"] != promise["text"]:
        verdict.lost[name] = f"the ledger holds another text: {entry['body']!r}"


def find_doubled(verdict, taken):
    """One message, part and channel at most once; and, since the client never repeats a text, each text at most once."""
    submits = Counter((entry["message_id"], entry["part"], entry["channel"]) for entry in taken)
    for (name, part, channel), count in submits.items():
        if count > 1:
            verdict.doubled[name] = f"part {part} on {channel} taken {count} times"
    owners = defaultdict(set)
    for entry in taken:
        owners[entry["body"]].add(entry["message_id"])
    for text, names in owners.items():
        if text and len(names) > 1:
            verdict.doubled[text] = f"one text under several ids: {sorted(names)}"


def find_disordered(verdict, taken):
    """The texts of one conversation end in a rising number and must be taken in that order."""
    last = {}
    for entry in taken:
        number = trailing_number(entry["body"])
        if number is None:
            continue
        pair = (entry["from"], entry["to"])
        if number < last.get(pair, -1):
            verdict.disordered[entry["message_id"]] = f"number {number} of {pair} after {last[pair]}"
        last[pair] = max(number, last.get(pair, -1))


def find_untrue(verdict, shown, by_outcome):
    """What the API says of any outbound message, acknowledged or not, must agree with the ledger."""
    for name, message in shown.items():
        status, is_accepted = message["status"], name in by_outcome["accepted"]
        if status == "failed" and is_accepted:
            verdict.untrue[name] = "failed, but the ledger has it as accepted"
        elif status == "failed" and name not in by_outcome["refused"]:
            verdict.untrue[name] = "failed, but the network refused nothing of it"
        elif status in ARRIVED and not is_accepted:
            verdict.untrue[name] = f"{status}, but not accepted in the ledger"
        elif status == "unconfirmed" and is_accepted:
            verdict.untrue[name] = "unconfirmed, but the network has accepted it and says so"
        elif status == "unconfirmed" and name not in by_outcome["withheld"]:
            verdict.untrue[name] = "unconfirmed, but the network can tell that it never had it"
        elif status in ON_THE_WAY:
            verdict.untrue[name] = f"still {status} when everything had come to rest"


def trailing_number(text):
    """The digits at the end of a text, as a number."""
    digits = text[len(text.rstrip("0123456789")):]
    return int(digits) if digits else None


def read_lines(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def main(paths):
    if len(paths) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    verdict = judge(*(read_lines(path) for path in paths))
    print(json.dumps(verdict.figures(), indent=1))
    return 0 if verdict.clean else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
