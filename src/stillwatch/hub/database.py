"""What the hub asks of a store: SQL in transactions, one writer at a time, many readers beside it.

SQL is written once, in SQLite's dialect with `?` for values. What both stores take is used and nothing else: INTEGER
(64 bits), TEXT, BLOB, NOT NULL times in microseconds, upserts, partial indexes, row values. A store translates in one
place what its own dialect calls differently. The two stores are `sqlite.py` and `postgres.py`; no other module knows them.

A write holds the one row of `heads` from its beginning to its end, in this process and in any other. So numbers are given
without gaps, and whoever sees a number sees all smaller ones.
"""

import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from importlib import resources
from typing import Any

from stillwatch.records.errors import InputError

Value = int | str | bytes | None
Line = tuple[Any, ...]

_CHUNK = 512
"""Keys in one statement."""


class Transaction(ABC):
    """Statements that see one state of the store, and in a write become visible together."""

    @abstractmethod
    def query(self, sql: str, values: Sequence[Value] = ()) -> list[Line]:
        """Return all rows of a SELECT (or of RETURNING)."""

    @abstractmethod
    def stream(self, sql: str, values: Sequence[Value] = ()) -> Iterator[Line]:
        """Yield the rows of a SELECT, however many there are, without holding them all. Only in `Database.read`."""

    @abstractmethod
    def execute(self, sql: str, values: Sequence[Value] = ()) -> int:
        """Run a statement; how many rows it touched."""

    @abstractmethod
    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Add rows, as fast as the store can."""

    def one(self, sql: str, values: Sequence[Value] = ()) -> Line | None:
        """Return the first row of a SELECT, if there is one."""
        found = self.query(sql, values)
        return found[0] if found else None

    def among(self, sql: str, keys: Iterable[Sequence[Value]], values: Sequence[Value] = ()) -> list[Line]:
        """Return the rows of a SELECT for any number of keys, each of which has the same number of parts.

        The statement holds `(?)*` where they stand as rows, after `values`. A row may come more than once.
        """
        found: list[Line] = []
        listed = list(keys)
        for start in range(0, len(listed), _CHUNK):
            chunk = listed[start : start + _CHUNK]
            # Filled up with its last key to a power of two: so a store sees ten different statements, not five hundred.
            size = 1 << (len(chunk) - 1).bit_length()
            filled = chunk + [chunk[-1]] * (size - len(chunk))
            marks = ",".join([f"({','.join('?' * len(chunk[0]))})"] * size)
            found += self.query(
                sql.replace("(?)*", marks), (*values, *(part for key in filled for part in key))
            )
        return found

    def update_each(self, sql: str, keys: Sequence[Value], values: Sequence[Value] = ()) -> None:
        """Run a statement for any number of keys, which it holds as `?*` after `values`."""
        for start in range(0, len(keys), _CHUNK):
            chunk = keys[start : start + _CHUNK]
            size = 1 << (len(chunk) - 1).bit_length()
            filled = (*values, *chunk, *([chunk[-1]] * (size - len(chunk))))
            self.execute(sql.replace("?*", ",".join("?" * size)), filled)


class Database(ABC):
    """One store. Safe to use from many threads. What it can't do now is `Refused` (503), by `errors.unavailable`."""

    kind: str
    """"sqlite" or "postgresql"."""

    @abstractmethod
    def read(self) -> AbstractContextManager[Transaction]:
        """Give a transaction that sees one state throughout and writes nothing."""

    @abstractmethod
    def write(self) -> AbstractContextManager[Transaction]:
        """Give the one transaction that writes. On leaving it is on disk; after an exception nothing of it is."""

    @abstractmethod
    def announce(self, tx: Transaction, head: int) -> None:
        """Within a write: tell other processes of the new head once it is there."""

    @abstractmethod
    def listen(self, woken: Callable[[], None], stop: threading.Event) -> None:
        """Call `woken` whenever some process announced something, until `stop`. Blocks; may miss some."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the store."""

    def query(self, sql: str, values: Sequence[Value] = ()) -> list[Line]:
        """Return all rows of one SELECT."""
        with self.read() as tx:
            return tx.query(sql, values)

    def one(self, sql: str, values: Sequence[Value] = ()) -> Line | None:
        """Return the first row of one SELECT, if there is one."""
        found = self.query(sql, values)
        return found[0] if found else None


def migrations() -> list[tuple[int, list[str]]]:
    """Return the numbered migrations, each as its statements."""
    files = sorted(
        (
            entry
            for entry in resources.files("stillwatch.hub.migrations").iterdir()
            if entry.name.endswith(".sql")
        ),
        key=lambda entry: entry.name,
    )
    return [(int(file.name[:4]), statements(file.read_text("utf-8"))) for file in files]


def statements(text: str) -> list[str]:
    """Split a migration into statements: each ends with a semicolon at the end of a line."""
    bare = re.sub(r"^\s*--.*\n", "", text, flags=re.MULTILINE)
    return [part.strip() for part in re.split(r";\s*$", bare, flags=re.MULTILINE) if part.strip()]


def migrate(tx: Transaction, where: str) -> None:
    """Bring a store's schema up to date, within one write that nobody else can be in.

    Raises InputError where the store is newer than this version of the program.
    """
    tx.execute("CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY)")
    known = migrations()
    row = tx.one("SELECT COALESCE(MAX(number), 0) FROM migrations")
    there = row[0] if row else 0
    if there > known[-1][0]:
        raise InputError(
            f"the database is of a newer version (schema {there}; this version knows {known[-1][0]})",
            where=where,
            mend="use the version of stillwatch that wrote it, or a newer one",
        )
    for number, steps in known:
        if number > there:
            for step in steps:
                tx.execute(step)
            tx.execute("INSERT INTO migrations (number) VALUES (?)", (number,))
