"""DuckDB keeps to what it was told."""

import pyarrow as pa

from stillwatch.engines.duckdb import DuckDBEngine


def setting(engine, name):
    return engine._connection.raw_sql(f"SELECT current_setting('{name}')").fetchone()[0]


def test_keeps_to_threads_memory_and_scratch(tmp_path):
    with DuckDBEngine(scratch=tmp_path / "spill", threads=3, memory=512 << 20) as engine:
        assert setting(engine, "threads") == 3
        assert setting(engine, "memory_limit") == "512.0 MiB"
        assert setting(engine, "temp_directory") == str(tmp_path / "spill")


def test_spills_rather_than_fails(tmp_path):
    with DuckDBEngine(scratch=tmp_path / "spill", threads=2, memory=64 << 20) as engine:
        numbers = engine.table("numbers", pa.table({"n": range(1_500_000)}))
        wide = numbers.mutate(text=numbers.n.cast("string") + "-a-long-text-that-fills-memory")
        counted = wide.group_by("text").agg(times=wide.n.count())
        assert engine.fetch(counted.agg(total=counted.times.sum()))["total"].to_pylist() == [1_500_000]


def test_times_are_utc(tmp_path):
    with DuckDBEngine(scratch=tmp_path, threads=1, memory=256 << 20) as engine:
        assert setting(engine, "TimeZone") == "UTC"
