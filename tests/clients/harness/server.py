"""Starts the real server as a child process and finds out where it listens.

`AGENTPHONE_BIN` names the program, `TEST_POSTGRES_URL` a maintenance database in which a fresh
database is made for each server, `TEST_DATABASE_URL` one ready database. Without both the server
uses its embedded database.
"""

import os
import pathlib
import re
import secrets
import subprocess
import threading
import time
from urllib.parse import urlsplit, urlunsplit

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
START_LIMIT = 20.0
STOP_LIMIT = 15.0

# Six attempts as in production, with pauses a test can wait for (seconds).
RETRY_SCHEDULE = "[0.2, 0.3, 0.3, 0.4, 0.4]"
SEND_WAIT = "2"


def binary() -> str:
    return os.environ.get("AGENTPHONE_BIN", str(REPOSITORY / "target/debug/agentphone"))


class PostgresDatabase:
    """A database that lives as long as one server."""

    def __init__(self, maintenance_url: str) -> None:
        self.maintenance_url = maintenance_url
        self.name = f"agentphone_clients_{secrets.token_hex(6)}"
        self._maintain(f'CREATE DATABASE "{self.name}"')
        self.url = urlunsplit(urlsplit(maintenance_url)._replace(path=f"/{self.name}"))

    def _maintain(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.maintenance_url, autocommit=True) as connection:
            connection.execute(statement)

    def drop(self) -> None:
        self._maintain(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')


class Program:
    """One running process of the program, which says where it listens."""

    command_line: tuple[str, ...]
    environment: dict[str, str]
    log: pathlib.Path
    database: PostgresDatabase | None = None

    @staticmethod
    def plain_environment() -> dict[str, str]:
        """This process's environment without settings of the program."""
        return {key: value for key, value in os.environ.items() if not key.startswith("AGENTPHONE_")}

    def start(self) -> None:
        """Starts the program; once more on the same data, if it has ended."""
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [binary(), *self.command_line],
            env=self.environment,
            cwd=self.log.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        threading.Thread(target=self._read, daemon=True).start()
        self.origin = self._address()
        self._ready()

    def _ready(self) -> None:
        """What is still to be found out once it listens."""

    def _read(self) -> None:
        with self.log.open("wb") as log:
            for line in self.process.stdout:
                log.write(line)
                log.flush()
                self.lines.append(line.decode(errors="replace"))

    def _address(self) -> str:
        deadline = time.monotonic() + START_LIMIT
        while time.monotonic() < deadline:
            found = ADDRESS.search("".join(self.lines))
            if found:
                return found.group()
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        time.sleep(0.1)
        self.stop()
        raise RuntimeError(f"the program did not say where it listens:\n{''.join(self.lines)}")

    def stop(self) -> int | None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_LIMIT)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.database:
            self.database.drop()
            self.database = None
        return self.process.returncode


class Server(Program):
    """One running `agentphone dev`."""

    command_line = ("dev",)

    def __init__(self, folder: pathlib.Path, settings: dict[str, str] | None = None, own_database: bool = False) -> None:
        self.data = folder / "data"
        self.data.mkdir(parents=True)
        self.log = folder / "server.log"
        self.environment = self.plain_environment() | {
            "AGENTPHONE_LISTEN": "127.0.0.1:0",
            "AGENTPHONE_DATA": str(self.data),
            "AGENTPHONE_WEBHOOKS_RETRY_SCHEDULE": RETRY_SCHEDULE,
            "AGENTPHONE_SEND_WAIT": SEND_WAIT,
        }
        if os.environ.get("TEST_POSTGRES_URL"):
            self.database = PostgresDatabase(os.environ["TEST_POSTGRES_URL"])
            self.environment["AGENTPHONE_DATABASE_URL"] = self.database.url
        elif os.environ.get("TEST_DATABASE_URL") and not own_database:
            self.environment["AGENTPHONE_DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]
        self.environment |= settings or {}
        self.start()

    def _ready(self) -> None:
        self.key = self._dev_key()

    @property
    def embedded(self) -> bool:
        return "AGENTPHONE_DATABASE_URL" not in self.environment

    def _dev_key(self) -> str:
        path = self.data / "dev-key"
        deadline = time.monotonic() + START_LIMIT
        while not (path.exists() and path.read_text().strip()):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{path} was not written")
            time.sleep(0.02)
        return path.read_text().strip()

    def command(self, *arguments: str) -> str:
        """Runs the program's command line beside the running server; answers its standard output."""
        done = subprocess.run(
            [binary(), *arguments], env=self.environment, capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 0, f"agentphone {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def new_account(self, name: str) -> tuple[str, str]:
        """A new account's id and an API key of it."""
        printed = self.command("project", "create", "--name", name)
        account = re.search(r"acct_[0-9a-z]+", printed)
        assert account, f"no account id in {printed!r}"
        return account.group(), self.command("key", "create", "--name", name, "--project", account.group())
