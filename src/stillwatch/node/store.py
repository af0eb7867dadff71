"""A node's database: what it received, what it has to send, and how far it has read. SQLite in WAL mode.

Commands that only read work beside a process that writes.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from stillwatch.records.errors import InputError

NAME = "node.sqlite"
_BUSY_MS = 30_000
_MIGRATIONS = "stillwatch.node.migrations"


def now_us() -> int:
    """Microseconds since 1970 by this machine's clock."""
    return time.time_ns() // 1000


class Store:
    """One node's database; safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it. Raises InputError where that can't be done."""
        self._guard = threading.RLock()
        self._depth = 0
        self._path = path
        try:
            path.touch(mode=0o600, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.row_factory = sqlite3.Row
            self._db.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
            self._db.execute("PRAGMA journal_mode = WAL")
            # What the hub erased is to be gone from this file, too.
            self._db.execute("PRAGMA secure_delete = ON")
            self._migrate(path)
        except (OSError, sqlite3.Error) as error:
            raise InputError(
                f"the node's database can't be opened ({error})",
                where=str(path),
                mend="see that the disk has room and the file may be written, or restore it",
            ) from error

    def copy(self, path: Path) -> None:
        """Write a copy of all of it as it is now."""
        path.touch(mode=0o600)
        target = sqlite3.connect(path)
        try:
            with self._using():
                self._db.backup(target)
        finally:
            target.close()

    def close(self) -> None:
        """Let go of the file."""
        with self._guard:
            self._db.close()

    def _migrate(self, path: Path) -> None:
        files = sorted(f.name for f in resources.files(_MIGRATIONS).iterdir() if f.name.endswith(".sql"))
        with self.writing():
            # Read within the write: another process may have done it meanwhile.
            (made,) = self._db.execute("PRAGMA user_version").fetchone()
            if made > len(files):
                raise InputError(
                    "a newer version made this database", where=str(path), mend="use that version"
                )
            for name in files[made:]:
                for statement in (resources.files(_MIGRATIONS) / name).read_text("utf-8").split(";\n"):
                    self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version = {len(files)}")

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """The connection, for this thread. Raises InputError where the file or the disk does not serve any more."""
        with self._guard:
            try:
                yield self._db
            except sqlite3.IntegrityError:
                raise
            except sqlite3.DatabaseError as error:
                raise InputError(
                    f"the node's database can't be used ({error})",
                    where=str(self._path),
                    mend="see that the disk has room, or restore the file",
                ) from error

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[None]:
        """One transaction; within another one, part of it. With `durable` it survives a loss of power once it has ended.

        What was received may be lost with the cursor that says so, since the hub gives it again.
        """
        with self._using():
            if self._depth:
                yield
                return
            self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._db.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            finally:
                self._depth -= 1

    def all(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """All rows of a query."""
        with self._using():
            return self._db.execute(sql, values).fetchall()

    def one(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Row | None:
        """The first row of a query."""
        with self._using():
            row: sqlite3.Row | None = self._db.execute(sql, values).fetchone()
            return row

    def number(self, sql: str, values: Sequence[Any] = ()) -> int:
        """The first value of a query's first row; 0 where that is null."""
        row = self.one(sql, values)
        return int(row[0] or 0) if row is not None else 0

    def pages(self, sql: str, values: Sequence[Any] = (), rows: int = 2000) -> Iterator[sqlite3.Row]:
        """Rows of a query `... WHERE key > ? ... ORDER BY key LIMIT ?`, whose first column is the key, in bounded memory."""
        after = -1
        while True:
            page = self.all(sql, (*values, after, rows))
            yield from page
            if len(page) < rows:
                return
            after = page[-1][0]

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run a statement; how many rows it changed."""
        with self._using():
            return self._db.execute(sql, values).rowcount

    def run_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run a statement for each of some rows."""
        with self._using():
            self._db.executemany(sql, rows)

    def get(self, name: str, default: Any = None) -> Any:
        """A small thing by its name."""
        row = self.one("SELECT value FROM meta WHERE name = ?", (name,))
        return default if row is None else json.loads(row[0])

    def put(self, name: str, value: Any) -> None:
        """Keep a small thing; None forgets it."""
        if value is None:
            self.run("DELETE FROM meta WHERE name = ?", (name,))
        else:
            self.run(
                "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (name, json.dumps(value)),
            )
