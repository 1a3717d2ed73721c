"""Power cuts: writes that were not flushed are dropped, or survive in part; acknowledged messages must be there."""

import random
import shutil
import time

from faults import disk
from faults.scene import Outcome, Scene
from harness.preload import compiled, loading
from harness.load import Load
from harness.machine import median

LATEST_CUT = 0.5


def run(options):
    """One graceful round proves that the shim sees every write; then `options.rounds` cuts, one seed each."""
    outcome = Outcome("power-cut")
    shim = compiled("power_cut", options.folder / "shims")
    restarts, sizes = [], []
    with Scene(options, "power-cut") as scene:
        scene.server.stop()
        data, log = scene.server.folder, scene.folder / "power-cut.log"
        scene.server.environment |= loading(shim, data, SHIM_LOG=log)
        missed = one_round(scene, data, log, 0, None)
        outcome.require(not missed, f"the shim missed writes to {missed}")
        for number in range(1, options.rounds + 1):
            missed = one_round(scene, data, log, number, random.Random(options.seed * 1000 + number))
            outcome.require(len(missed) <= 1, f"the shim missed writes to {missed} in round {number}")
            sizes.append(log.stat().st_size)
            scene.server.environment.pop("LD_PRELOAD")
            restarts.append(scene.restart())
            missing = missing_promises(scene)
            outcome.require(not missing, f"cut {number} (seed {options.seed}) lost {len(missing)}: {missing[:3]}")
            scene.server.stop()
            scene.server.environment |= loading(shim, data, SHIM_LOG=log)
        outcome.figures |= {"cuts": options.rounds, "log_bytes_p50": median(sizes), "serving_again_max_s": max(restarts)}
        scene.server.environment.pop("LD_PRELOAD")
        scene.restart()
        return scene.conclude(outcome)


def one_round(scene, data, log, number, choice):
    """Runs the server with the shim under load and ends it: gracefully without `choice`, else by a power cut.

    Gives the files that the log does not explain. A kill between a write and its note may leave one such file.
    """
    base = scene.folder / "base"
    shutil.rmtree(base, ignore_errors=True)
    shutil.copytree(data, base)
    inodes = disk.inodes_of(data)
    log.unlink(missing_ok=True)
    scene.restart()
    load = Load(scene.apis(), scene.numbers, f"p{scene.options.seed}", number).start()
    time.sleep(choice.uniform(0, LATEST_CUT) if choice else LATEST_CUT)
    if choice:
        scene.server.kill()
        scene.acknowledged += load.stop()
    else:
        scene.acknowledged += load.stop()
        scene.server.stop()
    missed = disk.unexplained(base, inodes, log, data)
    if choice:
        replace_with_cut(base, inodes, log, data, choice)
    return missed


def replace_with_cut(base, inodes, log, data, choice):
    """Puts the folder that a power cut leaves in the place of the real one, at the same path."""
    target = data.with_name("after-cut")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    disk.cut(base, inodes, log, data, target, choice)
    shutil.rmtree(data)
    target.rename(data)


def missing_promises(scene):
    """Acknowledged messages that the API no longer knows."""
    shown = scene.statuses()
    return [promise.id for promise in scene.acknowledged if promise.id not in shown]
