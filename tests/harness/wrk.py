"""wrk with the scripts of `tests/bench/wrk`: one thread, keep-alive, the report as a dictionary."""

import json
import os
import subprocess
import sys
from pathlib import Path
from shutil import which

SCRIPTS = Path(__file__).resolve().parents[1] / "bench" / "wrk"


def start(script, address, clients, seconds, **settings):
    """Starts wrk in the background; `settings` become the script's environment."""
    if not which("wrk"):
        sys.exit("this bench needs wrk (Debian: apt-get install wrk)")
    environment = os.environ | {name: str(value) for name, value in settings.items()}
    command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "10s", "-s", SCRIPTS / script, address]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def report(process):
    """Waits for a started wrk and gives its report."""
    output, _ = process.communicate()
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if process.returncode != 0 or not lines:
        raise RuntimeError(f"wrk failed: {output}")
    return json.loads(lines[-1])


def run(script, address, clients, seconds, **settings):
    return report(start(script, address, clients, seconds, **settings))
