"""Stage 0: windows, parts, and texts that can be fetched again by row."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.detection.intake import KEPT, take_in
from stillwatch.records.rejects import RejectLog
from stillwatch.records.sketched.job import write_sketched
from stillwatch.records.sketches import SKETCH_SCHEMA, Key
from stillwatch.records.tables import open_usage

HOUR = 3_600_000_000


@pytest.fixture
def log(tmp_path):
    n = 500
    table = pa.table(
        {
            "event_id": [f"e{i}" for i in range(n)],
            "time": pa.array([HOUR * (400_000 + i) for i in range(n)], pa.timestamp("us", tz="UTC")),
            "account_id": [f"a{i % 7}" for i in range(n)],
            "model": ["m"] * n,
            "input_text": [
                None if i % 5 == 0 else f"question number {i} about rivers and boats" for i in range(n)
            ],
            "system_text": [f"rules of desk {i % 3}" if i % 2 else None for i in range(n)],
        }
    )
    pq.write_table(table, tmp_path / "log.parquet")
    return tmp_path / "log.parquet"


def take(log, tmp_path, since=None, until=None):
    reader = open_usage(str(log), rejects=RejectLog(), batch_rows=64)
    seen = []
    taken = take_in(
        reader,
        tmp_path / "work",
        key=Key(bytes(16)),
        threads=1,
        since=since,
        until=until,
        progress=seen.append,
    )
    return taken, seen


def test_every_row_comes_through_with_its_sketch(log, tmp_path):
    taken, seen = take(log, tmp_path)
    table = pa.concat_tables(pq.read_table(file) for file in taken.exchange_files)
    assert taken.rows == table.num_rows == seen[-1] == 500
    assert table.column_names == ["row", "luck", "hour", *KEPT, *SKETCH_SCHEMA.names]
    assert table["row"].to_pylist() == list(range(500))
    assert table["item_hash"].null_count == 100
    assert len(taken.exchange_files) > 1


def test_no_text_stays_in_the_exchange_rows(log, tmp_path):
    taken, _ = take(log, tmp_path)
    for file in taken.exchange_files:
        assert b"rivers" not in file.read_bytes()
        assert "input_text" not in pq.read_schema(file).names


def test_a_window_takes_its_start_and_leaves_its_end(log, tmp_path):
    taken, _ = take(log, tmp_path, since=HOUR * 400_100, until=HOUR * 400_110)
    assert taken.rows == 10
    assert taken.outside_window == 490
    assert (taken.first_us, taken.last_us) == (HOUR * 400_100, HOUR * 400_109)


def test_sketches_that_come_with_the_rows_are_taken_as_they_are(log, tmp_path):
    key = Key(bytes(16))
    drawn, _ = take(log, tmp_path)
    (tmp_path / "sketched").mkdir()
    write_sketched(open_usage(str(log), rejects=RejectLog()), tmp_path / "sketched", key, threads=1)
    reader = open_usage(str(tmp_path / "sketched"), rejects=RejectLog(), batch_rows=64, key=key)
    taken = take_in(
        reader,
        tmp_path / "again",
        key=key,
        threads=1,
        since=HOUR * 400_100,
        until=HOUR * 400_300,
        progress=lambda rows: None,
    )
    wanted = pa.concat_tables(pq.read_table(file) for file in drawn.exchange_files).slice(100, 200)
    found = pa.concat_tables(pq.read_table(file) for file in taken.exchange_files)
    assert found.drop_columns(["row"]).equals(wanted.drop_columns(["row"]))
    assert taken.text_files == []
