"""Counts by account, hour and model, against a dictionary and against the engine's own groups."""

from collections import defaultdict

import ibis
import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.detection.hours import HourCounts, by_hour
from stillwatch.engines import open_engine
from stillwatch.records.schema import TIME

FLAGS = 4
row = st.tuples(
    st.integers(0, 3),
    st.integers(-2, 2),
    st.integers(0, 2),
    st.integers(-99, 99),
    st.integers(0, 2**FLAGS - 1),
)
TYPES = (np.int32, np.int32, np.int32, np.int64, np.int64)


def added(counts, rows):
    counts.add(*(np.array(column, kind) for column, kind in zip(zip(*rows, strict=True), TYPES, strict=True)))


def told(counts):
    found = counts.found()
    keys = zip(*(found[name].tolist() for name in ("acc", "hour", "model")), strict=True)
    values = zip(*(found[name].tolist() for name in ("first", "last", "counts")), strict=True)
    return dict(zip(keys, values, strict=True))


def expected(rows):
    by = defaultdict(list)
    for acc, hour, model, time, bits in rows:
        by[acc, hour, model].append((time, [1, *(bits >> i & 1 for i in range(FLAGS))]))
    return {
        key: (min(t for t, _ in own), max(t for t, _ in own), np.sum([f for _, f in own], axis=0).tolist())
        for key, own in by.items()
    }


@given(st.lists(row, min_size=1, max_size=30), st.integers(1, 30))
def test_counts_are_those_of_a_dictionary(rows, cut):
    counts = HourCounts(FLAGS)
    for part in (rows[:cut], rows[cut:]):
        if part:
            added(counts, part)
    assert told(counts) == expected(rows)


def test_many_keys_and_counts_beyond_each_type():
    drawn = np.random.default_rng(4)
    rows = [(a, h, h % 3, a + h, a % 16) for a in range(200) for h in range(-20, 20)]
    rows += [(7, 1, 0, int(t), 3) for t in drawn.integers(0, 1000, 200)]
    rows += [(9, 1, 1, 5, 2)] * 40_000
    counts = HourCounts(FLAGS)
    for at in range(0, len(rows), 5000):
        added(counts, rows[at : at + 5000])
    assert told(counts) == expected(rows)


def test_an_engine_of_many_processes_groups_by_itself_and_finds_the_same(tmp_path):
    drawn = np.random.default_rng(5)
    n = 5000
    tools = drawn.integers(-1, 3, n)
    table = pa.table(
        {
            "row": np.arange(n),
            "acc": drawn.integers(0, 30, n).astype(np.int32),
            "hour": drawn.integers(-3, 40, n).astype(np.int32),
            "model": drawn.choice(["a", "b", "c"], n),
            "time": pa.array(drawn.integers(0, 10**9, n)).cast(TIME),
            "tools": pa.array(np.where(tools < 0, 0, tools), mask=tools < 0),
        }
    )
    found = []
    with open_engine("duckdb", scratch=tmp_path, threads=2, memory=1 << 30) as engine:
        rows = engine.table("rows", table)
        flags = {"used": rows.tools > 0, "known": rows.tools.notnull(), "never": ibis.literal(False)}
        for workers in (1, 2):
            engine.workers = workers
            ledger, models = by_hour(engine, rows, flags)
            found.append((ledger, models.sort_by([(name, "ascending") for name in models.column_names])))
    (ledger, models), (other_ledger, other_models) = found
    assert ledger.equals(other_ledger)
    assert models.equals(other_models)
    keys = ledger.select(["acc", "hour"]).to_pylist()
    assert keys == sorted(keys, key=lambda one: (one["acc"], one["hour"]))
    assert sum(ledger["known"].to_pylist()) == int((tools >= 0).sum())
    assert sum(models["n"].to_pylist()) == sum(ledger["n"].to_pylist()) == n
    assert sum(ledger["never"].to_pylist()) == 0
