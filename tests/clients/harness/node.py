"""Node's own test runner, and its verdict on each test of a file."""

import os
import pathlib
import re
import subprocess

HERE = pathlib.Path(__file__).resolve().parents[1]


def names(file: str) -> list[str]:
    """The tests of a file."""
    return re.findall(r'^test\("([^"]+)"', (HERE / file).read_text(), re.MULTILINE)


def run(file: str, **variables: str) -> dict[str, str]:
    """The TAP lines of one run, by the name of the test; a failed one keeps its explanation."""
    command = ["node", "--test", "--test-reporter=tap", file]
    environment = os.environ | variables
    done = subprocess.run(command, cwd=HERE, env=environment, capture_output=True, text=True, timeout=110, check=False)
    print(done.stdout, done.stderr)
    parts = re.split(r"^ *((?:not )?ok) \d+ - (.+)$", done.stdout, flags=re.MULTILINE)
    return {name: verdict + text for verdict, name, text in zip(parts[1::3], parts[2::3], parts[3::3], strict=True)}
