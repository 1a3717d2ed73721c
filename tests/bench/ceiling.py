"""This machine's own group-commit ceiling: rows a second into SQLite (WAL, synchronous=FULL) by plain Python."""

import sqlite3
import time
from pathlib import Path

TABLE = "CREATE TABLE note (id TEXT PRIMARY KEY, person TEXT NOT NULL, body TEXT NOT NULL, at BIGINT NOT NULL)"


def rows_a_second(folder, rows_a_commit, seconds=2.0):
    """Rows a second at `rows_a_commit` rows in each flushed commit."""
    path = Path(folder) / f"ceiling-{rows_a_commit}.db"
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(TABLE)
        return timed_inserts(connection, rows_a_commit, seconds)
    finally:
        connection.close()
        for part in path.parent.glob(path.name + "*"):
            part.unlink()


def timed_inserts(connection, rows_a_commit, seconds):
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        rows = [(f"msg_{n:026d}", f"+1555{n % 10_000_000:07d}", "Your order shipped today", n)
                for n in range(count, count + rows_a_commit)]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO note VALUES (?, ?, ?, ?)", rows)
        connection.execute("COMMIT")
        count += rows_a_commit
    return count / (time.perf_counter() - began)
