"""Accounts in order of a figure without a group's: the same as putting those outside in order anew."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.detection.orders import Order, strata


@st.composite
def populations(draw):
    """(figures, who is eligible, who is gone)"""
    figure = np.array(draw(st.lists(st.integers(0, 6), min_size=1, max_size=60)), float)
    flags = st.lists(st.booleans(), min_size=len(figure), max_size=len(figure))
    return figure, np.array(draw(flags)), np.flatnonzero(draw(flags))


@given(populations(), st.lists(st.integers(-1, 7), min_size=1, max_size=8))
def test_a_pool_is_the_order_of_those_that_are_left(population, wanted):
    figure, eligible, gone = population
    left = np.setdiff1d(np.flatnonzero(eligible), gone)
    expected = left[np.argsort(figure[left], kind="stable")]
    pool = Order.of(figure, eligible).without(gone)
    assert len(pool) == len(expected)
    assert pool.at(np.arange(len(pool))).tolist() == expected.tolist()
    # Few are found without listing who is left.
    assert [pool.at(np.array([number])).tolist() for number in range(len(pool))] == expected[:, None].tolist()
    asked = np.array(wanted, float)
    assert pool.first_of(asked).tolist() == np.searchsorted(figure[expected], asked, "left").tolist()
    assert pool.end_of(asked).tolist() == np.searchsorted(figure[expected], asked, "right").tolist()


@given(populations(), st.data())
def test_sums_over_numbers_leave_out_who_is_gone(population, data):
    figure, eligible, gone = population
    order = Order.of(figure, eligible)
    pool = order.without(gone)
    values = np.arange(len(figure)) % 5.0
    if len(pool):
        low = np.array(data.draw(st.lists(st.integers(0, len(pool) - 1), min_size=1, max_size=5)))
        high = np.array([data.draw(st.integers(begin + 1, len(pool))) for begin in low.tolist()])
        found = pool.sums(order.running(values), low, high)
        kept = values[pool.at(np.arange(len(pool)))]
        expected = [kept[begin:end].sum() for begin, end in zip(low.tolist(), high.tolist(), strict=True)]
        np.testing.assert_allclose(found, expected)


def test_strata_are_halves_of_a_doubling():
    assert strata(np.array([0.0, 1.0, 2.0, 3.0, 4.0, 1024.0])).tolist() == [0, 0, 2, 3, 4, 20]
