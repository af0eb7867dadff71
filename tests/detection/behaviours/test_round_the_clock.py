"""Day and night alike, against strangers who sleep."""

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
    assert "Daily rhythm of the accounts is 0.0" in seen.statement


def test_office_hours(worlds):
    seen = worlds.examined(BEHAVIOUR, clock(worlds, lambda k: 9 + (5 * k) % 8))
    assert seen.p_value > 0.5
    assert not seen.supports


@pytest.mark.parametrize("shift", [1, 7, 13])
def test_a_shift_of_all_hours_changes_nothing(worlds, shift):
    here, there = (
        worlds.examined(BEHAVIOUR, clock(worlds, lambda k, by=by: (by + (5 * k) % 8) % 24))
        for by in (0, shift)
    )
    assert there.statistic == pytest.approx(here.statistic)
    assert there.p_value == pytest.approx(here.p_value)


def test_accounts_of_few_hours_show_no_rhythm(worlds):
    assert worlds.examined(BEHAVIOUR, clock(worlds, lambda k: k % 24, hours=11)) is None


def test_strangers_with_one_template_are_rejected_no_more_often_than_the_level(worlds):
    for level, count, most in worlds.rejected(BEHAVIOUR, worlds.template_nulls()):
        assert count <= most, f"{count} at {level}"
