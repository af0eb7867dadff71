"""The contract of an engine, on every engine that there is."""

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.engines import ENGINES, open_engine
from stillwatch.records.errors import InputError
from stillwatch.records.sketches import Key


@pytest.fixture(params=ENGINES)
def engine(request, tmp_path):
    settings = request.getfixturevalue("spark") if request.param == "spark" else {}
    scratch = tmp_path / "scratch"
    with open_engine(request.param, scratch=scratch, threads=2, memory=1 << 30, settings=settings) as opened:
        yield opened


def rows(table):
    return sorted(table.to_pylist(), key=str)


def test_reads_several_files_as_one_table(engine, tmp_path):
    for part in range(3):
        pq.write_table(pa.table({"n": [part, part + 10]}), tmp_path / f"{part}.parquet")
    table = engine.parquet(sorted(tmp_path.glob("*.parquet")))
    assert engine.fetch(table.agg(total=table.n.sum()))["total"].to_pylist() == [36]


def test_tells_the_memory_that_it_was_given(engine):
    assert engine.memory == 1 << 30


def test_a_table_takes_the_place_of_an_earlier_one_of_its_name(engine):
    engine.table("small", pa.table({"a": [1]}))
    table = engine.table("small", pa.table({"a": [2, 3], "b": ["x", None]}))
    assert rows(engine.fetch(table)) == [{"a": 2, "b": "x"}, {"a": 3, "b": None}]


def test_keep_computes_once_and_replaces(engine):
    source = engine.table("source", pa.table({"a": [1, 2, 3]}))
    engine.keep("kept", source.filter(source.a > 1))
    again = engine.keep("kept", source.filter(source.a > 2))
    engine.drop("source")
    assert engine.fetch(again)["a"].to_pylist() == [3]


def test_what_many_read_is_what_it_was(engine):
    source = engine.table("source", pa.table({"a": [1, 2, 3]}))
    often = engine.reuse("often", source.filter(source.a > 1))
    assert rows(engine.fetch(often)) == [{"a": 2}, {"a": 3}]
    assert engine.fetch(often.agg(total=often.a.sum()))["total"].to_pylist() == [5]
    engine.drop("often")


def test_drop_forgets_and_may_be_called_twice(engine):
    engine.table("gone", pa.table({"a": [1]}))
    engine.drop("gone")
    engine.drop("gone")


def test_rows_come_whole_or_part_by_part_under_the_types_that_they_have(engine):
    data = pa.table(
        {
            "small": pa.array([1, None, -3], pa.int8()),
            "large": pa.array([1 << 62, 2, None], pa.int64()),
            "time": pa.array(
                [datetime(2026, 3, 1, 12, 0, 0, 7, tzinfo=UTC), None, None], pa.timestamp("us", "UTC")
            ),
            "told": pa.array([True, None, False]),
            "many": pa.array([[1, 2], [], None], pa.list_(pa.int64())),
            "text": pa.array(["a", "", None]),
        }
    )
    table = engine.table("data", data)
    whole = engine.fetch(table)
    parts = list(engine.batches(table))
    for found in (whole, pa.Table.from_batches(parts)):
        assert [str(t) for t in found.schema.types[:4]] == ["int8", "int64", "timestamp[us, tz=UTC]", "bool"]
        assert rows(found) == rows(data)


def test_of_nothing_there_are_columns(engine):
    table = engine.table("none", pa.table({"a": pa.array([], pa.int32())}))
    kept = engine.keep("kept", table.filter(table.a > 1))
    assert engine.fetch(kept).schema == pa.schema({"a": pa.int32()})
    assert sum(batch.num_rows for batch in engine.batches(kept)) == 0


def test_shares_are_worked_on_and_come_in_their_order(engine):
    assert list(engine.distribute(len, ["four", "", "sixsix"])) == [4, 0, 6]
    assert list(engine.distribute(len, [])) == []


def test_input_that_cannot_be_used_is_said_here_wherever_it_was_met(engine, tmp_path):
    with pytest.raises(InputError, match="cannot read the sketch key") as met:
        list(engine.distribute(Key.load, [tmp_path / "no key"]))
    assert met.value.where == str(tmp_path / "no key")


def test_nothing_is_left_in_scratch(engine, tmp_path):
    kept = engine.keep("kept", engine.table("given", pa.table({"a": [1, 2]})))
    assert sum(batch.num_rows for batch in engine.batches(kept)) == 2
    list(engine.distribute(len, ["a"]))
    engine.close()
    assert list((tmp_path / "scratch").rglob("*.parquet")) == []


def test_every_engine_says_its_version(engine):
    assert engine.name in ENGINES
    assert engine.version


def test_an_unknown_engine_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no engine is called 'abacus'"):
        open_engine("abacus", scratch=tmp_path, threads=1, memory=1 << 30)
