"""A move to a new model within a day of its release."""

import pytest

from stillwatch.detection.behaviours.release_pivot import BEHAVIOUR


def movers(worlds, share):
    """A campaign, active before the release of `new`, that puts this share of the day after it on the new model."""
    world = worlds.planted()
    world.exchanges = [e for e in world.exchanges if e.account not in worlds.CAMPAIGN]
    for member in worlds.CAMPAIGN:
        for k in range(40):
            at = worlds.RELEASE - 20 + k
            new = at >= worlds.RELEASE and k % 10 < 10 * share
            world.say(
                member,
                at,
                objects=worlds.template("t"),
                item=f"{member}-{k}",
                model="new" if new else worlds.MODEL,
            )
    return world


def test_a_move_at_once(worlds):
    seen = worlds.examined(BEHAVIOUR, movers(worlds, 0.8), releases={"new": worlds.RELEASE})
    assert seen.p_value < 1e-10
    assert seen.statistic == 1
    assert seen.supports
    assert "new within 24 hours" in seen.statement


def test_a_trial_is_no_move(worlds):
    seen = worlds.examined(BEHAVIOUR, movers(worlds, 0.2), releases={"new": worlds.RELEASE})
    assert seen.statistic == 0
    assert not seen.supports


def test_every_release_that_was_tried_is_paid_for(worlds):
    world = movers(worlds, 0.8)
    one = worlds.examined(BEHAVIOUR, world, releases={"new": worlds.RELEASE})
    two = worlds.examined(BEHAVIOUR, world, releases={"new": worlds.RELEASE, "m-2": worlds.RELEASE})
    assert two.p_value == pytest.approx(2 * one.p_value, rel=1e-9, abs=0)


@pytest.mark.parametrize("hour", [-200, 160])
def test_a_release_that_was_not_seen_whole_says_nothing(worlds, hour):
    world = movers(worlds, 0.8)
    assert worlds.examined(BEHAVIOUR, world, releases={"new": worlds.MONDAY + hour}) is None


def test_without_releases_there_is_nothing_to_see(worlds):
    assert worlds.examined(BEHAVIOUR, movers(worlds, 0.8)) is None


def test_strangers_with_one_template_are_rejected_no_more_often_than_the_level(worlds):
    for level, count, most in worlds.rejected(BEHAVIOUR, worlds.template_nulls()):
        assert count <= most, f"{count} at {level}"
