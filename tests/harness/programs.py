"""The programs under test: starts, finds their address, kills and stops them, each by its own process id."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from harness.api import Api
from harness.machine import ROOT

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
START_LIMIT = 30.0


def binary(profile):
    """The program: AGENTPHONE_BIN, else the build of `profile` (`release` or `debug`)."""
    path = Path(os.environ.get("AGENTPHONE_BIN") or ROOT / "target" / profile / "agentphone")
    if not path.exists():
        flag = " --release" if profile == "release" else ""
        sys.exit(f"{path} is missing: run `cargo build{flag}` or set AGENTPHONE_BIN")
    return path.resolve()


class Program:
    """One running process of the program; what it prints goes to a log file in its folder."""

    def __init__(self, name, folder, arguments, environment=None):
        self.name = name
        self.folder = Path(folder)
        self.arguments = [str(argument) for argument in arguments]
        self.environment = environment or {}
        self.process = None
        self.address = None
        self.seconds_to_serve = None
        self.log = self.folder.parent / f"{self.folder.name}.log"

    def start(self):
        """Starts the process and returns once it serves; notes how long that took."""
        self.folder.mkdir(parents=True, exist_ok=True)
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("AGENTPHONE_", "SHIM_"))}
        position = self.log.stat().st_size if self.log.exists() else 0
        began = time.perf_counter()
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=subprocess.STDOUT, env=clean | self.environment)
        self.address = self._printed_address(position, began + START_LIMIT)
        self._await_health(began + START_LIMIT)
        self.seconds_to_serve = time.perf_counter() - began
        return self

    def _printed_address(self, position, deadline):
        while time.perf_counter() < deadline and self.process.poll() is None:
            with self.log.open("rb") as output:
                output.seek(position)
                found = ADDRESS.search(output.read().decode(errors="replace"))
            if found:
                return found.group()
            time.sleep(0.002)
        raise self._did_not_start()

    def _await_health(self, deadline):
        while time.perf_counter() < deadline and self.process.poll() is None:
            try:
                if Api(self.address, time_limit=1).get("/healthz").status in self.healthy:
                    return
            except OSError:
                pass
            time.sleep(0.002)
        raise self._did_not_start()

    healthy = (200,)

    def _did_not_start(self):
        tail = self.log.read_text(errors="replace")[-2000:]
        self.kill()
        return RuntimeError(f"{self.name} did not start serving; its last words:\n{tail}")

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """kill -9, and wait until the process is gone."""
        if self.running:
            self.process.send_signal(signal.SIGKILL)
        if self.process:
            self.process.wait()

    def stop(self, limit=15):
        """Asks the process to stop, and kills it when it does not within `limit` seconds."""
        if self.running:
            self.process.terminate()
            try:
                self.process.wait(limit)
            except subprocess.TimeoutExpired:
                self.kill()

    def resident_bytes(self):
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


class Network(Program):
    """The simulated network as a program of its own: it goes on living when a server is killed."""

    healthy = (200, 404)

    def __init__(self, executable, folder):
        super().__init__("network", folder, [executable, "network", "--listen", "127.0.0.1:0", "--data", folder])


class Server(Program):
    """`agentphone dev`: on its inner network, or on `network`; on SQLite, or on the PostgreSQL at `database`."""

    def __init__(self, executable, folder, network=None, database=None, environment=None):
        folder = Path(folder)
        settings = {"AGENTPHONE_LISTEN": "127.0.0.1:0", "AGENTPHONE_DATA": str(folder)}
        if database:
            settings["AGENTPHONE_DATABASE_URL"] = database
        arguments = [executable, "dev"]
        if network:
            arguments += ["--config", self._configuration(folder, network)]
        super().__init__("server", folder, arguments, settings | (environment or {}))

    @staticmethod
    def _configuration(folder, network):
        folder.parent.mkdir(parents=True, exist_ok=True)
        path = folder.parent / f"{folder.name}.toml"
        path.write_text(f'[[carriers]]\nname = "simulated"\nkind = "simulated"\nurl = "{network.address}"\n')
        return path

    def key(self):
        """The API key that the first start left in the data folder."""
        return (self.folder / "dev-key").read_text().strip()

    def api(self, key=None, time_limit=15):
        return Api(self.address, key or self.key(), time_limit)


class Postgres:
    """A private PostgreSQL from `script/postgres`, with as many databases as asked for."""

    def __init__(self):
        self.folder = Path(f"/var/tmp/agentphone-postgres-{os.getpid()}-{id(self):x}")
        self.url = None

    def __enter__(self):
        done = subprocess.run([ROOT / "script/postgres", "start", self.folder], check=True, text=True,
                              stdout=subprocess.PIPE)
        self.url = done.stdout.strip()
        return self

    def __exit__(self, *_):
        subprocess.run([ROOT / "script/postgres", "stop", self.folder], check=False)

    def restart(self):
        """Ends it as a crash does, and starts it again."""
        subprocess.run([ROOT / "script/postgres", "restart", self.folder], check=True)

    def database(self, name):
        """Makes an empty database and gives its URL."""
        self.run("-c", f'CREATE DATABASE "{name}"')
        return urlsplit(self.url)._replace(path=f"/{name}").geturl()

    def run(self, *arguments, url=None):
        """Runs psql and gives what it printed."""
        command = ["psql", "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-qAt", *arguments, url or self.url]
        return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout
