"""The program's own commands beside a running server: those that end, and `listen`, which does not."""

import subprocess
import threading
from dataclasses import dataclass

from .phone import eventually
from .server import Server, binary


@dataclass
class Done:
    code: int
    out: str
    err: str


def run(server: Server, *arguments: str, **variables: str) -> Done:
    """Runs a command to its end, with the settings of this server and `variables` over them."""
    environment = server.environment | {"AGENTPHONE_URL": server.origin} | variables
    done = subprocess.run(
        [binary(), *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return Done(done.returncode, done.stdout, done.stderr)


class Listening:
    """One running `agentphone listen`."""

    def __init__(self, server: Server, key: str, forward_to: str, *arguments: str, url: str | None = None) -> None:
        command = [binary(), "listen", "--forward-to", forward_to, "--key", key, "--url", url or server.origin, *arguments]
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            command, env=server.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout:
            self.lines.append(line.decode().rstrip("\n"))

    def wait_for(self, text: str, seconds: float = 40.0, count: int = 1) -> str:
        """The latest line with this text, once there are `count` of them."""

        def look() -> str | None:
            found = [line for line in self.lines if text in line]
            return found[-1] if len(found) >= count else None

        return eventually(look, seconds, f"{text!r} in {self.lines}")

    def secret(self) -> str:
        """The signing secret, which is the first thing said."""
        line = self.wait_for("secret: ")
        assert self.lines[0] == line, self.lines
        return line.split("secret: ")[1]

    def ended(self) -> int:
        """The exit code of one that gives up by itself; all that it said has been read then."""
        code = self._process.wait(15)
        self._reader.join(15)
        return code

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
        assert self._process.wait(15) is not None
