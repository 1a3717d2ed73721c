"""`agentphone serve` as an operator runs it, the simulated network beside it, and names that lead where they should not."""

import pathlib
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .phone import Network
from .server import REPOSITORY, Program, Server, binary

PUBLIC_URL = "https://phone.example"
SHIMS = REPOSITORY / "tests/harness/shims"

# What their owner has put into the DNS, and what it is.
NAMES = {
    "inside.hooks.example": ("127.0.0.1", "loopback"),
    "six.hooks.example": ("::1", "loopback"),
    "mapped.hooks.example": ("::ffff:127.0.0.1", "loopback"),
    "office.hooks.example": ("10.1.2.3", "private"),
    "metadata.hooks.example": ("169.254.169.254", "link-local"),
}


class Production(Server):
    """One running `agentphone serve`: nothing of the development profile, a public URL and one carrier."""

    def __init__(self, folder: pathlib.Path, network: str | None = None, **settings: str) -> None:
        """`network` is the address of `agentphone network`; without it the simulated network runs inside."""
        folder.mkdir(parents=True, exist_ok=True)
        configuration = folder / "agentphone.toml"
        url = f'url = "{network}"\n' if network else ""
        configuration.write_text(f'[[carriers]]\nname = "simulated"\nkind = "simulated"\n{url}')
        self.command_line = ("serve", "--config", str(configuration))
        names = ",".join(f"{name}={address}" for name, (address, _) in NAMES.items())
        shim = {"LD_PRELOAD": str(compiled("names", folder)), "SHIM_NAMES": names}
        super().__init__(folder, shim | {"AGENTPHONE_PUBLIC_URL": PUBLIC_URL} | settings, own_database=True)

    def _ready(self) -> None:
        """No key is left lying about: an operator makes projects and keys on the command line."""
        self.key = ""


class SeparateNetwork(Program):
    """`agentphone network`, whose phones tests reach without the server's help."""

    def __init__(self, folder: pathlib.Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "network.log"
        self.command_line = ("network", "--listen", "127.0.0.1:0", "--data", str(folder / "network"))
        self.environment = Program.plain_environment()
        self.start()
        self.phones = Network(self.origin, "none")


class Ear:
    """Listens on loopback over IPv4 and IPv6 and counts the connections that come; it never answers."""

    def __init__(self) -> None:
        self.heard = 0
        self._sockets = [socket.create_server(("127.0.0.1", 0))]
        self.port = self._sockets[0].getsockname()[1]
        if socket.has_ipv6:
            self._sockets.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))
        for each in self._sockets:
            threading.Thread(target=self._listen, args=(each,), daemon=True).start()

    def _listen(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            self.heard += 1
            connection.close()

    def close(self) -> None:
        for each in self._sockets:
            each.close()


@contextmanager
def stopped_at_the_end(running: Program) -> Iterator[Program]:
    """Ends the program, which must have lived until then and end in order."""
    try:
        yield running
    finally:
        alive, code = running.process.poll() is None, running.stop()
        assert alive and code == 0, f"it ended by itself or not in order ({code}), see {running.log}"


def compiled(name: str, folder: pathlib.Path) -> pathlib.Path:
    """The LD_PRELOAD shim `name`, compiled into `folder`."""
    target = folder / f"{name}.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", target, SHIMS / f"{name}.c", "-ldl"], check=True)
    return target


def refused_start(folder: pathlib.Path, configuration: str = "", **settings: str) -> subprocess.CompletedProcess:
    """Runs `agentphone serve` that must give up by itself at once."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "agentphone.toml").write_text(configuration)
    environment = Program.plain_environment() | {
        "AGENTPHONE_LISTEN": "127.0.0.1:0", "AGENTPHONE_DATA": str(folder / "data")} | settings
    command = [binary(), "serve", "--config", str(folder / "agentphone.toml")]
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=15, check=False)
