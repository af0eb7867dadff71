"""The folder of a collector: segments become files, once each, whole, in order."""

import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.collector import store as store_module
from stillwatch.collector.limits import MAX_SEGMENT_BYTES
from stillwatch.collector.store import Store
from stillwatch.records.errors import InputError


@pytest.fixture
def opened(parts, tmp_path):
    """Open the store of one folder; an earlier one is let go of as at a crash."""
    stores = []

    def open_again(rows=100, seconds=60.0):
        if stores:
            stores[-1]._lock.close()
        stores.append(Store(tmp_path / "dir", parts.SCHEMA, parts.Told(), rows=rows, seconds=seconds))
        stores[-1].told = stores[-1]._events.list
        return stores[-1]

    yield open_again
    stores[-1].close()


def files(store):
    return sorted(store.usage.rglob("*.parquet"), key=lambda path: path.name)


def ids(store):
    return [name for path in files(store) for name in pq.read_table(path).column("event_id").to_pylist()]


def test_a_segment_becomes_a_file(parts, opened):
    store = opened()
    assert store.seconds_left() is None
    store.append(parts.batch(0))
    store.append(parts.batch(3))
    assert store.pending == 6
    assert not store.waiting
    store.rotate()
    assert store.waiting
    written = store.seal()
    assert written.rows == 6
    assert files(store) == [written.path]
    assert (
        written.path.parent.name
        == f"day={written.path.name[:4]}-{written.path.name[4:6]}-{written.path.name[6:8]}"
    )
    assert ids(store) == [f"e-{n}" for n in range(6)]
    assert [path.name for path in store.journal.iterdir()] == ["lock"]
    assert (store.pending, store.waiting) == (0, False)
    assert pq.read_schema(written.path).equals(parts.SCHEMA)


def test_a_segment_is_full_by_rows_by_bytes_or_by_age(parts, opened, monkeypatch):
    store = opened(rows=5)
    store.append(parts.batch(0))
    assert 0 < store.seconds_left() <= 60
    store.append(parts.batch(3))
    assert store.seconds_left() == 0
    store.rotate()
    store.append(parts.batch(6, 1))
    store._current.size = MAX_SEGMENT_BYTES
    assert store.seconds_left() == 0
    store.rotate()
    store.append(parts.batch(7, 1))
    now = store_module.time.monotonic()
    monkeypatch.setattr(store_module.time, "monotonic", lambda: now + 61)
    assert store.seconds_left() == 0


def test_what_a_crash_left_is_recovered(parts, opened):
    store = opened()
    store.append(parts.batch(0))
    store.rotate()
    store.append(parts.batch(3))
    after = opened()
    written = []
    assert after.recover(written.append) == 6
    assert ids(after) == [f"e-{n}" for n in range(6)]
    assert [file.rows for file in written] == [3, 3]
    files = [("file", {"path": str(file.path.relative_to(after.folder)), "rows": 3}) for file in written]
    assert after.told == [*files, ("recovered", {"segments": 2, "rows": 6})], "as of any other file"
    assert opened().recover() == 0


def test_a_crash_between_file_and_journal_makes_no_double(parts, opened):
    store = opened()
    store.append(parts.batch(0))
    store.rotate()
    (segment,) = store.journal.glob("*.journal")
    shutil.copy(segment, segment.with_suffix(".copy"))
    store.seal()
    segment.with_suffix(".copy").rename(segment)
    after = opened()
    assert after.recover() == 0
    assert ids(after) == ["e-0", "e-1", "e-2"]
    assert not segment.exists()


def test_half_a_file_of_a_crash_goes(parts, opened):
    store = opened()
    store.append(parts.batch(0))
    (segment,) = store.journal.glob("*.journal")
    day = store.usage / "day=2026-01-01"
    day.mkdir()
    (day / f".{segment.stem}.parquet").write_bytes(b"PAR1")
    after = opened()
    assert after.recover() == 3
    assert [path.name for path in day.iterdir()] == []


def test_a_torn_tail_is_told_and_goes(parts, opened):
    store = opened()
    store.append(parts.batch(0))
    (segment,) = store.journal.glob("*.journal")
    with segment.open("ab") as file:
        file.write(b"half a fr")
    after = opened()
    assert after.recover() == 3
    assert after.told[0] == ("journal_cut", {"segment": segment.name, "bytes": 9, "rows": 3})
    assert not segment.exists()


def test_a_damaged_segment_is_told_and_kept(parts, opened):
    store = opened()
    store.append(parts.batch(0))
    size = store._current.size
    store.append(parts.batch(3))
    store.append(parts.batch(6))
    (segment,) = store.journal.glob("*.journal")
    data = bytearray(segment.read_bytes())
    data[size + 30] ^= 1
    segment.write_bytes(data)
    after = opened()
    assert after.recover() == 3
    assert after.told[0][0] == "journal_damaged"
    assert after.told[0][1]["rows_read"] == 3
    assert (after.journal / "damaged" / segment.name).read_bytes() == data
    assert opened().recover() == 0


def test_an_empty_segment_leaves_no_file(parts, opened):
    store = opened()
    store._open()
    store.rotate()
    assert store.seal() is None
    assert files(store) == []
    assert not store.waiting


def test_names_go_up_when_the_clock_is_set_back(parts, opened, monkeypatch):
    store = opened()
    store.append(parts.batch(0))
    store.rotate()
    store.seal()
    first = files(store)[0].name

    class Earlier(store_module.datetime):
        @classmethod
        def now(cls, zone=None):
            return super().now(zone) - store_module.timedelta(days=3)

    monkeypatch.setattr(store_module, "datetime", Earlier)
    after = opened()
    for n in (3, 6):
        after.append(parts.batch(n))
        after.rotate()
        after.seal()
    names = [path.name for path in files(after)]
    assert names[0] == first
    assert len(set(names)) == 3
    assert ids(after) == [f"e-{n}" for n in range(9)]


def test_a_full_disk_leaves_the_segment_for_the_next_try(parts, opened):
    store = opened()
    store.append(parts.batch(0, 2000))
    store.rotate()
    with parts.disk_of(2000), pytest.raises(OSError, match="too large"):
        store.seal()
    assert store.pending == 2000
    assert [path for path in store.usage.rglob("*") if path.is_file()] == []
    assert store.seal().rows == 2000
    assert store.pending == 0


def test_after_a_full_disk_a_new_segment_begins(parts, opened):
    store = opened()
    store.append(parts.batch(0))
    with parts.disk_of(store._current.size + 100), pytest.raises(OSError, match="too large"):
        store.append(parts.batch(3, 2000))
    store.append(parts.batch(3))
    store.rotate()
    assert store.seal().rows + store.seal().rows == 6
    assert ids(store) == [f"e-{n}" for n in range(6)]


def test_large_segments_are_written_in_groups(parts, opened, monkeypatch):
    monkeypatch.setattr(store_module, "_GROUP_ROWS", 50)
    store = opened()
    for n in range(0, 200, 20):
        store.append(parts.batch(n, 20))
    store.rotate()
    store.seal()
    (file,) = files(store)
    assert pq.ParquetFile(file).num_row_groups == 4
    assert ids(store) == [f"e-{n}" for n in range(200)]


def test_a_second_collector_is_refused(parts, opened, tmp_path):
    opened()
    with pytest.raises(InputError, match="another collector writes there; stop it"):
        Store(tmp_path / "dir", parts.SCHEMA, parts.Told(), rows=1, seconds=1)


def test_a_folder_that_cannot_be_is_one_line(parts, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write there"):
        Store(tmp_path / "file" / "dir", parts.SCHEMA, parts.Told(), rows=1, seconds=1)


def test_a_segment_of_another_schema_keeps_it(parts, opened, tmp_path):
    """As when a collector is started again with other settings."""
    store = opened()
    store.append(parts.batch(0))
    store._lock.close()
    other = pa.schema([parts.SCHEMA.field("event_id")])
    after = Store(tmp_path / "dir", other, parts.Told(), rows=100, seconds=60)
    assert after.recover() == 3
    assert pq.read_schema(files(after)[0]).equals(parts.SCHEMA)
    after.close()
