"""Who uses the group's template, and whether they have more in common than that."""

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


def test_users_with_nothing_else_in_common_are_a_popular_client(worlds):
    world = room(worlds, telephone=None)
    for stranger in (1, 2):
        world.account(stranger, payment_fingerprint="a family's card")
    seen = worlds.examined(BEHAVIOUR, world)
    assert seen.p_value == 1
    assert seen.statistic == 1


def test_no_p_value_where_infrastructure_alone_holds_the_group_together(worlds):
    assert worlds.examined(BEHAVIOUR, room(worlds, users=8)).p_value is None


def test_no_p_value_without_infrastructure_in_the_data(worlds):
    world = room(worlds, telephone=None)
    for number in world.facts:
        things = ("payment_fingerprint", "phone_fingerprint", "email_fingerprint", "signup_address")
        world.account(number, **dict.fromkeys(things))
    world.change(lambda e: True, address=None, credential=None)
    assert worlds.examined(BEHAVIOUR, world).p_value is None


def test_without_text_objects_there_is_nothing_to_see(worlds):
    world = room(worlds)
    assert BEHAVIOUR.examine(worlds.case(world, worlds.CAMPAIGN)) is None


def test_users_of_a_popular_client_in_offices_are_rejected_no_more_often_than_the_level(worlds):
    """Offices in which four or more happen to use it are there, and must not be what is looked at."""
    for level, count, most in worlds.rejected(BEHAVIOUR, worlds.client_nulls()):
        assert count <= most, f"{count} at {level}"
