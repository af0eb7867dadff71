"""Intake in shares: the same rows and counts as in one piece, wherever the engine works."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.detection.distributed_intake import _check_seen, take_in_shares
from stillwatch.detection.texts import Texts
from stillwatch.engines.duckdb import DuckDBEngine
from stillwatch.records import shares
from stillwatch.records.errors import InputError
from stillwatch.records.rejects import RejectLog
from stillwatch.records.sketches import Key
from stillwatch.records.tables import open_usage

HOUR = 3_600_000_000
N = 2000


@pytest.fixture
def log(tmp_path):
    table = pa.table(
        {
            "event_id": [f"e{i}" for i in range(N)],
            "time": pa.array([HOUR * 400_000 + i for i in range(N)], pa.timestamp("us", tz="UTC")),
            "account_id": [f"a{i % 7}" if i % 20 else None for i in range(N)],
            "model": ["m"] * N,
            "input_text": [f"question number {i} about rivers and boats" for i in range(N)],
        }
    )
    pq.write_table(table, tmp_path / "log.parquet", row_group_size=100, compression="none")
    return tmp_path / "log.parquet"


def take(log, folder, workers, monkeypatch, since=None):
    monkeypatch.setattr(DuckDBEngine, "workers", workers)
    monkeypatch.setattr(shares, "LEAST_BYTES", 4000)
    rejects = RejectLog(folder / "rejects")
    reader = open_usage(str(log), rejects=rejects)
    seen = []
    with DuckDBEngine(scratch=folder / "scratch", threads=1, memory=256 << 20) as engine:
        taken = take_in_shares(
            engine, reader, folder / "work", key=Key(bytes(16)), threads=1, since=since, until=None,
            progress=lambda *told: seen.append(told), first_row=5,
        )  # fmt: skip
    rejects.close()
    return taken, reader, rejects, seen


def sorted_rows(taken):
    return pa.concat_tables(map(pq.read_table, taken.exchange_files)).sort_by("event_id").drop(["row"])


@pytest.mark.parametrize("workers", [1, 3])
def test_nothing_is_lost_or_doubled(log, tmp_path, monkeypatch, workers):
    taken, reader, rejects, seen = take(log, tmp_path, workers, monkeypatch, since=HOUR * 400_000 + 500)
    assert (len({file.parent for file in taken.exchange_files}) > 1) == (workers > 1)
    assert taken.rows == seen[-1][0] == 1425
    assert seen[-1][1] == 1
    assert taken.outside_window == 475
    assert (taken.first_us, taken.last_us) == (HOUR * 400_000 + 501, HOUR * 400_000 + 1999)
    assert (reader.rows_read, reader.rows_out, reader.adapters) == (N, 1900, {"native": 1})
    assert rejects.by_reason("usage") == {"missing account_id": 100}
    assert len((tmp_path / "rejects" / "usage.jsonl").read_text().splitlines()) == 100


def test_rows_are_the_same_and_numbers_join_them_to_their_texts(log, tmp_path, monkeypatch):
    one, *_ = take(log, tmp_path / "one", 1, monkeypatch)
    many, *_ = take(log, tmp_path / "many", 3, monkeypatch)
    assert sorted_rows(one).equals(sorted_rows(many))
    rows = pa.concat_tables(map(pq.read_table, many.exchange_files)).select(["row", "event_id"]).to_pylist()
    numbers = [row["row"] for row in rows]
    assert len(set(numbers)) == len(numbers) == 1900
    assert min(numbers) == 5
    texts = Texts(many.text_files).fetch({"input_text": pa.array(numbers).to_numpy()})["input_text"]
    assert texts == {r["row"]: f"question number {r['event_id'][1:]} about rivers and boats" for r in rows}


def test_where_no_file_can_be_read_that_is_said_of_the_whole(tmp_path, monkeypatch):
    good = pa.table({"event_id": ["e"], "time": ["2026-03-01"], "account_id": ["a"], "model": ["m"]})
    pq.write_table(good, tmp_path / "log.parquet")
    rejects = RejectLog()
    reader = open_usage(str(tmp_path / "log.parquet"), rejects=rejects)
    (tmp_path / "log.parquet").write_bytes(b"PAR1 gone bad")
    with (
        DuckDBEngine(scratch=tmp_path / "s", threads=1, memory=256 << 20) as engine,
        pytest.raises(InputError, match=r"log\.parquet: file not readable"),
    ):
        take_in_shares(
            engine, reader, tmp_path / "work", key=Key(bytes(16)), threads=1, since=None, until=None, progress=print
        )  # fmt: skip


def test_files_that_are_not_seen_where_they_are_read_are_told(tmp_path):
    (tmp_path / "log").write_bytes(b"12345")
    _check_seen({tmp_path / "log": 5})
    with pytest.raises(
        InputError, match=r"has 5 bytes on .* and 6 where it was found; put the logs on storage"
    ):
        _check_seen({tmp_path / "log": 6})
    with pytest.raises(
        InputError, match=r"gone: cannot be read on .* \(No such file or directory\); put the logs"
    ):
        _check_seen({tmp_path / "gone": 1})
