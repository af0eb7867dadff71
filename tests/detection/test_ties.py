"""Ties among accounts that send alike system prompts: cards, telephones, mail addresses and keys; not places."""

import pytest

from stillwatch.detection.ties import tied

MEMBERS = range(1000, 1012)


def world_of(worlds):
    world = worlds.strangers()
    worlds.harvesters(world, MEMBERS, ("system", "app"))
    return world


def names(case, mask):
    return {int(name[-5:]) for name in case.view.evidence.accounts.ids[case.group.accounts[mask]]}


@pytest.mark.parametrize("column", ["payment_fingerprint", "phone_fingerprint", "email_fingerprint"])
def test_who_shares_with_another_member_is_tied(worlds, column):
    world = world_of(worlds)
    for number in (1000, 1001, 1005):
        world.account(number, **{column: "shared"})
    world.account(1002, **{column: "own"})
    # With a stranger only: no tie in the group.
    world.account(1003, **{column: "elsewhere"})
    world.account(5, **{column: "elsewhere"})
    case = worlds.case(world, MEMBERS, ("system", "app"))
    assert names(case, tied(case)) == {1000, 1001, 1005}


def test_a_couple_is_no_ring(worlds):
    world = world_of(worlds)
    for number in (1000, 1001):
        world.account(number, payment_fingerprint="joint")
    case = worlds.case(world, MEMBERS, ("system", "app"))
    assert not tied(case).any()
    # Joined by a telephone with a third they are three.
    for number in (1001, 1002):
        world.account(number, phone_fingerprint="same")
    case = worlds.case(world, MEMBERS, ("system", "app"))
    assert names(case, tied(case)) == {1000, 1001, 1002}


def test_one_key_is_a_tie_and_one_place_is_none(worlds):
    world = world_of(worlds)
    world.change(lambda e: e.account in (1000, 1001, 1002), credential="key")
    world.change(lambda e: e.account in MEMBERS, address="school")
    for number in MEMBERS:
        world.account(number, signup_address="school")
    case = worlds.case(world, MEMBERS, ("system", "app"))
    assert names(case, tied(case)) == {1000, 1001, 1002}


def test_strangers_are_not_tied(worlds):
    case = worlds.case(world_of(worlds), MEMBERS, ("system", "app"))
    assert not tied(case).any()
