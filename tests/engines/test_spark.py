"""Spark beyond the contract of engines: its executors have to be like the driver."""

import os
import sys

import pyarrow as pa
import pytest

import stillwatch
from stillwatch.engines import open_engine
from stillwatch.engines.spark import SparkEngine, _probe
from stillwatch.records.errors import InputError


@pytest.mark.usefixtures("no_spark")
def test_an_executor_without_this_version_is_told_before_any_work(cluster, tmp_path):
    shadow = tmp_path / "shadow" / "stillwatch"
    shadow.mkdir(parents=True)
    (shadow / "__init__.py").write_text('__version__ = "0.0.1"\n')
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{shadow.parent}:$PYTHONPATH" exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    settings = {**cluster, "spark.pyspark.python": str(python)}
    told = rf"has stillwatch 0\.0\.1, and the driver {stillwatch.__version__}; let executors have what the driver has"
    with pytest.raises(InputError, match=told):
        SparkEngine(scratch=tmp_path / "scratch", threads=2, memory=1 << 30, settings=settings)


def test_a_folder_that_an_executor_does_not_see_is_told(tmp_path):
    (tmp_path / "seen").write_text("")
    (found,) = _probe(str(tmp_path / "seen"))(iter([None]))
    assert found.column(0).to_pylist() == [""]
    (found,) = _probe(str(tmp_path / "gone" / "seen"))(iter([None]))
    (told,) = found.column(0).to_pylist()
    assert told.endswith("cannot use the work folder (No such file or directory)")


def test_two_engines_of_one_session_do_not_take_one_anothers_tables(spark, tmp_path):
    with (
        open_engine("spark", scratch=tmp_path / "a", threads=2, memory=1 << 30, settings=spark) as one,
        open_engine("spark", scratch=tmp_path / "b", threads=2, memory=1 << 30, settings=spark) as other,
    ):
        first = one.table("same", pa.table({"a": [1]}))
        second = other.table("same", pa.table({"a": [2]}))
        assert one.fetch(first)["a"].to_pylist() == [1]
        assert other.fetch(second)["a"].to_pylist() == [2]


def test_work_is_done_in_other_processes(spark, tmp_path):
    with open_engine("spark", scratch=tmp_path, threads=2, memory=1 << 30, settings=spark) as engine:
        assert engine.workers == 2
        # Nothing of this process has to be there: a builtin is known by its name.
        assert os.getpid() not in set(engine.distribute(eval, ["__import__('os').getpid()"] * 4))
