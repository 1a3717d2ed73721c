"""Tests of the testers: the verdict on made-up ledgers, and the shims against a small SQLite writer.

    python3 -m unittest discover -s tests -p 'test_*.py'
"""

import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from faults import disk
from faults.refusal import shape_problem
from faults.verdict import judge
from harness.api import Answer
from harness.load import Alternating, phone_number, through_api
from harness.preload import compiled, loading

WRITER = """
import os, sqlite3, sys
folder, synchronous = sys.argv[1:]
side = os.open(folder + "/note.tmp", os.O_CREAT | os.O_WRONLY)
os.write(side, b"whole"); os.fsync(side); os.close(side)
os.rename(folder + "/note.tmp", folder + "/note")
connection = sqlite3.connect(folder + "/t.db", isolation_level=None)
connection.execute("PRAGMA journal_mode=WAL")
connection.execute("PRAGMA synchronous=" + synchronous)
connection.execute("PRAGMA wal_autocheckpoint=20")
connection.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, body TEXT)")
while True:
    try:
        n = connection.execute("INSERT INTO t (body) VALUES (?) RETURNING n", ("x" * 500,)).fetchone()[0]
        print(n, flush=True)
    except sqlite3.OperationalError as problem:
        print("refused", problem, flush=True)
"""


def promise(name, text="hello 1", answered="sent"):
    return {"id": name, "text": text, "answered": answered}


def entry(name, body="hello 1", outcome="accepted", to="+14155550101", **changes):
    return {"direction": "out", "message_id": name, "part": 1, "channel": "sms", "from": "+12065550100", "to": to,
            "body": body, "outcome": outcome} | changes


def message(name, status="delivered"):
    return {"id": name, "status": status}


class VerdictOnMadeUpRecords(unittest.TestCase):
    def test_a_good_run_is_clean(self):
        verdict = judge([promise("a"), promise("b", "hello 2", "queued")],
                        [entry("a"), entry("b", "hello 2"), entry("x", direction="in")], [message("a"), message("b")])
        self.assertTrue(verdict.clean, verdict.figures())
        self.assertEqual((verdict.acknowledged, verdict.accepted), (2, 2))

    def test_lost_when_the_api_does_not_know_it(self):
        self.assertIn("a", judge([promise("a")], [entry("a")], []).lost)

    def test_lost_when_it_waits_for_ever(self):
        for status in ("queued", "sending"):
            self.assertIn("a", judge([promise("a", answered="queued")], [], [message("a", status)]).lost)

    def test_lost_when_sent_is_not_in_the_ledger(self):
        self.assertIn("a", judge([promise("a")], [], [message("a", "sent")]).lost)
        self.assertIn("a", judge([promise("a")], [entry("a", outcome="refused")], [message("a", "unconfirmed")]).lost)
        self.assertIn("a", judge([promise("a", answered="queued")], [], [message("a", "delivered")]).lost)

    def test_lost_when_another_text_arrived(self):
        self.assertIn("a", judge([promise("a")], [entry("a", "hello 7")], [message("a")]).lost)

    def test_lost_when_it_failed_without_a_refusal(self):
        queued = promise("a", answered="queued")
        verdict = judge([queued], [], [message("a", "failed")])
        self.assertTrue("a" in verdict.lost and "a" in verdict.untrue)
        verdict = judge([queued], [entry("a", outcome="refused")], [message("a", "failed")])
        self.assertEqual((verdict.clean, verdict.refused), (True, 1), verdict.figures())

    def test_unconfirmed_stands_only_while_the_network_withholds_its_answer(self):
        queued, unconfirmed = promise("a", answered="queued"), message("a", "unconfirmed")
        self.assertTrue(judge([queued], [entry("a", outcome="withheld")], [unconfirmed]).clean)
        for ledger in ([], [entry("a", outcome="refused")], [entry("b", "hello 2", outcome="withheld")]):
            verdict = judge([queued], ledger, [unconfirmed])
            self.assertTrue("a" in verdict.lost and "a" in verdict.untrue, verdict.figures())
        verdict = judge([queued], [entry("a")], [unconfirmed])
        self.assertEqual((list(verdict.lost), list(verdict.untrue)), ([], ["a"]))

    def test_lost_when_its_status_is_none_of_an_outbound_message(self):
        self.assertIn("a", judge([promise("a")], [entry("a")], [message("a", "received")]).lost)

    def test_doubled_when_taken_twice(self):
        for outcome in ("accepted", "withheld"):
            verdict = judge([promise("a")], [entry("a"), entry("a", outcome=outcome)], [message("a")])
            self.assertIn(("a", "part 1 on sms taken 2 times"), verdict.doubled.items())

    def test_not_doubled_when_refused_first_or_in_parts(self):
        ledger = [entry("a", outcome="refused"), entry("a"), entry("a", part=2)]
        self.assertTrue(judge([promise("a")], ledger, [message("a")]).clean)

    def test_doubled_when_one_text_has_two_ids(self):
        self.assertIn("hello 1", judge([promise("a")], [entry("a"), entry("b")], [message("a"), message("b")]).doubled)

    def test_disordered_within_a_conversation_only(self):
        ledger = [entry("b", "n2"), entry("a", "n1"), entry("c", "n0", to="+14155550102")]
        verdict = judge([], ledger, [message(name) for name in "abc"])
        self.assertEqual(list(verdict.disordered), ["a"])

    def test_untrue_when_api_and_ledger_disagree(self):
        self.assertIn("a", judge([], [entry("a")], [message("a", "failed")]).untrue)
        self.assertIn("a", judge([], [], [message("a", "sent")]).untrue)
        self.assertIn("a", judge([], [], [message("a", "sending")]).untrue)
        self.assertIn("a", judge([], [], [message("a", "failed")]).untrue)
        self.assertIn("a", judge([], [], [message("a", "unconfirmed")]).untrue)


class Refusals(unittest.TestCase):
    SENTENCE = "The disk is full"
    TRIPLE = {"detail": SENTENCE, "message": SENTENCE,
              "error": {"message": SENTENCE, "code": "UNAVAILABLE", "type": "api_error", "details": []}}

    def test_the_contract_s_shapes_pass(self):
        self.assertIsNone(shape_problem(Answer(503, {"retry-after": "1"}, self.TRIPLE)))
        flat = {"error": "Service Unavailable", "message": self.SENTENCE}
        self.assertIsNone(shape_problem(Answer(503, {"Retry-After": "1"}, flat), through_api))

    def test_others_do_not(self):
        self.assertIn("instead of 503", shape_problem(Answer(500, {"Retry-After": "1"}, self.TRIPLE)))
        self.assertIn("without Retry-After", shape_problem(Answer(503, {}, self.TRIPLE)))
        self.assertIn("another body", shape_problem(Answer(503, {"Retry-After": "1"}, {"error": "full"})))


class PhoneNumbers(unittest.TestCase):
    def test_each_conversation_has_its_own(self):
        drawn = {phone_number(r, w, p, g) for r in (0, 1, 199) for w in (0, 7) for p in range(20) for g in (0, 1)}
        self.assertEqual(len(drawn), 3 * 2 * 20 * 2)
        self.assertTrue(all(len(number) == 12 for number in drawn))


class TwoServers:
    """Two stand-ins that keep who was asked what; one breaks when it was asked often enough."""

    def __init__(self, breaks_after=None):
        self.asked, self.breaks_after = [], breaks_after

    def api(self, place):
        return OneServer(self, place)


class OneServer:
    def __init__(self, both, place):
        self.both, self.place = both, place

    def post(self, path, body):
        text = body["body"]
        if self.place == 0 and self.both.breaks_after is not None and len(self.both.asked) >= self.both.breaks_after:
            raise ConnectionError(text)
        self.both.asked.append((self.place, path.split("/")[1], body.get("to") or body["to_number"], text))
        return Answer(200, {}, {"id": f"msg_{len(self.both.asked)}", "status": "sent"})

    def close(self):
        pass


class AlternatingLoads(unittest.TestCase):
    NUMBERS = [{"id": "num_1", "phoneNumber": "+12065550100"}]

    def run_until(self, both, count):
        load = Alternating([[both.api(0), both.api(1)]], self.NUMBERS, "x", 3, pause=0.001).start()
        deadline = time.monotonic() + 10
        while len(both.asked) < count and time.monotonic() < deadline:
            time.sleep(0.001)
        return load, load.stop()

    def test_one_conversation_goes_to_and_fro_through_both_doors(self):
        both = TwoServers()
        load, promises = self.run_until(both, 8)
        self.assertEqual([(place, door) for place, door, _, _ in both.asked[:5]],
                         [(0, "v1"), (1, "v1"), (0, "api"), (1, "api"), (0, "v1")])
        self.assertEqual(len({recipient for _, _, recipient, _ in both.asked}), 1)
        self.assertEqual([text for *_, text in both.asked], sorted(text for *_, text in both.asked))
        self.assertEqual((load.shared, len(promises)), (1, len(both.asked)))

    def test_it_goes_on_with_the_survivor_in_the_same_conversation(self):
        both = TwoServers(breaks_after=5)
        load, promises = self.run_until(both, 12)
        self.assertEqual({place for place, *_ in both.asked[5:]}, {1})
        self.assertEqual((len({promise.recipient for promise in promises}), load.broken), (1, 1))
        self.assertLess(both.asked[4][3], both.asked[5][3])

    def test_it_says_when_no_server_is_left(self):
        class Gone(OneServer):
            def post(self, path, body):
                raise ConnectionError("gone")

        load = Alternating([[Gone(None, 0), Gone(None, 1)]], self.NUMBERS, "x").start()
        load.threads[0].join()
        with self.assertRaises(ConnectionError):
            load.stop()

    def test_nobody_else_writes_to_its_people(self):
        load = Alternating([[]] * 4, self.NUMBERS, "x", 5)
        people = {load.conversation(index)[1] for index in range(4)}
        others = {phone_number(r, w, p, g) for r in range(4, 7) for w in range(8) for p in range(20) for g in range(32)}
        self.assertEqual((len(people), people & others), (4, set()))


class Shims(unittest.TestCase):
    def setUp(self):
        self.work = Path(tempfile.mkdtemp()).resolve()
        self.addCleanup(shutil.rmtree, self.work)
        self.data = self.work / "data"
        self.data.mkdir()

    def write_and_kill(self, synchronous="FULL", rows=40):
        """Runs the writer under the power-cut shim and kills it after so many rows; the numbers it acknowledged."""
        self.base, self.log = self.work / "base", self.work / "log"
        shutil.rmtree(self.base, ignore_errors=True)
        shutil.copytree(self.data, self.base)
        self.inodes = disk.inodes_of(self.data)
        self.log.unlink(missing_ok=True)
        environment = loading(compiled("power_cut", self.work), self.data, SHIM_LOG=self.log)
        writer = subprocess.Popen([sys.executable, "-c", WRITER, self.data, synchronous], env=environment,
                                  stdout=subprocess.PIPE, text=True)
        lines = [writer.stdout.readline() for _ in range(rows)]
        writer.send_signal(signal.SIGKILL)
        lines += writer.communicate()[0].splitlines(keepends=True)
        return [int(line) for line in lines if line.endswith("\n")]

    def cut(self, seed):
        """Puts the folder after a power cut in the place of the real one."""
        target = self.work / "cut"
        target.mkdir()
        disk.cut(self.base, self.inodes, self.log, self.data, target, random.Random(seed))
        shutil.rmtree(self.data)
        target.rename(self.data)

    def stored(self):
        connection = sqlite3.connect(self.data / "t.db")
        try:
            self.assertEqual(connection.execute("PRAGMA integrity_check").fetchone(), ("ok",))
            return {row[0] for row in connection.execute("SELECT n FROM t")}
        except sqlite3.DatabaseError:
            return set()
        finally:
            connection.close()

    def test_flushed_rows_survive_every_cut(self):
        acknowledged = set()
        for seed in range(8):
            acknowledged.update(self.write_and_kill())
            self.assertLessEqual(len(disk.unexplained(self.base, self.inodes, self.log, self.data)), 1)
            self.cut(seed)
            self.assertEqual(acknowledged - self.stored(), set(), f"seed {seed}")

    def test_rows_that_were_not_flushed_are_lost(self):
        lost = 0
        for seed in range(4):
            acknowledged = set(self.write_and_kill("OFF"))
            self.cut(seed)
            lost += len(acknowledged - self.stored())
        self.assertGreater(lost, 0)

    def test_a_full_disk_refuses_and_recovers(self):
        control, printed = self.work / "full", self.work / "printed"
        environment = loading(compiled("disk_full", self.work), self.data, SHIM_CONTROL=control)
        with printed.open("w") as output:
            writer = subprocess.Popen([sys.executable, "-c", WRITER, self.data, "FULL"], env=environment, stdout=output)

        def until(wanted, seen):
            """What was printed up to a line that is `wanted` behind the first `seen`."""
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                lines = printed.read_text().split("\n")[:-1]
                if any(map(wanted, lines[seen:])):
                    return lines
                time.sleep(0.01)
            self.fail(f"it never came: {lines[seen:][-3:]}")

        lines = until(str.isdigit, 0)
        control.touch()
        lines = until(lambda line: "full" in line, len(lines))
        control.unlink()
        lines = until(str.isdigit, len(lines))
        writer.kill()
        writer.wait()
        acknowledged = {int(line) for line in lines if line.isdigit()}
        self.assertEqual(acknowledged - self.stored(), set())


if __name__ == "__main__":
    unittest.main()
