"""Values that several accounts send, against a dictionary."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.detection import sharers
from stillwatch.detection.sharers import MOST_SHARERS, Sharers

value = st.one_of(st.integers(-6, 6), st.sampled_from([2**63 - 1, -(2**63)]))
use = st.tuples(st.integers(0, 5), st.integers(-3, 3), st.lists(value, max_size=3))


def added(counts, rows, memory):
    """Add the rows in batches of three."""
    for at in range(0, len(rows), 3):
        acc, hour, values = zip(*rows[at : at + 3], strict=True)
        start = np.cumsum([0, *map(len, values)])
        flat = np.array([v for each in values for v in each], np.int64)
        counts.add(flat, start, np.array(acc, np.int32), np.array(hour, np.int32), memory)


def expected(rows, accounts):
    first = defaultdict(dict)
    for acc, hour, values in rows:
        for v in values:
            first[v][acc] = min(hour, first[v].get(acc, hour))
    return {v: sorted(of.values())[accounts - 1] for v, of in first.items() if len(of) >= accounts}


def counted(rows, accounts, memory):
    """(values and hours, how often the rows were read)."""
    counts, passes = Sharers(accounts), 0
    while not counts.complete:
        added(counts, rows, memory)
        counts.finish()
        passes += 1
    values, hours = counts.found()
    assert values.tolist() == sorted(values.tolist())
    assert len(set(values.tolist())) == len(values)
    return dict(zip(values.tolist(), hours.tolist(), strict=True)), passes


@given(rows=st.lists(use, max_size=40), accounts=st.integers(2, MOST_SHARERS))
def test_values_and_hours_are_those_of_a_dictionary(rows, accounts):
    assert counted(rows, accounts, 1 << 30) == (expected(rows, accounts), 1)


@pytest.mark.parametrize("accounts", [2, 3])
@pytest.mark.parametrize(("memory", "most"), [(1 << 30, 1), (0, 64)])
def test_too_many_values_are_counted_part_by_part(accounts, memory, most, monkeypatch):
    monkeypatch.setattr(sharers, "LEAST_SLOTS", 64)
    drawn = np.random.default_rng(3)
    popular, rare = drawn.integers(-(2**62), 2**62, 300), drawn.integers(-(2**62), 2**62, 2000)
    rows = [
        (int(drawn.integers(9)), int(drawn.integers(50)), [*drawn.choice(popular, 2).tolist(), int(r)])
        for r in rare
    ]
    found, passes = counted(rows, accounts, memory)
    assert found == expected(rows, accounts)
    assert len(found) > 200
    assert passes > 16 if most > 1 else passes == 1


def test_an_account_that_was_put_out_comes_back_with_an_earlier_hour():
    rows = [(0, 9, [7]), (1, 8, [7]), (2, 5, [7]), (0, 4, [7]), (3, 6, [7])]
    for order in (rows, rows[::-1]):
        assert counted(order, 2, 1 << 30)[0] == {7: 5}


def test_one_row_of_more_values_than_there_is_room_for(monkeypatch):
    monkeypatch.setattr(sharers, "LEAST_SLOTS", 64)
    many = list(range(1000))
    assert counted([(0, 1, many), (1, 2, many)], 2, 0)[0] == dict.fromkeys(many, 2)


def test_a_kind_that_is_counted_holds_no_room():
    count = Sharers(3)
    least = count.nbytes
    values, start = np.arange(400_000), np.arange(400_001)
    for account in range(3):
        count.add(values, start, np.full(400_000, account), np.zeros(400_000, np.int64), 1 << 30)
    assert count.nbytes > 5 * least
    count.finish()
    assert count.complete
    assert count.nbytes == least
    assert len(count.found()[0]) == 400_000
