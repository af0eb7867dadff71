"""Times: inside their limits, in people's own hours, with the fine shape that was given."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.drill.clock import BINS, DAY, HOUR, Clock, read_arrivals
from stillwatch.drill.exercise import START
from stillwatch.records.errors import InputError


@settings(max_examples=40)
@given(st.integers(0, 1000), st.integers(2, 20), st.floats(0, 0.8), st.floats(0.05, 0.2))
def test_times_stay_between_their_limits(seed: int, days: int, low: float, width: float) -> None:
    clock = Clock.make(seed, START, days)
    a = START + int(low * days * DAY)
    b = a + int(width * days * DAY)
    u = np.random.default_rng(seed).random(500)
    time = clock.place(clock.rhythm(seed % 4, float(seed % 24 - 11)), u, np.full(500, a), np.full(500, b))
    assert (time >= a).all()
    assert (time <= b).all()
    assert (time < clock.end).all()


def test_office_workers_keep_office_hours_and_rest_at_weekends() -> None:
    clock = Clock.make(1, START, 14)
    time = clock.place(clock.rhythm(0, 5.0), np.random.default_rng(1).random(20_000))
    local = (time - START) / HOUR + 5
    hour, weekday = local % 24, (local // 24) % 7  # the window begins on a Monday
    assert ((hour >= 8) & (hour < 19)).mean() > 0.75
    assert (weekday >= 5).mean() < 0.12


def test_minutes_follow_the_given_shape(tmp_path: Path) -> None:
    first = np.sort(np.random.default_rng(1).integers(0, HOUR // 6, 4000))  # ten minutes hold it all
    times = pa.array(np.append(first, HOUR * 3 // 2), pa.timestamp("us"))
    pq.write_table(pa.table({"time": times}), tmp_path / "a.parquet")
    shape = read_arrivals(tmp_path / "a.parquet")
    assert shape.shape == (BINS,)
    clock = Clock.make(1, START, 2, shape)
    time = clock.place(np.ones(48), np.random.default_rng(2).random(100_000))
    in_hour = time[(time - START) // HOUR == 7] % HOUR
    tens = np.sort(np.bincount(in_hour * 12 // HOUR, minlength=12))[::-1]
    assert tens[:3].sum() > 0.9 * tens.sum(), "a sixth of the hour is at most three twelfths of it"


@pytest.mark.parametrize("rows", [0, 10])
def test_too_few_arrivals_are_refused(tmp_path: Path, rows: int) -> None:
    pq.write_table(pa.table({"time": pa.array(range(rows), pa.timestamp("us"))}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="at least 1,000"):
        read_arrivals(tmp_path / "a.parquet")


def test_files_that_are_not_arrivals_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"nothing")
    pq.write_table(pa.table({"when": [1]}), tmp_path / "b.parquet")
    for name in ("a.parquet", "b.parquet", "absent.parquet"):
        with pytest.raises(InputError, match=name):
            read_arrivals(tmp_path / name)
