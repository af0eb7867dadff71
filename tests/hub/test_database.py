"""What both stores promise, on each of them."""

import threading
import time

import pytest

from stillwatch.hub import database as databases
from stillwatch.hub.database import migrations, statements
from stillwatch.hub.deciding import OBJECT_COLUMNS
from stillwatch.hub.errors import Refused
from stillwatch.hub.opening import connect
from stillwatch.records.errors import InputError


@pytest.fixture
def database(store):
    store.folder.mkdir()
    made = connect(store.folder, store.database)
    yield made
    made.close()


COLUMNS = ("name", "member", "salt", "digest", "expires")


def fill(tx, count):
    tx.execute(
        "INSERT INTO members (number, member_id, name, added, requests_per_minute, objects_per_day, bytes_per_day)"
        " VALUES (1, 'a', 'a', 1, 1, 1, 1)"
    )
    tx.insert("tokens", COLUMNS, [(f"t{n:05d}", 1, b"\0s", b"d" * n, n) for n in range(count)])


def test_values_come_back_as_they_were(database):
    with database.write() as tx:
        fill(tx, 1500)
    lines = database.query("SELECT name, member, salt, digest, expires FROM tokens ORDER BY name")
    assert lines == [(f"t{n:05d}", 1, b"\0s", b"d" * n, n) for n in range(1500)]
    assert database.one("SELECT ? , ?, ?", (2**62, "ä%?", None))[1:] == ("ä%?", None)
    assert database.one("SELECT name FROM tokens WHERE name = 'x'") is None


def test_many_keys(database):
    with database.write() as tx:
        fill(tx, 1500)
        keys = [(f"t{n:05d}", n) for n in range(0, 1400, 2)]
        sql = (
            "WITH wanted (name, n) AS (VALUES (?)*) SELECT t.name FROM wanted JOIN tokens t ON t.name = wanted.name"
            " AND t.expires = wanted.n"
        )
        assert {name for (name,) in tx.among(sql, keys)} == {name for name, _ in keys}
        assert tx.among(sql, []) == []
        tx.update_each("DELETE FROM tokens WHERE name IN (?*)", [name for name, _ in keys])
        tx.update_each("DELETE FROM tokens WHERE name IN (?*)", [])
        assert tx.one("SELECT COUNT(*) FROM tokens") == (800,)
        assert tx.execute("UPDATE tokens SET expires = ? WHERE expires < ?", (7, 10)) == 5


def test_a_write_is_whole_or_not_at_all(database):
    with pytest.raises(ZeroDivisionError), database.write() as tx:
        fill(tx, 100)
        raise ZeroDivisionError
    assert database.query("SELECT * FROM members") == []
    with database.write() as tx:
        fill(tx, 1)
    assert len(database.query("SELECT * FROM members")) == 1


def test_a_reader_sees_one_state(database):
    with database.write() as tx:
        fill(tx, 10)
    with database.read() as tx:
        assert tx.one("SELECT COUNT(*) FROM tokens") == (10,)
        with database.write() as other:
            other.execute("DELETE FROM tokens")
        assert tx.one("SELECT COUNT(*) FROM tokens") == (10,)
        assert len(list(tx.stream("SELECT * FROM tokens"))) == 10
    assert database.one("SELECT COUNT(*) FROM tokens") == (0,)


def test_readers_do_not_wait_for_the_writer(database):
    with database.write() as tx:
        fill(tx, 1)
        assert database.query("SELECT * FROM tokens") == []


def test_one_writes_at_a_time(store, database):
    """In this process and in others."""
    other = connect(store.folder, store.database)
    with database.write() as tx:
        tx.execute(
            "INSERT INTO heads (one, hub_id, seq, date_added, log_size, checkpoint) VALUES (1, 'h', 0, 0, 0, '')"
        )

    def count(which):
        for _ in range(20):
            with which.write() as tx:
                (seq,) = tx.one("SELECT seq FROM heads")
                time.sleep(0.001)
                tx.execute("UPDATE heads SET seq = ?", (seq + 1,))

    threads = [threading.Thread(target=count, args=(which,)) for which in (database, database, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert database.one("SELECT seq FROM heads") == (60,)


def test_streams_hold_little(database):
    with database.write() as tx:
        fill(tx, 5000)
    with database.read() as tx:
        stream = tx.stream("SELECT name FROM tokens ORDER BY name")
        assert next(stream) == ("t00000",)
        assert tx.one("SELECT COUNT(*) FROM tokens") == (5000,)
        assert next(stream) == ("t00001",)


def test_a_closed_store_refuses(database):
    database.close()
    database.close()
    for call in (lambda: database.query("SELECT 1"), lambda: database.write().__enter__()):
        with pytest.raises(Refused) as refused:
            call()
        assert refused.value.status == 503


def test_migrations_are_applied_once_and_recorded(store, database):
    known = [number for number, _ in migrations()]
    assert known == list(range(1, len(known) + 1))
    assert [line[0] for line in database.query("SELECT number FROM migrations ORDER BY number")] == known
    connect(store.folder, store.database).close()
    assert len(database.query("SELECT number FROM migrations")) == len(known)


def test_later_migrations_are_added(store, database, monkeypatch):
    more = [*migrations(), (len(migrations()) + 1, ["ALTER TABLE members ADD COLUMN note TEXT"])]
    monkeypatch.setattr(databases, "migrations", lambda: more)
    connect(store.folder, store.database).close()
    assert database.query("SELECT note FROM members") == []


def test_a_store_of_the_first_version_learns_whose_identities_are(store, monkeypatch, parts):
    store.folder.mkdir()
    first, *_ = migrations()
    monkeypatch.setattr(databases, "migrations", lambda: [first])
    old = connect(store.folder, store.database)
    stored, certified = parts.identity()["id"], parts.identity()["id"]
    with old.write() as tx:
        tx.insert(
            "members",
            (
                "number",
                "member_id",
                "name",
                "added",
                "requests_per_minute",
                "objects_per_day",
                "bytes_per_day",
            ),
            [(number, str(number), str(number), 0, 1, 1, 1) for number in (1, 2)],
        )
        tx.insert(
            "epochs",
            ("number", "template_key", "began", "rules", "log_index"),
            [(1, b"", 0, "", 0), (2, b"", 0, "", 0)],
        )
        tx.insert(
            "pseudonyms",
            ("id", "member", "epoch", "public_key", "not_after", "certificate", "log_index"),
            [(certified, 2, 1, b"", 0, b"", 0)],
        )
        columns = [name for name in OBJECT_COLUMNS if name not in ("valid_until", "batch", "batch_index")]
        owners = [(stored, 1), (stored, 1), (certified, 2), ("identity--common", None)]
        for seq, (of, member) in enumerate(owners, 1):
            values = dict.fromkeys(columns, 1) | {
                "seq": seq,
                "date_added": seq,
                "stix_id": of,
                "member": member,
            }
            values |= {"type": "identity", "spec_version": "2.1"}
            tx.insert("objects", columns, [[values[name] for name in columns]])
    old.close()
    monkeypatch.undo()
    new = connect(store.folder, store.database)
    assert dict(new.query("SELECT id, member FROM authors")) == {stored: 1, certified: 2}
    new.close()


def test_a_migration_that_fails_leaves_nothing(store, database, monkeypatch):
    steps = ["ALTER TABLE members ADD COLUMN note TEXT", "ALTER TABLE nothing ADD COLUMN note TEXT"]
    known = migrations()
    monkeypatch.setattr(databases, "migrations", lambda: [*known, (len(known) + 1, steps)])
    with pytest.raises(InputError):
        connect(store.folder, store.database)
    monkeypatch.undo()
    connect(store.folder, store.database).close()


def test_a_newer_store_is_refused_in_one_line(store, database):
    with database.write() as tx:
        tx.execute("INSERT INTO migrations (number) VALUES (99)")
    with pytest.raises(InputError, match=r"newer version \(schema 99") as error:
        connect(store.folder, store.database)
    assert "\n" not in str(error.value)
    assert "a-password" not in str(error.value)


def test_statements_are_split_at_semicolons_at_the_end_of_lines():
    text = "-- what; for;\nCREATE TABLE a (\n  b TEXT CHECK (b <> ';x')\n);\n\nCREATE INDEX c ON a (b);\n"
    assert statements(text) == ["CREATE TABLE a (\n  b TEXT CHECK (b <> ';x')\n)", "CREATE INDEX c ON a (b)"]
