"""Activity that rises and falls together, beyond daily rhythms."""

import numpy as np
import pytest

from stillwatch.detection.behaviours.synchronised_activity import BEHAVIOUR, OWN_RHYTHM, _of_sets, correlation


def bursts(worlds, hours):
    """A campaign of 20 accounts that sends 24 exchanges each, in hours given by `hours(rng, account)`."""
    world = worlds.planted()
    world.exchanges = [e for e in world.exchanges if e.account not in worlds.CAMPAIGN]
    for member in worlds.CAMPAIGN:
        rng = np.random.default_rng([3, member])
        for k, hour in enumerate(hours(rng, member)):
            world.say(member, worlds.MONDAY + int(hour), objects=worlds.template("t"), item=f"{member}-{k}")
    return world


def test_common_bursts(worlds):
    shifts = [5, 6, 31, 32, 80, 81, 120, 150]
    seen = worlds.examined(BEHAVIOUR, bursts(worlds, lambda rng, _: rng.choice(shifts, 24)))
    assert seen.p_value < 1e-3
    assert seen.statistic > 0.1
    assert seen.supports
    assert f"{seen.statistic:.3f}" in seen.statement


def test_a_daily_rhythm_in_common_is_not_synchrony(worlds):
    # Office hours of one time zone, each day alike: the same slots, but nothing beyond them.
    seen = worlds.examined(
        BEHAVIOUR, bursts(worlds, lambda rng, _: 24 * rng.integers(7, size=24) + rng.integers(9, 15, size=24))
    )
    assert abs(seen.statistic) < 0.05
    assert not seen.supports


@pytest.mark.parametrize("by", [1, 5, 13])
def test_a_shift_of_all_hours_of_the_group_changes_nothing(worlds, by):
    """Another time zone: as long as the log covers it, no figure may move by a digit."""
    beats = np.array([5, 6, 31, 32, 80, 81, 120, 140])
    here, there = (
        worlds.examined(BEHAVIOUR, bursts(worlds, lambda rng, _, by=by: rng.choice(beats, 24) + by))
        for by in (0, by)
    )
    assert there == here
    assert here.supports


def test_accounts_that_are_each_busy_on_another_day_are_not_in_step(worlds):
    seen = worlds.examined(
        BEHAVIOUR, bursts(worlds, lambda rng, member: 24 * (member % 7) + rng.integers(24, size=24))
    )
    assert seen.statistic < 0.05
    assert not seen.supports


def test_one_day_is_too_short(worlds):
    world = worlds.planted()
    world.change(lambda e: e.hour >= worlds.MONDAY + 24, hour=worlds.MONDAY + 5)
    assert worlds.examined(BEHAVIOUR, world) is None


def test_correlation_of_accounts_in_step_and_of_accounts_apart():
    rng = np.random.default_rng(5)
    beat = rng.poisson(3, 56).astype(float)
    assert correlation(np.tile(beat, (6, 1))) == pytest.approx(1)
    apart = correlation(rng.poisson(3, (60, 56)).astype(float))
    assert abs(apart) < 0.03


def test_correlation_is_the_mean_over_pairs_of_what_days_differ_by():
    """The same by hand, where an account's own rhythm is all of it: cosines of counts less their mean over days."""
    rng = np.random.default_rng(6)
    slots = np.tile(rng.poisson(5, 8) + 1.0, 7)
    counts = slots * 1e6 + rng.integers(-9, 10, (5, 56))  # so many that nothing is left of the set's rhythm
    days = counts.reshape(5, 7, 8)
    left = (days - days.mean(axis=1, keepdims=True)).reshape(5, 56)
    unit = left / np.linalg.norm(left, axis=1, keepdims=True)
    pairs = (unit @ unit.T)[np.triu_indices(5, 1)]
    assert correlation(counts) == pytest.approx(pairs.mean(), abs=1e-3)


def by_numpy(counts):
    """The same, by arrays."""
    counts = counts[counts.sum(axis=1) >= 2]
    (n, blocks), by_slot = counts.shape, counts.reshape(len(counts), -1, 8).sum(axis=1)
    total = by_slot.sum(axis=1, keepdims=True)
    common = by_slot.sum(axis=0) / by_slot.sum()
    rhythm = (by_slot + OWN_RHYTHM * common) / (total + OWN_RHYTHM)
    residual = counts - np.tile(rhythm, (1, blocks // 8)) * (total / (blocks // 8))
    unit = residual / np.linalg.norm(residual, axis=1, keepdims=True)
    return ((unit.sum(axis=0) ** 2).sum() - n) / (n * (n - 1))


def test_correlation_of_sets_of_accounts_by_their_hours_in_the_ledger(worlds):
    case = worlds.case(worlds.planted(), worlds.CAMPAIGN, *worlds.template("t"))
    ledger, rng = case.view.ledger, np.random.default_rng(8)
    sets = rng.choice(worlds.outside(case), (20, 9))
    found = _of_sets(case, sets)
    for chosen, correlated in zip(sets, found, strict=True):
        counts = np.zeros((len(chosen), 8 * case.days))
        mine = [ledger["acc"] == account for account in chosen]
        first = min(ledger["hour"][rows].min() for rows in mine)
        for row, rows in enumerate(mine):
            np.add.at(counts[row], (ledger["hour"][rows] - first) // 3, ledger["n"][rows])
        assert correlated == pytest.approx(by_numpy(counts), abs=1e-12)
        assert correlated == correlation(counts)


def test_correlation_needs_four_accounts_with_two_exchanges():
    counts = np.zeros((5, 16))
    counts[:3, ::2] = 1
    counts[3:, 0] = 1
    assert correlation(counts) == 0


def test_strangers_with_one_template_are_rejected_no_more_often_than_the_level(worlds):
    for level, count, most in worlds.rejected(BEHAVIOUR, worlds.template_nulls()):
        assert count <= most, f"{count} at {level}"
