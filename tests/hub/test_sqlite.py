import os
import sqlite3
import subprocess
import sys
import threading
import time

import pytest

from stillwatch.hub.errors import Refused
from stillwatch.hub.sqlite import Sqlite
from stillwatch.records.errors import InputError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "hub.sqlite"


@pytest.fixture
def database(path):
    made = Sqlite(path)
    yield made
    made.close()


def test_only_the_owner_may_read_it(database, path):
    with database.write() as tx:
        tx.execute("CREATE TABLE x (a TEXT)")
    assert {file.name for file in path.parent.iterdir()} == {"hub.sqlite", "hub.sqlite-wal", "hub.sqlite-shm"}
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in path.parent.iterdir())


OTHER = """
import sys
from pathlib import Path
from stillwatch.hub.sqlite import Sqlite
database = Sqlite(Path(sys.argv[1]))
with database.read() as tx:
    print(tx.one("SELECT COUNT(*) FROM x")[0])
database.close()
"""


def test_opening_it_twice_in_a_process_takes_nothing_from_another(database, path):
    """Locks of POSIX are a process's, not a connection's: whoever ends last removes the log that others write into."""

    def seen_elsewhere():
        done = subprocess.run(
            [sys.executable, "-c", OTHER, str(path)], capture_output=True, text=True, check=True
        )
        return int(done.stdout)

    with database.write() as tx:
        tx.execute("CREATE TABLE x (a TEXT)")
    Sqlite(path).close()
    assert seen_elsewhere() == 0
    with database.write() as tx:
        tx.execute("INSERT INTO x VALUES ('1')")
    assert seen_elsewhere() == 1


def test_how_it_is_opened(database):
    for pragma, value in (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)):
        assert database._writer.execute(f"PRAGMA {pragma}").fetchone() == (value,)
        with database.read() as tx:
            assert tx.one(f"PRAGMA {pragma}") == (value,)


def test_what_is_erased_is_gone_from_the_file(database, path):
    secret = b"a secret that was shared" * 10
    with database.write() as tx:
        tx.insert("contents", ("seq", "salt", "body"), [(n, b"s", secret) for n in range(1000)])
    with database.write() as tx:
        tx.execute("DELETE FROM contents")
    database.close()
    assert secret not in path.read_bytes()


def test_what_is_no_database_is_refused(path):
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(InputError, match="can't be opened"):
        Sqlite(path)
    with pytest.raises(InputError, match="can't be opened"):
        Sqlite(path.parent / "nowhere" / "x")


def test_a_store_that_is_locked_for_long_refuses(database, path, monkeypatch):
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    database._writer.execute("PRAGMA busy_timeout = 10")
    with pytest.raises(Refused) as refused, database.write():
        pass
    assert refused.value.status == 503
    other.execute("ROLLBACK")
    with database.write():
        pass


def test_rows_go_in_whatever_their_number(database):
    for count in (1, 2, 511, 512, 513, 1023):
        with database.write() as tx:
            tx.execute("DELETE FROM contents")
            tx.insert("contents", ("seq", "salt", "body"), [(n, b"s", b"b") for n in range(count)])
        assert database.one("SELECT COUNT(*) FROM contents") == (count,)


def test_a_busy_thread_does_not_hold_up_a_write(database):
    """With one step of a statement for each row it would: the interpreter's lock is let go at each."""
    stop = threading.Event()

    def spin():
        while not stop.is_set():
            pass

    rival = threading.Thread(target=spin)
    rival.start()
    begin = time.monotonic()
    try:
        with database.write() as tx:
            tx.insert("contents", ("seq", "salt", "body"), [(n, b"s", b"b") for n in range(4096)])
    finally:
        stop.set()
        rival.join()
    # Switching takes 5 ms: 8 statements, against 20 s for one step a row.
    assert time.monotonic() - begin < 5


def test_it_needs_no_package_for_servers(tmp_path):
    code = (
        "import sys; from pathlib import Path; from stillwatch.hub.exchange import Exchange;"
        f"Exchange.create(Path({str(tmp_path / 'hub')!r}), 'http://h').close(); assert 'psycopg' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ})
