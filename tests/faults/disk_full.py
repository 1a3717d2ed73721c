"""The disk fills up under load and is freed again: 503 in the contract's shape, never a false 200, no restart needed."""

import time

from faults.refusal import await_recovery, check_reads, check_refusals, shape_problem, try_to_send
from faults.scene import Outcome, Scene
from harness.preload import compiled, loading
from harness.load import Load

LONGEST_ANSWER = 10
LONGEST_RECOVERY = 10


def run(options):
    """Three times (quick: once): load, full in the middle of it, single tries, freed."""
    outcome = Outcome("disk-full")
    control = options.folder / "disk-is-full"
    shim = compiled("disk_full", options.folder / "shims")
    data = options.folder / f"disk-full-{options.database}" / "server"
    environment = loading(shim, data, SHIM_CONTROL=control)
    recoveries, slowest = [], []
    with Scene(options, "disk-full", environment) as scene:
        process = scene.server.process.pid
        for round_number in range(1 if options.quick else 3):
            try:
                slowest.append(while_full(outcome, scene, control, round_number))
            finally:
                control.unlink(missing_ok=True)
            recoveries.append(await_recovery(scene, f"f{options.seed}r{round_number}", LONGEST_RECOVERY))
            outcome.require(recoveries[-1] is not None, "no 200 after the disk was freed")
        outcome.require(scene.server.running and scene.server.process.pid == process, "the server did not live on")
        outcome.figures |= {"recovered_s": recoveries, "slowest_refusal_s": max(slowest)}
        return scene.conclude(outcome)


def while_full(outcome, scene, control, round_number):
    """Fills the disk in the middle of a load, then tries alone; the slowest refusal in seconds."""
    name = f"f{scene.options.seed}"
    load = Load(scene.apis(), scene.numbers, f"{name}l", 800 + round_number).start()
    time.sleep(0.3)
    control.touch()
    full_since = time.monotonic()
    time.sleep(1.0)
    scene.acknowledged += load.stop()
    wrong = sorted({problem for door, answer, _ in load.other_answers if (problem := shape_problem(answer, door))})
    outcome.require(not wrong, f"under load: {wrong[:3]}")
    outcome.require(load.other_answers, "the load was never refused: the disk was not full")
    untrue = [promise.id for promise in load.acknowledged if promise.asked_at > full_since]
    outcome.require(not untrue, f"{len(untrue)} texts asked for after the disk was full were acknowledged: {untrue[:3]}")
    tries = try_to_send(scene, 10, f"{name}t{round_number}", round_number)
    check_reads(outcome, scene, "disk full")
    return check_refusals(outcome, tries, LONGEST_ANSWER, "disk full")
