"""Rows of a state: each once, out when their day is, in few files."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from stillwatch.detection.intake import take_in
from stillwatch.detection.state import segments
from stillwatch.detection.state.manifest import Manifest
from stillwatch.detection.state.store import opened
from stillwatch.detection.texts import Texts
from stillwatch.engines import open_engine
from stillwatch.records.rejects import RejectLog
from stillwatch.records.sketches import Key
from stillwatch.records.tables import open_usage

DAY = 86_400_000_000
FIRST = 20_500


def rows(numbers, **changed):
    numbers = list(numbers)
    table = {
        "event_id": [f"e{i}" for i in numbers],
        "time": pa.array([(FIRST + i // 10) * DAY + i for i in numbers], pa.timestamp("us", tz="UTC")),
        "account_id": [f"a{i % 3}" for i in numbers],
        "model": ["m"] * len(numbers),
        "input_text": [f"question {i} about rivers" if i % 2 else None for i in numbers],
    }
    return pa.table(table | changed)


@pytest.fixture
def place(tmp_path):
    with (
        opened(tmp_path / "state") as store,
        open_engine("duckdb", scratch=tmp_path / "scratch", threads=1, memory=1 << 30) as engine,
    ):
        yield Place(tmp_path, store, engine)


class Place:
    """Takes tables into segments, one behind the other."""

    def __init__(self, folder, store, engine):
        self.folder, self.store, self.engine = folder, store, engine
        self.held, self.next_row = [], 0

    def take(self, table):
        number = len(list(self.folder.glob("log-*")))
        pq.write_table(table, self.folder / f"log-{number}.parquet")
        taken = take_in(
            open_usage(str(self.folder / f"log-{number}.parquet"), rejects=RejectLog(), batch_rows=16),
            self.store.fresh / f"new-{number}",
            key=Key(bytes(16)), threads=1, since=None, until=None, progress=lambda rows: None,
            first_row=self.next_row,
        )  # fmt: skip
        self.next_row += taken.rows
        segment = segments.taken(self.store, self.engine, taken, self.held)
        if segment is not None:
            self.held.append(segment)
        return segment

    def merge(self):
        """As a run ends: one set of new files for each."""
        self.held = segments.merged(self.store, self.held)
        self.store.commit(Manifest("key", "intake", "", segments=self.held))

    def exchanges(self, of=None):
        listed = [p for s in (of or self.held) for p in self.store.paths(s.exchanges)]
        return pa.concat_tables(map(pq.read_table, listed))

    def texts(self, of=None):
        table = self.exchanges(of)
        files = [p for s in (of or self.held) for p in self.store.paths(s.texts)]
        names = dict(zip(table["row"].to_pylist(), table["event_id"].to_pylist(), strict=True))
        found = Texts(files).fetch({"input_text": table["row"].to_numpy()})
        return {names[row]: text for row, text in found["input_text"].items()}


def test_rows_that_repeat_others_throughout_are_held_once(place):
    place.take(rows([0, 1, 2, 2, 3, 1]))
    assert place.take(rows([3, 2, 1])) is None
    place.take(rows([5, 3, 4, 5]))
    assert sorted(place.exchanges()["event_id"].to_pylist()) == [f"e{i}" for i in range(6)]
    assert len(set(place.exchanges()["row"].to_pylist())) == 6
    assert place.texts() == {f"e{i}": f"question {i} about rivers" for i in (1, 3, 5)}
    stored = sum(pq.read_metadata(p).num_rows for s in place.held for p in place.store.paths(s.texts))
    assert stored == 3, "texts of repeated rows are not kept either"


def test_rows_that_share_an_id_and_differ_stay(place):
    place.take(rows([0, 1, 2]))
    place.take(rows([0, 1, 2], model=["m", "other", "m"], input_text=[None, None, "now with a text"]))
    assert sorted(place.exchanges()["event_id"].to_pylist()) == ["e0", "e1", "e1", "e2", "e2"]


def test_days_are_counted_and_leave(place):
    segment = place.take(rows(range(5, 32)))
    assert segment.days == {FIRST: 5, FIRST + 1: 10, FIRST + 2: 10, FIRST + 3: 2}
    assert segment.rows == 27
    place.take(rows(range(3)))
    kept = segments.retained(place.store, place.held, FIRST + 2)
    assert [s.days for s in kept] == [{FIRST + 2: 10, FIRST + 3: 2}]
    assert sorted(place.texts(kept)) == sorted(f"e{i}" for i in range(20, 32) if i % 2)
    stored = sum(pq.read_metadata(p).num_rows for s in kept for p in place.store.paths(s.texts))
    assert stored == 6
    assert kept[0].first_us == pc.min(place.exchanges(kept)["time"].cast(pa.int64())).as_py()
    assert segments.retained(place.store, kept, FIRST + 2) == kept, (
        "what has no such day is not written again"
    )


def test_segments_are_put_together_while_they_are_alike_in_size(place):
    counts = []
    for start in range(0, 160, 10):
        place.take(rows(range(start, start + 10)))
        place.merge()
        counts.append(len(place.held))
    assert max(counts) <= 5
    assert sum(s.rows for s in place.held) == 160
    assert sorted(place.exchanges()["row"].to_pylist()) == list(range(160))
    assert len(place.texts()) == 80


def test_large_segments_are_not_copied_again(place, monkeypatch):
    monkeypatch.setattr(segments, "MERGED_ROWS", 30)
    for start in (0, 20, 40):
        place.take(rows(range(start, start + 20)))
        place.merge()
    assert [s.rows for s in place.held] == [20, 20, 20]


def test_checksums_are_those_of_the_files_as_they_lie_there(place):
    place.take(rows([0, 1, 2, 2]))
    for file in (*place.held[0].exchanges, *place.held[0].texts):
        assert place.store.path(file).stat().st_size == file.size
        assert place.store.filed(place.store.path(file)) == file


def test_the_first_hour_that_changed(place):
    assert segments.first_changed_hour(None) is None
    assert segments.first_changed_hour(place.take(rows([25, 31]))) == (FIRST + 2) * 24
    assert np.all(place.exchanges()["hour"].to_numpy() >= (FIRST + 2) * 24)
