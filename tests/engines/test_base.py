"""The contract of an engine, on every engine that there is."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.engines import ENGINES, open_engine


@pytest.fixture(params=ENGINES)
def engine(request, tmp_path):
    with open_engine(request.param, scratch=tmp_path / "scratch", threads=2, memory=1 << 30) as opened:
        yield opened


def rows(table):
    return sorted(table.to_pylist(), key=str)


def test_reads_several_files_as_one_table(engine, tmp_path):
    for part in range(3):
        pq.write_table(pa.table({"n": [part, part + 10]}), tmp_path / f"{part}.parquet")
    table = engine.parquet(sorted(tmp_path.glob("*.parquet")))
    assert engine.fetch(table.agg(total=table.n.sum()))["total"].to_pylist() == [36]


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


def test_drop_forgets_and_may_be_called_twice(engine):
    engine.table("gone", pa.table({"a": [1]}))
    engine.drop("gone")
    engine.drop("gone")


def test_every_engine_says_its_version(engine):
    assert engine.name in ENGINES
    assert engine.version


def test_an_unknown_engine_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no engine is called 'abacus'"):
        open_engine("abacus", scratch=tmp_path, threads=1, memory=1 << 30)
