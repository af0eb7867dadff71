"""A node's database."""

import sqlite3
import threading

import pytest

from stillwatch.node.store import Store
from stillwatch.records.errors import InputError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "node.sqlite"


@pytest.fixture
def store(path):
    made = Store(path)
    yield made
    made.close()


def test_what_is_written_is_there_again(path, store):
    with store.writing():
        store.put("cursor", 7)
        store.put("epochs", {"1": "key"})
    again = Store(path)
    assert (again.get("cursor"), again.get("epochs")) == (7, {"1": "key"})
    again.put("cursor", 8)
    again.put("epochs", None)
    again.close()
    assert (store.get("cursor"), store.get("epochs"), store.get("epochs", {})) == (8, None, {})


def test_nobody_else_may_read_it(path, store):
    store.put("cursor", 1)
    for file in path.parent.glob("node.sqlite*"):
        assert file.stat().st_mode & 0o077 == 0, file


def test_a_write_is_whole_or_not_at_all(store):
    with pytest.raises(RuntimeError), store.writing():
        store.put("one", 1)
        # Part of the same.
        with store.writing():
            store.put("two", 2)
        raise RuntimeError
    assert (store.get("one"), store.get("two")) == (None, None)
    with store.writing():
        store.put("one", 1)
    assert store.get("one") == 1


def test_threads_write_one_after_the_other(path, store):
    other = Store(path)
    store.put("count", 0)

    def add(to):
        for _ in range(50):
            with to.writing(durable=False):
                to.put("count", to.get("count") + 1)

    threads = [threading.Thread(target=add, args=(to,)) for to in (store, store, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert store.get("count") == 150


def test_what_must_survive_a_loss_of_power_is_written_through(store):
    levels = []
    for durable in (True, False, True):
        with store.writing(durable=durable):
            levels.append(store.number("PRAGMA synchronous"))
    # FULL and NORMAL.
    assert levels == [2, 1, 2]


def test_pages_give_every_row_once(store):
    store.run_many("INSERT INTO stale VALUES (?)", [(f"{n:03}",) for n in range(25)])
    store.run("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")
    store.run_many("INSERT INTO numbers VALUES (?)", [(n,) for n in range(0, 50, 2)])
    sql = "SELECT n FROM numbers WHERE n > ? ORDER BY n LIMIT ?"
    for rows in (1, 5, 24, 25, 26):
        assert [row[0] for row in store.pages(sql, rows=rows)] == list(range(0, 50, 2))
    assert store.number("SELECT MAX(n) FROM numbers WHERE n < 0") == 0
    assert store.one("SELECT n FROM numbers WHERE n < 0") is None


def test_a_newer_version_s_file_is_refused(path, store):
    version = store.number("PRAGMA user_version")
    assert version >= 1
    store.run(f"PRAGMA user_version = {version + 1}")
    with pytest.raises(InputError, match="newer version") as caught:
        Store(path)
    assert "use that version" in str(caught.value)


def test_a_file_that_is_no_database_is_told(tmp_path):
    (tmp_path / "node.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(InputError, match="can't be opened"):
        Store(tmp_path / "node.sqlite")
    with pytest.raises(InputError, match="can't be opened"):
        Store(tmp_path / "none" / "node.sqlite")


def test_a_file_is_made_by_one_of_two_that_open_it(path):
    made, failed = [], []

    def open_it():
        try:
            made.append(Store(path))
        except InputError as error:
            failed.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(made) == 4
    for each in made:
        each.close()


def test_what_is_deleted_is_overwritten(path, store):
    secret = "a-value-that-stands-nowhere-else"
    store.put("secret", secret)
    store.all("PRAGMA wal_checkpoint(TRUNCATE)")
    assert secret.encode() in path.read_bytes()
    store.put("secret", None)
    store.all("PRAGMA wal_checkpoint(TRUNCATE)")
    assert secret.encode() not in path.read_bytes()


def test_others_read_while_one_writes(path, store):
    store.put("cursor", 1)
    with store.writing():
        store.put("cursor", 2)
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as reader:
            assert reader.execute("SELECT value FROM meta WHERE name = 'cursor'").fetchone() == ("1",)


def test_a_file_that_is_damaged_later_is_told(path, store):
    with store.writing():
        store.run_many(
            "INSERT INTO meta VALUES (?, ?)", [(f"name {n}", '"' + "x" * 4000 + '"') for n in range(200)]
        )
    store.run("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"damaged" * 20_000)
    again = Store(path)
    with pytest.raises(InputError, match="can't be used") as caught:
        again.all("SELECT * FROM meta")
    assert str(path) in str(caught.value)
    again.close()


def test_a_copy_is_all_of_it(path, store, tmp_path):
    with store.writing():
        store.put("name", [1])
    store.copy(tmp_path / "copy.sqlite")
    assert (tmp_path / "copy.sqlite").stat().st_mode & 0o077 == 0
    copied = Store(tmp_path / "copy.sqlite")
    assert copied.get("name") == [1]
    copied.close()
