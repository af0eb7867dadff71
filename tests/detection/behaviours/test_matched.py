"""Accounts outside that stand for a group's: who they are, and how far their means may be from the group's by chance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.detection.behaviours import _matched
from stillwatch.detection.behaviours._matched import RANKS, REDRAWS, Reference, alike, matched
from stillwatch.detection.behaviours.round_the_clock import BEHAVIOUR as ROUND_THE_CLOCK
from stillwatch.detection.behaviours.spread_addresses import BEHAVIOUR as SPREAD_ADDRESSES
from stillwatch.detection.case import draw_tail
from stillwatch.detection.orders import Order, strata


def everybody(figure):
    """All accounts in order of a figure."""
    return Order.of(figure, np.ones(len(figure), bool)).without(np.zeros(0, int))


FIGURES = st.lists(st.integers(0, 9), min_size=30, max_size=120)


@given(FIGURES, st.lists(st.integers(-3, 12), min_size=1, max_size=40))
def test_all_that_are_equal_stand_for_one_another(figures, wanted):
    figure = np.array(figures, dtype=np.float64)
    found = alike(everybody(figure), np.array(wanted, dtype=np.float64))
    assert (found.low >= 0).all()
    assert (found.high <= len(figure)).all()
    for want, low, high in zip(wanted, found.low, found.high, strict=True):
        window = set(found.pool.at(np.arange(low, high)).tolist())
        assert set(np.flatnonzero(figure == want).tolist()) <= window
        assert len(window) >= min(2 * RANKS, len(figure))


@given(FIGURES, st.lists(st.integers(1, 9), min_size=1, max_size=30), st.integers(0, 1000))
def test_who_is_drawn_is_alike_and_distinct_where_asked(figures, wanted, seed):
    figure = np.array(figures, dtype=np.float64)
    pool = np.arange(0, len(figure), 2)
    found = matched(
        everybody(strata(figure)).order.without(np.arange(1, len(figure), 2)), np.array(wanted, float)
    )
    (sets,) = found.draws(3, np.random.default_rng(seed))
    assert sets.shape == (3, len(wanted))
    assert set(sets.ravel().tolist()) <= set(pool.tolist())
    for chosen in found.distinct(3, np.random.default_rng(seed)):
        assert len(set(chosen.tolist())) == len(chosen) <= len(wanted)


def one_by_one(reference, rng):
    """A set of which nobody is twice there, each account drawn by numpy."""
    at = rng.integers(reference.low, reference.high)
    for _ in range(REDRAWS):
        again = np.ones(len(at), dtype=bool)
        again[np.unique(at, return_index=True)[1]] = False
        if not again.any():
            break
        at[again] = rng.integers(reference.low[again], reference.high[again])
    return reference.pool.at(np.unique(at))


@pytest.mark.parametrize("at_once", [1, 70, 1 << 18])
def test_sets_drawn_together_are_those_drawn_one_by_one(monkeypatch, at_once):
    monkeypatch.setattr(_matched, "AT_ONCE", at_once)
    for seed in range(20):
        chance = np.random.default_rng([1, seed])
        pool = everybody(np.arange(60.0)).order.without(np.arange(seed))
        low = chance.integers(0, 20, 1 + 2 * seed)
        reference = Reference(pool, low, low + chance.integers(1, 20, len(low)))
        one, other = (np.random.default_rng([2, seed]) for _ in range(2))
        expected = [pool.at(other.integers(reference.low, reference.high)).tolist() for _ in range(7)]
        assert np.concatenate(list(reference.draws(7, one))).tolist() == expected
        found = [sorted(chosen.tolist()) for chosen in reference.distinct(7, one)]
        assert found == [sorted(one_by_one(reference, other).tolist()) for _ in range(7)]
        assert one.random() == other.random()


@pytest.mark.parametrize(
    ("low", "high", "effective"),
    [([0], [10], 10), ([0, 0], [10, 10], 10), ([0, 10], [10, 20], 20), ([0, 0], [1, 1], 1)],
)
def test_how_many_there_are_to_draw(low, high, effective):
    found = Reference(everybody(np.arange(20.0)), np.array(low), np.array(high))
    assert found.effective == pytest.approx(effective)


@pytest.mark.parametrize(("group", "outside"), [(20, 400), (300, 600), (400, 100)])
def test_a_mean_over_a_group_is_rejected_no_more_often_than_the_level(group, outside):
    """However few there are outside for how many inside, and however many are equal in volume."""
    rng = np.random.default_rng([1, group])
    low = []
    for _ in range(300):
        volume = np.full(group + outside, 6.0)
        value = rng.random(group + outside)
        found = alike(everybody(volume).order.without(np.arange(group)), volume[:group])
        drawn = found.widened(np.concatenate([value[sets].mean(axis=1) for sets in found.draws(100, rng)]))
        low.append(draw_tail(float(value[:group].mean()), drawn))
    p = np.array(low)
    # At most what happens to one valid test in a thousand.
    for level, most in ((0.05, 28), (0.01, 9), (0.001, 4)):
        assert (p <= level).sum() <= most, level


@pytest.mark.parametrize("behaviour", [SPREAD_ADDRESSES, ROUND_THE_CLOCK], ids=lambda b: b.name)
def test_a_third_of_all_accounts_at_random_is_no_campaign(worlds, behaviour):
    """Everybody of one volume, addresses and hours at random: with a template on 200 of 600 there is nothing to find."""
    found = []
    for seed in range(6):
        rng = np.random.default_rng([5, seed])
        world = worlds.World()
        members = set(rng.permutation(600)[:200].tolist())
        for number in range(600):
            moving, middle = rng.random(), int(rng.integers(24))
            for k in range(6):
                world.say(
                    number,
                    worlds.MONDAY + 24 * int(rng.integers(7)) + int(rng.normal(middle, 4)) % 24,
                    address=f"a-{number}-{k}" if rng.random() < moving else f"home-{number}",
                    item=f"i-{number}-{k}",
                    objects=(("prefix", "t"),) if number in members else (),
                )
        seen = behaviour.examine(worlds.case(world, members, ("prefix", "t")))
        found.append(seen.p_value)
    assert min(found) > 1e-3
