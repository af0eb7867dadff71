"""Volumes of a campaign that balances its load, against heavy-tailed strangers."""

import numpy as np
import pytest

from stillwatch.detection.behaviours.even_volumes import BEHAVIOUR, spread


def volumes(worlds, counts):
    """A campaign whose accounts send so many exchanges."""
    world = worlds.planted()
    world.exchanges = [e for e in world.exchanges if e.account not in worlds.CAMPAIGN]
    for member, count in zip(worlds.CAMPAIGN, counts, strict=False):
        for k in range(count):
            world.say(member, worlds.MONDAY + k % 168, objects=worlds.template("t"), item=f"{member}-{k}")
    return world


def test_a_balanced_load(worlds):
    counts = [20 + k % 3 for k in range(20)]
    seen = worlds.examined(BEHAVIOUR, volumes(worlds, counts))
    assert seen.p_value < 0.005
    assert seen.statistic == pytest.approx(float(np.std(np.log(counts))))
    assert seen.supports
    assert "median 21" in seen.statement


def test_uneven_volumes(worlds):
    seen = worlds.examined(BEHAVIOUR, volumes(worlds, [int(2 ** (1 + k % 8)) for k in range(20)]))
    assert seen.p_value > 0.5
    assert not seen.supports


def test_accounts_that_come_once_have_no_volume_to_be_even_about(worlds):
    assert worlds.examined(BEHAVIOUR, volumes(worlds, [1] * 20)) is None


def test_three_accounts_are_too_few(worlds):
    world = volumes(worlds, [20, 20, 20])
    assert BEHAVIOUR.examine(worlds.case(world, worlds.CAMPAIGN[:3], *worlds.template("t"))) is None


def test_few_strangers_are_no_reference(worlds):
    world = volumes(worlds, [20] * 20)
    world.exchanges = [e for e in world.exchanges if e.account >= 1000 or e.account < 25]
    assert worlds.examined(BEHAVIOUR, world) is None


def test_spread_is_of_logarithms():
    assert spread(np.array([1.0, np.e**2])) == pytest.approx(1)
    assert spread(np.array([10.0, 10.0])) == 0
    assert spread(np.array([3.0, 30.0, 300.0])) == pytest.approx(spread(np.array([1.0, 10.0, 100.0])))


def test_strangers_with_one_template_are_rejected_no_more_often_than_the_level(worlds):
    for level, count, most in worlds.rejected(BEHAVIOUR, worlds.template_nulls()):
        assert count <= most, f"{count} at {level}"
