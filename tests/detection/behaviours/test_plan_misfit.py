"""Volumes against those of outside accounts on the same plan."""

import numpy as np
import pytest

from stillwatch.detection.behaviours.plan_misfit import BEHAVIOUR, limit_of
from stillwatch.detection.orders import Order


def test_the_limit_leaves_a_hundredth_of_accounts_above_it_and_counts_their_exchanges():
    volumes = np.r_[np.ones(197), 3.0, 50.0, 150.0]
    order = Order.of(volumes, np.ones(200, bool))
    limit, share = limit_of(order.without(np.zeros(0, int)), order.running(volumes))
    assert limit == 3
    assert share == pytest.approx((200 + 3) / (400 + 3))


def heavy(worlds, plan, count=300):
    """A campaign on one plan, each account with this many exchanges, among 300 ordinary accounts on the free plan."""
    world = worlds.planted(strangers=300)
    for number in world.facts:
        world.account(number, plan="free")
    for member in worlds.CAMPAIGN:
        world.account(member, plan=plan)
    world.exchanges = [e for e in world.exchanges if e.account not in worlds.CAMPAIGN]
    for member in worlds.CAMPAIGN:
        for k in range(count):
            world.say(member, worlds.MONDAY + k % 160, objects=worlds.template("t"))
    return world


def test_volumes_that_do_not_fit_the_plan(worlds):
    seen = worlds.examined(BEHAVIOUR, heavy(worlds, "free"))
    assert seen.p_value < 1e-10
    assert seen.statistic == 1
    assert seen.supports
    assert "on free" in seen.statement


def test_volumes_that_fit_it(worlds):
    seen = worlds.examined(BEHAVIOUR, heavy(worlds, "free", 10))
    assert seen.statistic == 0
    assert seen.p_value == 1
    assert not seen.supports


@pytest.mark.parametrize("plan", ["enterprise", "education", "startup", None])
def test_other_plans_rare_plans_and_unknown_plans_say_nothing(worlds, plan):
    assert worlds.examined(BEHAVIOUR, heavy(worlds, plan)) is None


def test_heavy_accounts_of_an_exercise_are_found(drilled):
    seen = BEHAVIOUR.examine(drilled("technique_search").campaign())
    assert seen.p_value < 1e-5
    assert seen.supports


@pytest.mark.parametrize("least", [1, 5])
def test_random_sets_are_rejected_no_more_often_than_the_level(worlds, drilled, least):
    # Sets of busier accounts, too: whatever forms a group, busy accounts are in it more often.
    for level, count, most in worlds.rejected(BEHAVIOUR, drilled("technique_search").benign(least=least)):
        assert count <= most, f"{count} at {level}"
