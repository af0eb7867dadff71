"""The store of production: PostgreSQL, which several hub processes may share."""

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any

import psycopg
from psycopg import sql as compose
from psycopg.adapt import Dumper
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8BinaryDumper

from stillwatch.hub.database import Database, Line, Transaction, Value, migrate
from stillwatch.hub.errors import bad_request, unavailable
from stillwatch.records.errors import InputError

_CHANNEL = "stillwatch_head"
_READERS = 12
"""Connections of one process for reading. PostgreSQL allows 100 in all unless it is told otherwise."""

_WAIT_SECONDS = 10.0
"""How long a reader waits for one of them."""

_CONNECT_SECONDS = 10
_SILENT_SECONDS = 30
_POLL_SECONDS = 1.0
_IDLE_SECONDS = 60
"""A process that stands still within a write would hold up all others: the server ends its transaction after this."""

_MIGRATING = 0x5357_4855  # "SWHU": the advisory lock under which the schema is brought up to date
_LOOK_UP = ("enable_hashjoin = off", "enable_mergejoin = off")
"""Who writes looks up some hundred keys at a time, each by an index. Of tables that grow faster than their statistics are
made PostgreSQL thinks that to read all of them would be cheaper, and each batch would take longer than the one before.
"""

_COPY_FROM = 32
"""From so many rows on COPY is faster than statements in a pipeline."""


@lru_cache(maxsize=512)
def translated(sql: str) -> str:
    """Return SQL of `database.py` in PostgreSQL's dialect."""
    sql = sql.replace("%", "%%").replace("?", "%s")
    if sql.startswith(("CREATE TABLE", "ALTER TABLE")):
        sql = re.sub(r"\bINTEGER\b", "bigint", sql)
        # Ids are compared byte by byte in both stores; a locale's order would make other indexes.
        sql = re.sub(r"\bTEXT\b", 'text COLLATE "C"', sql)
        return re.sub(r"\bBLOB\b", "bytea", sql)
    return sql


class _Statements(Transaction):
    def __init__(self, connection: "psycopg.Connection[Line]") -> None:
        self._connection = connection

    def query(self, sql: str, values: Sequence[Value] = ()) -> list[Line]:
        # Programs write all SQL themselves; the type of psycopg's argument can't know that.
        return self._connection.execute(translated(sql).encode(), values, binary=True).fetchall()

    def stream(self, sql: str, values: Sequence[Value] = ()) -> Iterator[Line]:
        with self._connection.cursor(name="stream", binary=True) as cursor:
            cursor.itersize = 2000
            cursor.execute(translated(sql).encode(), values)
            yield from cursor

    def execute(self, sql: str, values: Sequence[Value] = ()) -> int:
        return self._connection.execute(translated(sql).encode(), values).rowcount

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        names = ", ".join(columns)
        with self._connection.cursor() as cursor:
            if len(rows) < _COPY_FROM:
                marks = ", ".join(["%s"] * len(columns))
                cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})".encode(), rows)
                return
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN (FORMAT BINARY)".encode()) as copy:
                copy.set_types(_types(rows))
                for row in rows:
                    copy.write_row(row)


def _types(rows: Sequence[Sequence[Any]]) -> list[str]:
    """Types of the columns of rows for COPY: of the first value in each that is none."""
    names = {int: "int8", str: "text", bytes: "bytea"}
    types = []
    for place in range(len(rows[0])):
        value = next((row[place] for row in rows if row[place] is not None), 0)
        types.append(names[type(value)])
    return types


class _Connections:
    """At most so many connections, made when they are needed.

    A pool that makes them on threads of its own (psycopg_pool) waits longer after each failure, so that after an hour
    without a server a hub was without it for minutes more; and while it waits, so does whoever asks. Here whoever asks
    hears at once that the server is away, and the first who asks after it came back has it.
    """

    def __init__(self, url: str, size: int, name: str, settings: Sequence[str] = ()) -> None:
        self._url, self._name, self._settings = url, name, settings
        self._places = threading.Semaphore(size)
        self._guard = threading.Lock()
        self._idle: list[psycopg.Connection[Line]] = []
        self.closed = False

    @contextmanager
    def taken(self, first: str | None) -> Iterator["psycopg.Connection[Line]"]:
        """A connection on which the first statement went through: one that was lost meanwhile is found out there."""
        if not self._places.acquire(timeout=_WAIT_SECONDS):
            raise unavailable("too much waits for the database")
        try:
            connection = self._begun(first)
            try:
                yield connection
            finally:
                self._give_back(connection)
        finally:
            self._places.release()

    def _begun(self, first: str | None) -> "psycopg.Connection[Line]":
        while True:
            with self._guard:
                if self.closed:
                    raise unavailable("the hub is being stopped")
                connection = self._idle.pop() if self._idle else None
            fresh = connection is None
            connection = connection or self._connect()
            try:
                if first is not None:
                    connection.execute(first.encode())
                return connection
            except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError):
                connection.close()
                if fresh:
                    raise

    def _connect(self) -> "psycopg.Connection[Line]":
        connection = psycopg.connect(
            self._url,
            autocommit=True,
            connect_timeout=_CONNECT_SECONDS,
            # A server that fell off the network says nothing: the system would wait for it for hours.
            keepalives_idle=_SILENT_SECONDS,
            tcp_user_timeout=_SILENT_SECONDS * 1000,
            application_name=f"stillwatch hub ({self._name})",
        )
        _configure(connection)
        for setting in self._settings:
            connection.execute(f"SET {setting}".encode())
        return connection

    def _give_back(self, connection: "psycopg.Connection[Line]") -> None:
        if connection.info.transaction_status not in (TransactionStatus.IDLE, TransactionStatus.UNKNOWN):
            with suppress(psycopg.Error):
                connection.execute("ROLLBACK")
        with self._guard:
            if not self.closed and connection.info.transaction_status == TransactionStatus.IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        with self._guard:
            self.closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()


class Postgres(Database):
    """A store on a PostgreSQL server. Lost connections are made anew."""

    kind = "postgresql"

    def __init__(self, url: str) -> None:
        """Connect to the database of a URL. Raises InputError where that can't be done; the password is in no message."""
        self._url = url
        where = shown(url)
        self._writing = threading.Lock()
        self._readers = _Connections(url, _READERS, "read")
        self._writer = _Connections(url, 1, "write", _LOOK_UP)
        try:
            with self._writer.taken("BEGIN") as connection:
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATING,))
                migrate(_Statements(connection), where)
                connection.execute("COMMIT")
        except psycopg.Error as error:
            raise InputError(
                f"the database can't be used ({_plainly(error)})",
                where=where,
                mend="see that the server runs, the database is there, and the user may make tables in it",
            ) from None

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A transaction that sees one state from its first statement on (repeatable read)."""
        begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        with _told(), self._readers.taken(begin) as connection:
            yield _Statements(connection)

    def query(self, sql: str, values: Sequence[Value] = ()) -> list[Line]:
        """One statement sees one state by itself: no transaction, so one round trip and not three."""
        with _told():
            try:
                with self._readers.taken(None) as connection:
                    return _Statements(connection).query(sql, values)
            except (psycopg.OperationalError, psycopg.InterfaceError):
                # It may have been lost since it was used last. `read` finds out, and takes a new one.
                with self.read() as tx:
                    return tx.query(sql, values)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A transaction that holds the row of `heads`; each statement sees all that was committed before it."""
        with self._writing, _told(), self._writer.taken("BEGIN") as connection:
            connection.execute("SELECT one FROM heads FOR UPDATE")
            yield _Statements(connection)
            connection.execute("COMMIT")

    def announce(self, tx: Transaction, head: int) -> None:
        """Tell listeners as the transaction is committed."""
        tx.execute(f"NOTIFY {_CHANNEL}")

    def listen(self, woken: Callable[[], None], stop: threading.Event) -> None:
        """Wait for notices; look at times anyway, since a notice sent while the connection was away is lost."""
        pause = _POLL_SECONDS
        while not stop.is_set():
            try:
                with psycopg.connect(
                    self._url, autocommit=True, connect_timeout=_CONNECT_SECONDS
                ) as connection:
                    connection.execute(compose.SQL("LISTEN {}").format(compose.Identifier(_CHANNEL)))
                    pause = _POLL_SECONDS
                    while not stop.is_set():
                        woken()
                        for _ in connection.notifies(timeout=_POLL_SECONDS, stop_after=1):
                            pass
            except psycopg.Error:
                stop.wait(pause)
                pause = min(2 * pause, 30.0)

    def close(self) -> None:
        """Close all connections."""
        with self._writing:
            self._readers.close()
            self._writer.close()


def _configure(connection: "psycopg.Connection[Any]") -> None:
    dumper: type[Dumper] = Int8BinaryDumper
    # By its value psycopg would take one of three types, and prepare a statement for each of their combinations.
    connection.adapters.register_dumper(int, dumper)
    connection.execute(f"SET idle_in_transaction_session_timeout = '{_IDLE_SECONDS}s'".encode())


def shown(url: str) -> str:
    """Return a URL without its password: for messages."""
    try:
        parts = psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.Error:
        return "--database"
    return f"postgresql://{parts.get('host') or ''}/{parts.get('dbname') or ''}"


def _plainly(error: Exception) -> str:
    first = str(error).strip().split("\n")[0]
    # libpq repeats what it could not make sense of.
    return "no such form of a URL" if isinstance(error, psycopg.ProgrammingError) else first


@contextmanager
def _told() -> Iterator[None]:
    """A fault of ours stays one; what the server or the network does to us passes, and is told as such."""
    try:
        yield
    except (psycopg.DataError, UnicodeEncodeError) as error:
        # NUL, which this store's texts can't have, or half a surrogate pair: from outside, since ours have none.
        raise bad_request("A text has characters that no store can hold.") from error
    except (
        psycopg.OperationalError,
        psycopg.InterfaceError,
        psycopg.errors.IdleInTransactionSessionTimeout,
    ) as error:
        raise unavailable(f"The database can't do that now ({type(error).__name__}).") from error
