"""The embedded store: one SQLite file in WAL mode, where readers never wait for the writer."""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from stillwatch.hub.database import Database, Line, Transaction, Value, migrate
from stillwatch.hub.errors import Refused, bad_request, unavailable
from stillwatch.records.errors import InputError

_BUSY_SECONDS = 30.0
"""How long a write waits for another process, such as `stillwatch hub member add` beside a hub that serves."""

_ROWS = 512
"""Rows of one INSERT. Python's module lets go of the interpreter's lock at every step of a statement, and beside a busy
thread it gets it back only after milliseconds: with one step for each row, 500 rows took seconds."""

_POLL_SECONDS = 0.25
_LOCKED = ("SQLITE_BUSY", "SQLITE_LOCKED")


class _Statements(Transaction):
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def query(self, sql: str, values: Sequence[Value] = ()) -> list[Line]:
        found: list[Line] = self._connection.execute(sql, values).fetchall()
        return found

    def stream(self, sql: str, values: Sequence[Value] = ()) -> Iterator[Line]:
        return self._connection.execute(sql, values)

    def execute(self, sql: str, values: Sequence[Value] = ()) -> int:
        return self._connection.execute(sql, values).rowcount

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        head = f"INSERT INTO {table} ({', '.join(columns)}) VALUES "
        row = f"({','.join('?' * len(columns))})"
        start, size = 0, _ROWS
        # Powers of two, so that few statements are prepared, once each.
        while start < len(rows):
            while size > len(rows) - start:
                size //= 2
            chunk = rows[start : start + size]
            values = [value for line in chunk for value in line]
            self._connection.execute(head + ",".join([row] * size), values)
            start += size


class Sqlite(Database):
    """A store in one file."""

    kind = "sqlite"

    def __init__(self, path: Path) -> None:
        """Open the file, or make it. Raises InputError where that can't be done."""
        self._path = path
        self._guard = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._writing = threading.Lock()
        self._closed = False
        try:
            # Before SQLite makes it: its two side files get the same rights. One that is there must not be opened here: to
            # close it drops the locks of all connections that this process has to it (https://sqlite.org/howtocorrupt.html,
            # section 2.2), and the next process that ends takes away the log into which they write.
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            self._writer = self._connect()
            self._writer.execute("PRAGMA journal_mode = WAL")
            # Erased content is to be gone from the file, too.
            self._writer.execute("PRAGMA secure_delete = ON")
            self._writer.execute("PRAGMA cache_size = -131072")
            self._writer.execute("PRAGMA wal_autocheckpoint = 4000")
            with self.write() as tx:
                migrate(tx, str(path))
        except (OSError, sqlite3.Error, Refused) as error:
            raise InputError(
                f"the database can't be opened ({error})",
                where=str(path),
                mend="see that the disk has room and the file may be written",
            ) from error

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -16384")
        return connection

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A deferred transaction in WAL mode: it sees the state of its first SELECT until it ends."""
        with self._guard:
            if self._closed:
                raise unavailable("the hub is being stopped")
            connection = self._idle.pop() if self._idle else None
        try:
            if connection is None:
                connection = self._connect()
            connection.execute("BEGIN")
            try:
                yield _Statements(connection)
            finally:
                connection.execute("ROLLBACK")
        except (sqlite3.Error, UnicodeEncodeError) as error:
            raise _refused(error) from error
        finally:
            if connection is not None:
                with self._guard:
                    keep = not self._closed
                    if keep:
                        self._idle.append(connection)
                if not keep:
                    connection.close()

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A write from the first on: nobody else's can come in between."""
        with self._writing:
            if self._closed:
                raise unavailable("the hub is being stopped")
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                try:
                    yield _Statements(self._writer)
                    self._writer.execute("COMMIT")
                except BaseException:
                    with suppress(sqlite3.Error):
                        self._writer.execute("ROLLBACK")
                    raise
            except (sqlite3.Error, UnicodeEncodeError) as error:
                raise _refused(error) from error

    def announce(self, tx: Transaction, head: int) -> None:
        """Nothing to do: other processes look for themselves, which costs a file little."""

    def listen(self, woken: Callable[[], None], stop: threading.Event) -> None:
        """Look whether another connection changed the file."""
        connection = self._connect()
        try:
            before = None
            while not stop.wait(_POLL_SECONDS):
                with suppress(sqlite3.OperationalError):
                    (now,) = connection.execute("PRAGMA data_version").fetchone()
                    if before != now:
                        woken()
                    before = now
        finally:
            connection.close()

    def close(self) -> None:
        """Close all connections; what still reads keeps its own until it has ended."""
        with self._writing, self._guard:
            if self._closed:
                return
            self._closed = True
            idle, self._idle = self._idle, []
            for connection in (*idle, self._writer):
                connection.close()


def _refused(error: Exception) -> Exception:
    """A fault of ours stays one; what the disk or another process does to us passes."""
    if isinstance(error, UnicodeEncodeError):
        return bad_request("A text has characters that no store can hold.")
    name = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
    if not isinstance(error, sqlite3.OperationalError) or name == "SQLITE_ERROR":
        return error
    reason = "it is locked" if name.startswith(_LOCKED) else str(error)
    return unavailable(f"The store can't do that now ({reason}).")
