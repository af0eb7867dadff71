"""Indices of rows by key, against a search."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.detection.evidence import Ragged, Runs, counts


@given(st.lists(st.integers(0, 9), max_size=40), st.lists(st.integers(0, 9), max_size=12))
def test_ragged_places_against_a_search(keys, wanted):
    keys, wanted = np.array(keys, dtype=np.int64), np.array(wanted, dtype=np.int64)
    found = Ragged.of(keys, 10).places(wanted)
    expected = [np.flatnonzero(keys == key) for key in wanted]
    assert found.tolist() == [place for part in expected for place in part.tolist()]


@given(st.lists(st.integers(0, 9), max_size=40), st.lists(st.integers(0, 9), max_size=12))
def test_runs_against_a_search(keys, wanted):
    keys, wanted = np.sort(np.array(keys, dtype=np.int32)), np.array(wanted, dtype=np.int64)
    places, count = Runs.of(keys, 10).both(wanted)
    expected = [np.flatnonzero(keys == key).tolist() for key in wanted]
    assert (
        places.tolist() == Runs.of(keys, 10).places(wanted).tolist() == [p for part in expected for p in part]
    )
    assert count.tolist() == [len(part) for part in expected]


@given(st.lists(st.integers(0, 9), max_size=40))
def test_counts_against_a_search(keys):
    assert counts(np.array(keys, dtype=np.int32), 10).tolist() == [keys.count(key) for key in range(10)]
