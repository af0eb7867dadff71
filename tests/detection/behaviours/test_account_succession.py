"""Accounts that begin when others of their group were blocked."""

from types import SimpleNamespace

import numpy as np
import pytest

from stillwatch.detection.behaviours.account_succession import BEHAVIOUR, Starts, soon_after, waves_followed
from stillwatch.detection.intake import HOUR_US


def test_a_start_belongs_to_the_36_hours_after_an_end():
    end = np.array([100, 200])
    start = np.array([99, 100, 101, 136, 137, 200, 201, 236, 237])
    assert soon_after(start, end).tolist() == [False, False, True, True, False, False, True, True, False]


def test_starts_outside_are_counted_by_hour_without_the_groups_own():
    rng = np.random.default_rng(3)
    hour, active, known = rng.integers(100, 300, 500), rng.random(500) < 0.9, rng.random(500) < 0.8
    view = SimpleNamespace(totals={"first": hour * float(HOUR_US)}, active=active)
    starts = Starts.of(view, known)
    some = np.flatnonzero(active & known)
    for hours in ([120, 121], [150, 160, 250], [90, 400]):
        end, own = np.array(hours), rng.choice(some, 40, replace=False)
        foreign = hour[np.setdiff1d(some, own)]
        expected = int(soon_after(foreign, end).sum()), int((foreign > end[0]).sum())
        assert starts.outside(own, end) == expected


def test_waves_are_counted_that_two_starts_follow():
    end = np.array([100, 110, 130, 200, 300])
    assert waves_followed(np.array([105, 150, 205, 301, 302]), end) == 2
    assert waves_followed(np.array([50, 180]), end) == 0


def test_replaced_accounts_are_found(drilled):
    seen = BEHAVIOUR.examine(drilled("account_replacement").campaign())
    assert seen.p_value < 1e-6
    assert seen.supports
    assert seen.statistic > 0.9
    assert "ended with a block" in seen.statement


def test_random_sets_are_rejected_no_more_often_than_the_level(worlds, drilled):
    blocked = drilled("account_replacement").with_blocks(0.3)
    for level, count, most in worlds.rejected(BEHAVIOUR, blocked.benign(size=60)):
        assert count <= most, f"{count} at {level}"


def replaced(worlds, waves, status="blocked"):
    """A campaign of which, in each wave, four accounts end with this status and four others begin next day."""
    world = worlds.planted()
    worlds.people(world, np.random.default_rng(2), range(2000, 2400), mean=3)
    world.exchanges = [e for e in world.exchanges if e.account not in worlds.CAMPAIGN]
    for place, member in enumerate(worlds.CAMPAIGN):
        wave = min(place // 4, waves)
        for k in range(10):
            ends = k == 9 and wave < waves
            at = worlds.MONDAY + 10 + 40 * wave + 3 * k
            world.say(member, at, objects=worlds.template("t"), status=status if ends else "ok")
    return world


def test_one_wave_can_be_chance(worlds):
    one, two = (worlds.examined(BEHAVIOUR, replaced(worlds, waves)) for waves in (1, 2))
    assert not one.supports
    assert "one wave" in one.statement
    assert two.supports
    assert "one wave" not in two.statement


@pytest.mark.parametrize("status", ["ok", None])
def test_without_blocks_there_is_nothing_to_see(worlds, status):
    assert worlds.examined(BEHAVIOUR, replaced(worlds, 3, status)) is None


def test_members_of_whom_no_status_is_known_are_left_out(worlds):
    world = replaced(worlds, 3)
    untold = list(worlds.CAMPAIGN)[-3:]
    whole = worlds.examined(BEHAVIOUR, world)
    world.change(lambda e: e.account in untold, status=None)
    fewer = worlds.examined(BEHAVIOUR, world)
    assert "Of the 16" in whole.statement
    assert "Of the 13" in fewer.statement
    world.change(lambda e: e.account in list(worlds.CAMPAIGN)[4:], status=None)
    assert worlds.examined(BEHAVIOUR, world) is None
