"""Accounts that infrastructure alone chose, and how many of them use the group's template."""

import pytest

from stillwatch.detection.behaviours.shared_template import BEHAVIOUR


def room(worlds, users=20, telephone="one-room"):
    """Twenty accounts with one telephone, of which the first few use the template on most of their exchanges."""
    world = worlds.planted()
    worlds.apart(world)
    for member in worlds.CAMPAIGN:
        world.account(member, phone_fingerprint=telephone)
    world.change(lambda e: e.account in worlds.CAMPAIGN[users:], objects=())
    return world


def test_a_room_that_uses_one_template(worlds):
    seen = worlds.examined(BEHAVIOUR, room(worlds))
    assert seen.p_value < 1e-20
    assert seen.statistic == 1
    assert seen.supports
    assert "100% of the 20 accounts" in seen.statement


def test_a_room_of_which_few_use_it_does_not_support(worlds):
    seen = worlds.examined(BEHAVIOUR, room(worlds, users=8))
    assert seen.statistic == pytest.approx(0.4)
    assert not seen.supports


def test_no_p_value_where_the_texts_chose_the_group_themselves(worlds):
    seen = worlds.examined(BEHAVIOUR, room(worlds, telephone=None))
    assert seen.p_value is None
    assert seen.statistic == 1


def test_without_text_objects_there_is_nothing_to_see(worlds):
    world = room(worlds)
    assert BEHAVIOUR.examine(worlds.case(world, worlds.CAMPAIGN)) is None


def test_strangers_with_one_telephone_are_rejected_no_more_often_than_the_level(worlds):
    for level, count, most in worlds.rejected(BEHAVIOUR, worlds.room_nulls()):
        assert count <= most, f"{count} at {level}"
