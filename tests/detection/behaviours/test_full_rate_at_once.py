"""New accounts that send at full rate from their first days on."""

import pytest

from stillwatch.detection.behaviours.full_rate_at_once import BEHAVIOUR


def fresh(worlds, age, daily):
    """A campaign of accounts that were `age` days old on the first day and send `daily` exchanges on each of three."""
    world = worlds.planted()
    world.exchanges = [e for e in world.exchanges if e.account not in worlds.CAMPAIGN]
    for member in worlds.CAMPAIGN:
        world.account(member, created=worlds.MONDAY - 24 * age)
        for k in range(3 * daily):
            world.say(
                member,
                worlds.MONDAY + 24 * (k % 3) + k % 20,
                objects=worlds.template("t"),
                item=f"{member}-{k}",
            )
    return world


def test_full_rate_on_the_first_day(worlds):
    seen = worlds.examined(BEHAVIOUR, fresh(worlds, age=0, daily=12))
    assert seen.p_value < 1e-10
    assert seen.statistic == 1
    assert seen.supports
    assert "100% of the accounts" in seen.statement


@pytest.mark.parametrize(("age", "daily"), [(0, 9), (3, 30)])
def test_neither_few_requests_nor_old_accounts_are_at_full_rate(worlds, age, daily):
    seen = worlds.examined(BEHAVIOUR, fresh(worlds, age=age, daily=daily))
    assert seen.statistic == 0
    assert not seen.supports


def test_without_dates_of_creation_there_is_nothing_to_see(worlds):
    world = fresh(worlds, age=0, daily=12)
    for number in world.facts:
        world.account(number, created_at=None)
    assert worlds.examined(BEHAVIOUR, world) is None


def test_strangers_with_one_template_are_rejected_no_more_often_than_the_level(worlds):
    for level, count, most in worlds.rejected(BEHAVIOUR, worlds.template_nulls()):
        assert count <= most, f"{count} at {level}"
