"""Logs of one run, as one source or file by file."""

import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.detection.run_record import Inputs
from stillwatch.detection.state.manifest import SCANS
from stillwatch.detection.state.reading import Watched, read
from stillwatch.records.errors import InputError
from stillwatch.records.rejects import RejectLog
from stillwatch.records.sketches import Key

HEAD = "event_id,time,account_id,model,input_text\n"
FILES = {
    "a.csv": HEAD + "a,2026-03-01,x,m,first question\nb,never,x,m,\n",
    "deep/b.csv": HEAD + "c,2026-03-02,y,m,second\n,2026-03-02,y,m,\nd,2026-03-02,y,m,third\n",
    "half.parquet": "PAR1 and no end",
}


@pytest.fixture
def folder(tmp_path):
    for name, text in FILES.items():
        (tmp_path / "logs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "logs" / name).write_text(text)
    return tmp_path / "logs"


def call(folder, watched, tmp_path, may_be_empty=False):
    return read(
        Inputs(str(folder)), watched, tmp_path / "work", RejectLog(), key=Key(bytes(16)), threads=1,
        first_row=100, may_be_empty=may_be_empty, progress=lambda rows, share: None,
    )  # fmt: skip


def test_file_by_file_the_counts_are_apart_and_rows_are_numbered_through(folder, tmp_path):
    found = call(folder, Watched(folder, tuple(FILES)), tmp_path)
    assert {name: (one.read, sum(one.days.values())) for name, one in found.tallies.items()} == {
        "a.csv": (2, 1),
        "deep/b.csv": (3, 2),
        "half.parquet": (0, 0),
    }
    assert found.tallies["a.csv"].rejected == {"time not readable": 1}
    assert found.tallies["deep/b.csv"].rejected == {"missing event_id": 1}
    assert found.tallies["half.parquet"].not_whole
    assert found.unread == ["half.parquet"]
    rows = pa.concat_tables(pq.read_table(file) for file in found.intake.exchange_files)
    assert dict(zip(rows["event_id"].to_pylist(), rows["row"].to_pylist(), strict=True)) == {
        "a": 100,
        "c": 101,
        "d": 102,
    }
    assert found.intake.rows == 3


def test_as_one_source_its_counts_are_together(folder, tmp_path):
    found = call(folder, None, tmp_path)
    assert list(found.tallies) == [SCANS]
    assert (found.tallies[SCANS].read, found.intake.rows) == (5, 3)


def test_an_empty_folder_is_nothing_new_only_where_there_is_something(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / ".hidden").write_text("x")
    assert call(tmp_path / "logs", None, tmp_path, may_be_empty=True).tallies == {}
    with pytest.raises(InputError):
        call(tmp_path / "logs", None, tmp_path)


def test_a_watched_file_whose_name_is_not_utf_8_is_read_from_its_path(folder, tmp_path):
    path = folder / os.fsdecode(b"caf\xe9.parquet")
    with path.open("wb") as file:
        pq.write_table(
            pa.table({"event_id": ["a"], "time": ["2026-03-01"], "account_id": ["x"], "model": ["m"]}), file
        )
    (folder / os.fsdecode(b"\xe9.csv")).write_text("neither,nor\n1,2\n")
    keys = {"bytes:caf%E9.parquet": path, "bytes:%E9.csv": folder / os.fsdecode(b"\xe9.csv")}
    found = call(folder, Watched(folder, tuple(keys), paths=keys), tmp_path)
    assert found.intake.rows == 1
    assert found.unread == ["bytes:%E9.csv"]
    found.tallies["bytes:%E9.csv"].not_whole[0][2].encode()
