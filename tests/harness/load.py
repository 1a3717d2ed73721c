"""Load from several threads, each with a connection of its own, that notes an id only after a whole 200 was read."""

import threading
import time
from dataclasses import asdict, dataclass, field


@dataclass
class Acknowledged:
    """One message that the server promised to have."""

    id: str
    text: str
    answered: str
    sender: str
    recipient: str
    round: int
    asked_at: float
    at: float

    def as_dict(self):
        return asdict(self)


def through_v1(api, number, recipient, text):
    return api.post("/v1/messages", {"number_id": number["id"], "to_number": recipient, "body": text})


def through_api(api, number, recipient, text):
    return api.post(f"/api/numbers/{number['id']}/send/sms", {"to": recipient, "body": text})


DOORS = (through_v1, through_api)


@dataclass
class Load:
    """Unique texts from `threads` workers to `recipients` people each, until it is told to stop.

    A worker sends to each of its people in turn and waits for the answer. After a broken request the worker leaves
    that conversation for a fresh one, since nobody knows whether the broken text was stored, and the numbers in
    the texts of one conversation are to be in the order of acceptance.

    Workers take turns at the two doors: /v1 answers after the carrier has accepted, /api at once with `queued`, so
    that a crash meets messages in every state.
    """

    apis: list
    numbers: list
    name: str
    round: int = 0
    recipients: int = 20
    pause: float = 0.0
    acknowledged: list = field(default_factory=list)
    other_answers: list = field(default_factory=list)
    broken: int = 0

    def start(self):
        self.stopping = threading.Event()
        self.problem = None
        self.threads = [threading.Thread(target=self._guarded, args=(index, api), daemon=True)
                        for index, api in enumerate(self.apis)]
        for thread in self.threads:
            thread.start()
        return self

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        if self.problem:
            raise self.problem
        return self.acknowledged

    def _guarded(self, index, api):
        try:
            self._work(index, api)
        except Exception as problem:  # handed to the thread that calls stop()
            self.problem = problem

    def _work(self, index, api):
        count, people = 0, [0] * self.recipients
        while not self.stopping.is_set():
            person = count % self.recipients
            recipient = phone_number(self.round, index, person, people[person])
            number = self.numbers[(index + count) % len(self.numbers)]
            try:
                self._send(DOORS[index % 2], api, number, recipient, f"{self.name}r{self.round}w{index}n{count:06d}")
            except ConnectionError:
                self.broken += 1
                people = [generation + 1 for generation in people]
                self.stopping.wait(0.002)
            count += 1
            if self.pause:
                self.stopping.wait(self.pause)
        api.close()

    def _send(self, door, api, number, recipient, text):
        asked_at = time.monotonic()
        answer = door(api, number, recipient, text)
        if answer.status != 200:
            self.other_answers.append((door, answer, text))
            self.stopping.wait(0.02)
            return False
        name = answer.body.get("id") or answer.body["messageId"]
        self.acknowledged.append(Acknowledged(name, text, answer.body["status"], number["phoneNumber"], recipient,
                                              self.round, asked_at, time.monotonic()))
        return True


# Workers of an alternating load count from here, so that their people are nobody else's.
ALTERNATING = 32


@dataclass
class Alternating(Load):
    """Workers that hold one conversation each, through several servers in turn: the next text is asked for at another
    server once this one is answered, so that every text is accepted after the one before it, wherever that was.

    Here each of `apis` is a list, a connection to each server. When one breaks, the worker goes on with the others, in
    the same conversation: what was not answered was asked for before what follows, and has to stand before it. From
    then on it pauses, since what the dead server had in its hands holds the conversation up for a while.
    """

    pause: float = 0.01

    def start(self):
        self.servers = [set() for _ in self.apis]
        return super().start()

    def conversation(self, index):
        """Who writes to whom: our number and the person's."""
        return (self.numbers[index % len(self.numbers)],
                phone_number(self.round, ALTERNATING + index, 0, 0))

    @property
    def shared(self):
        """How many conversations more than one server has acknowledged texts of."""
        return sum(len(servers) > 1 for servers in self.servers)

    def _work(self, index, apis):
        number, recipient = self.conversation(index)
        left, count = list(enumerate(apis)), 0
        while not self.stopping.is_set():
            place, api = left[count % len(left)]
            # Each server is asked at each door.
            door = DOORS[count // len(apis) % len(DOORS)]
            try:
                if self._send(door, api, number, recipient, f"{self.name}r{self.round}a{index}n{count:06d}"):
                    self.servers[index].add(place)
            except ConnectionError:
                self.broken += 1
                left.remove((place, api))
                if not left:
                    raise
            count += 1
            if len(left) < len(apis):
                self.stopping.wait(self.pause)
        for _, api in left:
            api.close()


def phone_number(round_number, worker, person, generation):
    """A US number of its own for each round, worker, person and generation."""
    serial = ((round_number * 64 + worker) * 32 + generation % 32) * 64 + person
    return f"+1{3_000_000_000 + serial}"
