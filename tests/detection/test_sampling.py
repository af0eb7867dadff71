"""Which exchanges stand for all of an account."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.detection.sampling import EVERY, luck_limit, running


@pytest.mark.parametrize(
    ("exchanges", "part"),
    [(0, 1), (1, 1), (100, 1), (101, 2), (200, 2), (201, 4), (400, 4), (401, 8), (10**12, 2**34)],
)
def test_the_limit_halves_with_each_doubling(exchanges, part):
    (limit,) = luck_limit(np.array([exchanges]), 100)
    assert limit == (EVERY if part == 1 else 2**63 // part)


@given(st.lists(st.integers(0, 10**15), max_size=20), st.integers(1, 1000))
def test_more_exchanges_never_raise_the_limit_and_the_sample_stays_in_bounds(exchanges, most):
    exchanges = np.sort(np.array(exchanges, dtype=np.int64))
    limits = luck_limit(exchanges, most)
    assert (np.diff(limits) <= 0).all()
    expected = exchanges * (limits.astype(float) / 2**63)
    assert (expected <= most * 1.000001).all()
    assert (expected[exchanges > most] >= most / 2).all()


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9), st.integers(1, 50)), max_size=30))
def test_running_counts_against_plain_sums(rows):
    ledger = sorted({(acc, hour): n for acc, hour, n in rows}.items())
    acc = np.array([k[0] for k, _ in ledger], dtype=np.int32)
    n = np.array([n for _, n in ledger], dtype=np.int32)
    expected = [sum(m for (a, h), m in ledger if a == key[0] and h <= key[1]) for key, _ in ledger]
    assert running(acc, n).tolist() == expected
