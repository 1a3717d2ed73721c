"""Fills a stopped server's database with conversations and messages, faster than the doors could.

The tables' columns stand in `CONVERSATION` and `MESSAGE` only. A column the table has and the list lacks must have a
default or allow NULL; the loader names those that do not, so that a changed schema is noticed at once.
"""

import csv
import sqlite3
import time

from faults.locked import database_file

BATCH = 10_000
DAY_MS = 86_400_000
BODY = "Is my bike ready? I could come by after work today"
BASE32 = "0123456789abcdefghjkmnpqrstvwxyz"


class Row:
    """One message (and, for its conversation's first one, the conversation): what the columns are made from."""

    def __init__(self, index, conversations, messages, numbers, now):
        self.index = index
        self.conversation = index % conversations
        self.number = numbers[self.conversation % len(numbers)]
        self.person = f"+1415{2_000_000 + self.conversation}"
        self.seq = index // conversations + 1
        self.count = messages // conversations
        self.at = now - DAY_MS + index * DAY_MS // messages
        self.last_at = now - DAY_MS + (messages - conversations + self.conversation) * DAY_MS // messages
        self.inbound = self.seq % 2 == 1

    @property
    def conversation_id(self):
        return f"conv_{self.conversation:026d}"

    @property
    def message_id(self):
        return f"msg_{self.index:026d}"


CONVERSATION_TABLE = "conversations"
CONVERSATION = {
    "id": lambda row: row.conversation_id,
    "account_id": lambda row: row.number["account_id"],
    "number_id": lambda row: row.number["id"],
    "participant": lambda row: row.person,
    "channel": lambda row: "sms",
    "last_message_at": lambda row: row.last_at,
    "last_message_preview": lambda row: BODY,
    "message_count": lambda row: row.count,
    "next_seq": lambda row: row.count + 1,
    "created_at": lambda row: row.at,
}

MESSAGE_TABLE = "messages"
MESSAGE = {
    "id": lambda row: row.message_id,
    "account_id": lambda row: row.number["account_id"],
    "conversation_id": lambda row: row.conversation_id,
    "number_id": lambda row: row.number["id"],
    "direction": lambda row: "inbound" if row.inbound else "outbound",
    "channel": lambda row: "sms",
    "status": lambda row: "received" if row.inbound else "delivered",
    "from_address": lambda row: row.person if row.inbound else row.number["phoneNumber"],
    "to_address": lambda row: row.number["phoneNumber"] if row.inbound else row.person,
    "media_urls": lambda row: "[]",
    "received_at": lambda row: row.at,
    "segments": lambda row: 1,
    "delivered_at": lambda row: None if row.inbound else row.at,
    "delivered_channel": lambda row: None if row.inbound else "sms",
}


def text(row):
    """What a message says: the last word is its own."""
    return f"{BODY} m{row.index}"


def timed_id(prefix, at, index):
    """An id that begins with its time, as those of the server do."""
    value = at << 80 | index
    return prefix + "".join(BASE32[value >> 5 * place & 31] for place in range(25, -1, -1))


def settle(postgres, url):
    """Does what autovacuum and the checkpointer would have done by the time so many messages had come one by one: a load
    leaves all of it to them at once, beside what is measured."""
    for statement in ("VACUUM (ANALYZE)", "CHECKPOINT"):
        postgres.run("-c", statement, url=url)


def await_indexed(api, messages, began):
    """Waits until the last message can be found, which is when the index is made; gives the messages indexed a second."""
    while api.get(f"/v1/messages?query=m{messages - 1}").expect()["total"] == 0:
        time.sleep(0.1)
    return messages / (time.perf_counter() - began)


def load(folder, numbers, conversations, messages, body=text):
    """Writes the rows and gives the conversation ids; the server must not be running. `body` makes a row's text."""
    columns = MESSAGE | {"body": body}
    connection = sqlite3.connect(database_file(folder), isolation_level=None)
    try:
        connection.execute("PRAGMA synchronous=OFF")
        check_columns(connection, CONVERSATION_TABLE, CONVERSATION)
        check_columns(connection, MESSAGE_TABLE, columns)
        owned = with_account(connection, numbers)
        now = int(time.time() * 1e3)
        insert(connection, CONVERSATION_TABLE, CONVERSATION, range(conversations), conversations, messages, owned, now)
        insert(connection, MESSAGE_TABLE, columns, range(messages), conversations, messages, owned, now)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
    return [f"conv_{index:026d}" for index in range(conversations)]


def load_postgres(postgres, url, folder, numbers, conversations, messages, body=text, more=()):
    """The same on PostgreSQL, by COPY from files in `folder`; `more` are further tables: name, columns, every how manieth
    message has a row."""
    owners = dict(line.split("|") for line in postgres.run("-c", "SELECT id, account_id FROM numbers", url=url).split())
    owned = [number | {"account_id": owners[number["id"]]} for number in numbers]
    now = int(time.time() * 1e3)
    tables = [(CONVERSATION_TABLE, CONVERSATION, range(conversations)),
              (MESSAGE_TABLE, MESSAGE | {"body": body}, range(messages))]
    tables += [(table, columns, range(0, messages, step)) for table, columns, step in more]
    for table, columns, indexes in tables:
        path = folder / f"{table}.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            for index in indexes:
                row = Row(index, conversations, messages, owned, now)
                writer.writerow([make(row) for make in columns.values()])
        postgres.run("-c", f"\\copy {table} ({', '.join(columns)}) FROM '{path}' CSV", url=url)
        path.unlink()
        postgres.run("-c", f"ANALYZE {table}", url=url)
    return [f"conv_{index:026d}" for index in range(conversations)]


def with_account(connection, numbers):
    """The numbers with the account that owns them, as the database has it."""
    owners = dict(connection.execute("SELECT id, account_id FROM numbers"))
    return [number | {"account_id": owners[number["id"]]} for number in numbers]


def check_columns(connection, table, columns):
    """Stops with a clear sentence when the table and the list of columns do not fit."""
    info = list(connection.execute(f"PRAGMA table_info({table})"))
    known = {name for _, name, *_ in info}
    needed = {name for _, name, _, required, default, _ in info if required and default is None}
    unknown, missing = sorted(set(columns) - known), sorted(needed - set(columns))
    if unknown or missing:
        raise RuntimeError(f"bench/loader.py does not fit table {table}: unknown {unknown}, missing {missing}")


def insert(connection, table, columns, indexes, conversations, messages, numbers, now):
    """Inserts one row for each index, in transactions of `BATCH` rows."""
    marks = ", ".join("?" * len(columns))
    statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"
    for start in range(0, len(indexes), BATCH):
        rows = (Row(index, conversations, messages, numbers, now) for index in indexes[start:start + BATCH])
        connection.execute("BEGIN")
        connection.executemany(statement, ([make(row) for make in columns.values()] for row in rows))
        connection.execute("COMMIT")
