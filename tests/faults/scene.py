"""What every fault test sets up: the separate network, a server beside it, numbers, clients, and the verdict."""

import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from faults.verdict import judge
from harness.api import Api
from harness.load import Acknowledged, through_v1
from harness.phone import Sim, all_messages, make_numbers, messages_at_rest
from harness.programs import Network, Server

CLIENTS = 8
NUMBERS = 10


@dataclass
class Options:
    """How a test runs: the program, which database, how long, and the seed."""

    executable: Path
    folder: Path
    seed: int
    quick: bool = False
    database: str = "sqlite"
    postgres: object = None
    rounds: int = 200

    def unhurried(self, seconds):
        """A limit of so many seconds; ten times that in a quick run, which may stand beside anything and measures nothing."""
        return seconds * 10 if self.quick else seconds


@dataclass
class Outcome:
    """What a test found; `problems` are sentences, and none means passed."""

    name: str
    figures: dict = field(default_factory=dict)
    problems: list = field(default_factory=list)

    @property
    def passed(self):
        return not self.problems

    def require(self, condition, sentence):
        if not condition:
            self.problems.append(sentence)


class Scene:
    """A network, a server connected to it, and numbers; everything ends with the `with` block."""

    def __init__(self, options, name, environment=None, numbers=NUMBERS):
        self.options = options
        self.name = f"{name}-{options.database}"
        self.folder = options.folder / self.name
        self.environment = environment
        self.number_count = numbers
        self.stack = ExitStack()
        self.acknowledged = []
        self.ledger = []

    def __enter__(self):
        with self.stack:
            self.network = self.stack.enter_context(Network(self.options.executable, self.folder / "network"))
            self.sim = Sim(Api(self.network.address))
            self.database_url = self._database_url()
            self.server = self.server_named("server")
            self.stack.enter_context(self.server)
            self.key = self.server.key()
            self.numbers = make_numbers(self.api(), self.number_count)
            self.stack = self.stack.pop_all()
        return self

    def __exit__(self, *problem):
        return self.stack.__exit__(*problem)

    def _database_url(self):
        if self.options.database == "sqlite":
            return None
        return self.options.postgres.database(self.name.replace("-", "_"))

    def server_named(self, name):
        """A further server of this scene, not started; on SQLite there can be only one."""
        return Server(self.options.executable, self.folder / name, self.network, self.database_url, self.environment)

    def api(self, server=None, time_limit=15):
        return (server or self.server).api(self.key, time_limit)

    def apis(self, count=CLIENTS, server=None, time_limit=15):
        return [self.api(server, time_limit) for _ in range(count)]

    def restart(self):
        """Starts the server again after a kill; gives the seconds until it served."""
        self.server.start()
        return self.server.seconds_to_serve

    def send(self, api, text, recipient, number=None, round_number=0):
        """Sends one text and notes the promise when the answer is 200; gives the answer."""
        number = number or self.numbers[0]
        answer = through_v1(api, number, recipient, text)
        if answer.status == 200:
            self.acknowledged.append(Acknowledged(answer.body["id"], text, answer.body["status"],
                                                  number["phoneNumber"], recipient, round_number, 0.0, 0.0))
        return answer

    def statuses(self):
        """The status of each message as the API shows it now."""
        return {name: message["status"] for name, message in all_messages(self.api(), self.numbers).items()}

    def verdict(self, limit=120):
        """Waits for rest, keeps the three records beside the run's files, and judges them."""
        messages = list(messages_at_rest(self.api(), self.numbers, self.sim, limit).values())
        ledger = self.ledger = self.sim.whole_ledger()
        promises = [promise.as_dict() for promise in self.acknowledged]
        for name, lines in (("acknowledged", promises), ("ledger", ledger), ("messages", messages)):
            (self.folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        return judge(promises, ledger, messages)

    def taken(self):
        """The texts that the network accepted, in order, as the verdict read them."""
        return [entry for entry in self.ledger if entry["direction"] == "out" and entry["outcome"] == "accepted"]

    def conclude(self, outcome, *checks, limit=120):
        """Adds the verdict to the outcome, then what `checks` require of outcome and scene; gives the outcome."""
        verdict = self.verdict(limit)
        outcome.figures |= verdict.figures()
        outcome.require(verdict.acknowledged > 0, "nothing was acknowledged, so nothing was tested")
        outcome.require(verdict.refused == 0, f"the network refused {verdict.refused}, and no fault asked it to")
        for kind in ("lost", "doubled", "disordered", "untrue"):
            count = len(getattr(verdict, kind))
            outcome.require(count == 0, f"{count} {kind}: {outcome.figures.get(kind + '_examples')}")
        for check in checks:
            check(outcome, self)
        if outcome.problems:
            outcome.figures["server_log_tail"] = self.server.log.read_text(errors="replace")[-3000:].splitlines()
        return outcome
