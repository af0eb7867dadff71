"""A group's traffic within two days."""

import numpy as np
import pytest

from stillwatch.detection.behaviours.traffic_spike import BEHAVIOUR, densest_share


def test_densest_share_is_that_of_the_fullest_window():
    by_hour = np.array([[1.0, 0, 4, 3, 0, 2], [5.0, 0, 0, 0, 0, 5]])
    assert densest_share(by_hour, 2) == pytest.approx([0.7, 0.5])
    assert densest_share(by_hour, 6) == pytest.approx([1, 1])


def spiked(worlds, share, shift=0):
    """A campaign that sends this share of its exchanges in thirty hours of the fourth day, the others before."""
    world = worlds.planted()
    world.exchanges = [e for e in world.exchanges if e.account not in worlds.CAMPAIGN]
    for place, member in enumerate(worlds.CAMPAIGN):
        for k in range(20):
            late = k < 20 * share
            at = 80 + (7 * place + 3 * k) % 30 if late else (11 * place + 4 * k) % 30
            world.say(member, worlds.MONDAY + at + shift, objects=worlds.template("t"))
    return world


def test_a_spike(worlds):
    seen = worlds.examined(BEHAVIOUR, spiked(worlds, 0.9))
    assert seen.p_value < 1e-4
    assert seen.statistic == pytest.approx(0.9)
    assert seen.supports


def test_even_traffic_is_no_spike(worlds):
    seen = worlds.examined(BEHAVIOUR, worlds.planted())
    assert seen.p_value > 0.01
    assert not seen.supports


def test_one_account_makes_no_spike(worlds):
    world = worlds.planted()
    for k in range(3000):
        world.say(1000, worlds.MONDAY + 50 + k % 40, objects=worlds.template("t"))
    assert not worlds.examined(BEHAVIOUR, world).supports


def test_a_shift_of_the_group_s_hours_changes_nothing(worlds):
    assert worlds.examined(BEHAVIOUR, spiked(worlds, 0.9)) == worlds.examined(
        BEHAVIOUR, spiked(worlds, 0.9, shift=9)
    )


def test_a_log_of_few_days_says_nothing(worlds):
    world = spiked(worlds, 0.9)
    world.exchanges = [e for e in world.exchanges if e.hour >= worlds.MONDAY + 80]
    assert worlds.examined(BEHAVIOUR, world) is None


def test_a_spike_in_an_exercise_is_found(drilled):
    seen = BEHAVIOUR.examine(drilled("spike").campaign())
    assert seen.p_value < 1e-6
    assert seen.supports
    assert seen.statistic > 0.9


@pytest.mark.parametrize("least", [1, 5])
def test_random_sets_are_rejected_no_more_often_than_the_level(worlds, drilled, least):
    for level, count, most in worlds.rejected(BEHAVIOUR, drilled("spike").benign(least=least)):
        assert count <= most, f"{count} at {level}"
