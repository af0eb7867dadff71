"""Ever-new addresses, against strangers with as many exchanges."""

from dataclasses import replace

import pytest

from stillwatch.detection.behaviours.spread_addresses import BEHAVIOUR


def addresses(worlds, address):
    world = worlds.planted()
    place = iter(range(100_000))
    world.exchanges = [
        replace(e, address=address(e.account, next(place))) if e.account in worlds.CAMPAIGN else e
        for e in world.exchanges
    ]
    return world


def test_an_address_for_every_request(worlds):
    seen = worlds.examined(BEHAVIOUR, addresses(worlds, lambda _, k: f"proxy-{k}"))
    assert seen.p_value < 1e-4
    assert seen.statistic == pytest.approx(1)
    assert seen.supports
    assert "1.00 new addresses for each exchange" in seen.statement


def test_one_address_each(worlds):
    seen = worlds.examined(BEHAVIOUR, addresses(worlds, lambda account, _: f"home-{account}"))
    assert seen.p_value > 0.2
    assert not seen.supports


def test_no_p_value_where_infrastructure_chose_the_group(worlds):
    world = addresses(worlds, lambda _, k: f"proxy-{k}")
    seen = BEHAVIOUR.examine(worlds.case(world, worlds.CAMPAIGN))
    assert seen.p_value is None
    assert seen.supports


def test_without_addresses_there_is_nothing_to_see(worlds):
    world = worlds.planted()
    world.change(lambda _: True, address=None)
    assert worlds.examined(BEHAVIOUR, world) is None


def test_strangers_with_one_template_are_rejected_no_more_often_than_the_level(worlds):
    for level, count, most in worlds.rejected(BEHAVIOUR, worlds.template_nulls()):
        assert count <= most, f"{count} at {level}"
