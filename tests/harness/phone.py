"""What tests ask of the server and of the network: numbers, the state of all messages, faults, the ledger."""

import time

QUIET = 1.0
UNSETTLED = ("queued", "sending", "unconfirmed")


def make_numbers(api, count, **wishes):
    """Buys `count` fresh numbers."""
    wish = {"areaCode": "206"} | wishes
    return [api.post("/v1/numbers", wish).expect() for _ in range(count)]


def messages_of_number(api, number_id):
    """Every message of a number, by paging backwards through its list."""
    messages, query = {}, {"limit": 200}
    while True:
        page = api.get(f"/v1/numbers/{number_id}/messages", **query).expect()
        messages.update((message["id"], message) for message in page["data"])
        if not page["hasMore"]:
            return messages
        query["before"] = page["data"][0]["receivedAt"]


def all_messages(api, numbers):
    """Every message of these numbers by id."""
    messages = {}
    for number in numbers:
        messages.update(messages_of_number(api, number["id"]))
    return messages


def messages_at_rest(api, numbers, network, limit=120):
    """Every message, once none is on its way or in doubt and the ledger has stood still; or after `limit` seconds."""
    deadline = time.monotonic() + limit
    while True:
        network.await_quiet(deadline)
        messages = all_messages(api, numbers)
        unsettled = [m for m in messages.values() if m["direction"] == "outbound" and m["status"] in UNSETTLED]
        if not unsettled or time.monotonic() > deadline:
            return messages
        time.sleep(0.2)


class Sim:
    """The network's own doors: faults and the ledger, read on from where the last reading ended."""

    def __init__(self, api):
        self.api = api
        self.after = 0

    def faults(self, **faults):
        self.api.put("/sim/faults", faults).expect(200, 204)

    def entries(self):
        """The entries that are new since the last call, in order."""
        new = []
        while True:
            page = self.api.get("/sim/ledger", after=self.after, limit=1000).expect()
            new += page["data"]
            self.after = page["next"]
            if not page["data"]:
                return new

    def whole_ledger(self):
        """Every entry from the first, with the outcomes as they are now."""
        return Sim(self.api).entries()

    def await_quiet(self, deadline=None):
        """Waits until no entry has come for a while (or the deadline has passed); gives the entries that came."""
        came = self.entries()
        quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < QUIET and (deadline is None or time.monotonic() < deadline):
            time.sleep(0.1)
            if new := self.entries():
                came += new
                quiet_since = time.monotonic()
        return came
