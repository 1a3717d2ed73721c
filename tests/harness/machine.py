"""The machine a run happens on: folders, flush times, percentiles, and where results are kept."""

import json
import os
import random
import shlex
import shutil
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / ".cache" / "bench"
BLOCK = b"\0" * 4096


@contextmanager
def work_folder(name):
    """A fresh folder on the repository's disk, removed at the end (kept when KEEP_WORK is set)."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"work-{name}-", dir=RESULTS)).resolve()
    try:
        yield folder
    finally:
        if os.environ.get("KEEP_WORK"):
            print(f"kept {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def chosen_seed(seed):
    """The given seed, or a fresh one."""
    return seed if seed is not None else random.SystemRandom().randrange(1, 1_000_000)


def percentile(values, share):
    """The nearest-rank percentile of `values` (share 0 to 100); None without values."""
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[min(len(ordered) - 1, int(len(ordered) * share / 100))]


def median(values):
    return statistics.median(values) if values else None


def flush_times(folder, seconds=1.0):
    """Seconds of each 4 KiB append with fdatasync in `folder`, in a loop."""
    path = Path(folder) / "flush-probe"
    times = []
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            began = time.perf_counter()
            os.write(descriptor, BLOCK)
            os.fdatasync(descriptor)
            times.append(time.perf_counter() - began)
    finally:
        os.close(descriptor)
        path.unlink()
    return times


def flush_p50_ms(folder, seconds=1.0):
    return percentile(flush_times(folder, seconds), 50) * 1e3


def keep_result(name, seed, figures):
    """Prints the figures with the command and keeps them as JSON; gives the file's path."""
    now = datetime.now(timezone.utc)
    command = shlex.join(["script/bench", *sys.argv[1:]])
    result = {"name": name, "at": now.isoformat(), "command": command, "seed": seed,
              "processors": os.cpu_count(), "load": os.getloadavg(), "figures": figures}
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}-{now:%Y%m%dT%H%M%S}-{os.getpid()}.json"
    path.write_text(json.dumps(result, indent=1, default=str) + "\n")
    print(f"$ {command}" + (f"   # seed {seed}" if seed is not None else ""))
    for key, value in figures.items():
        if not isinstance(value, (list, dict)):
            print(f"  {key:<34} {shown(value)}")
    print(f"  kept in {path.relative_to(ROOT)}", flush=True)
    return path


def shown(value):
    return f"{value:,.3f}" if isinstance(value, float) else f"{value}"
