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
from psycopg_pool import ConnectionPool, PoolTimeout

from stillwatch.hub.database import Database, Line, Transaction, Value, migrate
from stillwatch.hub.errors import bad_request, unavailable
from stillwatch.records.errors import InputError

_CHANNEL = "stillwatch_head"
_READERS = 12
"""Connections of one process for reading. PostgreSQL allows 100 in all unless it is told otherwise."""

_WAIT_SECONDS = 10.0
_POLL_SECONDS = 1.0
_IDLE_SECONDS = 60
"""A process that stands still within a write would hold up all others: the server ends its transaction after this."""

_MIGRATING = 0x5357_4855  # "SWHU": the advisory lock under which the schema is brought up to date
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


class Postgres(Database):
    """A store on a PostgreSQL server. Lost connections are made anew."""

    kind = "postgresql"

    def __init__(self, url: str) -> None:
        """Connect to the database of a URL. Raises InputError where that can't be done; the password is in no message."""
        self._url = url
        self._where = shown(url)
        self._writing = threading.Lock()
        self._closed = False
        try:
            psycopg.conninfo.conninfo_to_dict(url)
            with psycopg.connect(url, connect_timeout=10) as connection:
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATING,))
                migrate(_Statements(connection), self._where)
        except psycopg.Error as error:
            raise InputError(
                f"the database can't be used ({_plainly(error)})",
                where=self._where,
                mend="see that the server runs, the database is there, and the user may make tables in it",
            ) from None
        self._readers = self._pool("read", _READERS)
        self._writer = self._pool("write", 1)

    def _pool(self, name: str, size: int) -> "ConnectionPool[psycopg.Connection[Line]]":
        return ConnectionPool(
            self._url,
            min_size=1,
            max_size=size,
            name=f"stillwatch-{name}",
            timeout=_WAIT_SECONDS,
            open=True,
            configure=_configure,
            kwargs={
                "autocommit": True,
                "connect_timeout": 10,
                "application_name": f"stillwatch hub ({name})",
            },
        )

    @contextmanager
    def _begun(
        self, pool: "ConnectionPool[psycopg.Connection[Line]]", first: str
    ) -> Iterator["psycopg.Connection[Line]"]:
        """A connection on which the first statements of a transaction went through: a lost one is found out there."""
        if self._closed:
            raise unavailable("the hub is being stopped")
        try:
            connection = pool.getconn()
            try:
                connection.execute(first.encode())
            except psycopg.OperationalError:
                # The server was started anew, or a proxy let go: all idle connections may be dead.
                pool.putconn(connection)
                pool.check()
                connection = pool.getconn()
                connection.execute(first.encode())
        except (psycopg.Error, PoolTimeout) as error:
            raise _refused(error) from error
        try:
            yield connection
        except (psycopg.Error, UnicodeEncodeError) as error:
            raise _refused(error) from error
        finally:
            if connection.info.transaction_status != TransactionStatus.IDLE:
                with suppress(psycopg.Error):
                    connection.execute("ROLLBACK")
            pool.putconn(connection)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A transaction that sees one state from its first statement on (repeatable read)."""
        begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        with self._begun(self._readers, begin) as connection:
            yield _Statements(connection)

    def query(self, sql: str, values: Sequence[Value] = ()) -> list[Line]:
        """One statement sees one state by itself: no transaction, so one round trip and not three."""
        for again in (True, False):
            try:
                with self._readers.connection() as connection:
                    return _Statements(connection).query(sql, values)
            except (psycopg.OperationalError, PoolTimeout) as error:
                if self._closed or not again:
                    raise _refused(error) from error
                self._readers.check()
            except (psycopg.Error, UnicodeEncodeError) as error:
                raise _refused(error) from error
        raise AssertionError

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A transaction that holds the row of `heads`; each statement sees all that was committed before it."""
        with self._writing, self._begun(self._writer, "BEGIN") as connection:
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
                with psycopg.connect(self._url, autocommit=True, connect_timeout=10) as connection:
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
            self._closed = True
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


def _refused(error: Exception) -> Exception:
    """A fault of ours stays one; what the server or the network does to us passes."""
    if isinstance(error, psycopg.DataError | UnicodeEncodeError):
        # NUL, which this store's texts can't have, or half a surrogate pair: from outside, since ours have none.
        return bad_request("A text has characters that no store can hold.")
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | PoolTimeout):
        return unavailable(f"the database can't do that now: {type(error).__name__}")
    return error
