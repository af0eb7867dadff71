"""Day and night alike, against strangers who sleep."""

import numpy as np
import pytest

from stillwatch.detection.behaviours.round_the_clock import BEHAVIOUR


def clock(worlds, hour, hours=60):
    """A campaign that is active in so many hours, the clock's hour being `hour(k)`."""
    world = worlds.planted()
    world.exchanges = [e for e in world.exchanges if e.account not in worlds.CAMPAIGN]
    for member in worlds.CAMPAIGN:
        for k in range(hours):
            world.say(
                member,
                worlds.MONDAY + 24 * (k % 7) + hour(k),
                objects=worlds.template("t"),
                item=f"{member}-{k}",
            )
    return world


def test_day_and_night_alike(worlds):
    seen = worlds.examined(BEHAVIOUR, clock(worlds, lambda k: (5 * k) % 24))
    assert seen.p_value < 1e-4
    assert seen.statistic < 0.1
    assert seen.supports
    assert f"from one day to another is {seen.statistic:.2f}" in seen.statement


def test_office_hours(worlds):
    seen = worlds.examined(BEHAVIOUR, clock(worlds, lambda k: 9 + (5 * k) % 8))
    assert seen.p_value > 0.5
    assert not seen.supports


@pytest.mark.parametrize("shift", [1, 5, 13])
@pytest.mark.parametrize("awake", [8, 19, 24])
def test_a_shift_of_all_hours_of_the_group_changes_nothing(worlds, awake, shift):
    """Another time zone, over midnight or not: days are each account's own, and no figure moves by a digit."""
    here, there = (
        worlds.examined(BEHAVIOUR, clock(worlds, lambda k, by=by: 9 + by + (5 * k) % awake))
        for by in (0, shift)
    )
    assert there == here


def test_the_statistic_is_the_mean_cosine_over_pairs_of_hours_on_different_days(worlds):
    rng = np.random.default_rng(4)
    world = worlds.planted()
    world.exchanges = [e for e in world.exchanges if e.account not in worlds.CAMPAIGN]
    cosines = []
    for member in worlds.CAMPAIGN:
        hours = np.unique(np.r_[0, rng.integers(0, 168, 12)])
        for k, hour in enumerate(hours.tolist()):
            world.say(member, worlds.MONDAY + hour, objects=worlds.template("t"), item=f"{member}-{k}")
        cosines += [np.cos(2 * np.pi * (a - b) / 24) for a in hours for b in hours if a // 24 != b // 24]
    assert worlds.examined(BEHAVIOUR, world).statistic == pytest.approx(np.mean(cosines))


def test_accounts_of_one_day_show_no_rhythm(worlds):
    world = worlds.planted()
    world.exchanges = [e for e in world.exchanges if e.account not in worlds.CAMPAIGN]
    for member in worlds.CAMPAIGN:
        for hour in range(20):
            world.say(member, worlds.MONDAY + hour, objects=worlds.template("t"), item=f"{member}-{hour}")
    assert worlds.examined(BEHAVIOUR, world) is None


@pytest.mark.parametrize(("accounts", "tested"), [(14, False), (15, True)])
def test_thirty_pairs_of_hours_are_needed(worlds, accounts, tested):
    # Two hours on two days: two ordered pairs an account.
    world = worlds.planted()
    world.exchanges = [e for e in world.exchanges if e.account not in worlds.CAMPAIGN]
    members = worlds.CAMPAIGN[:accounts]
    for member in members:
        for hour in (9, 34):
            world.say(member, worlds.MONDAY + hour, objects=worlds.template("t"), item=f"{member}-{hour}")
    seen = BEHAVIOUR.examine(worlds.case(world, members, *worlds.template("t")))
    assert (seen is not None) is tested


def test_strangers_with_one_template_are_rejected_no_more_often_than_the_level(worlds):
    for level, count, most in worlds.rejected(BEHAVIOUR, worlds.template_nulls()):
        assert count <= most, f"{count} at {level}"
