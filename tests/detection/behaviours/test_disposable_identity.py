"""Unverified accounts on virtual and prepaid cards."""

import pytest

from stillwatch.detection.behaviours.disposable_identity import BEHAVIOUR


def paid(worlds, kind, verified=False):
    world = worlds.planted()
    for member in worlds.CAMPAIGN:
        world.account(member, payment_kind=kind, verified=verified)
    return world


@pytest.mark.parametrize("kind", ["virtual_card", "prepaid_card"])
def test_unverified_on_disposable_cards(worlds, kind):
    seen = worlds.examined(BEHAVIOUR, paid(worlds, kind))
    assert seen.p_value < 1e-10
    assert seen.statistic == 1
    assert seen.supports
    assert "100% of the accounts are unverified" in seen.statement


@pytest.mark.parametrize(("kind", "verified"), [("card", False), ("virtual_card", True), ("invoice", False)])
def test_verified_accounts_and_lasting_cards_are_not_disposable(worlds, kind, verified):
    seen = worlds.examined(BEHAVIOUR, paid(worlds, kind, verified))
    assert seen.statistic == 0
    assert not seen.supports


def test_where_nobody_says_whether_accounts_are_verified_there_is_nothing_to_see(worlds):
    assert worlds.examined(BEHAVIOUR, paid(worlds, "virtual_card", verified=None)) is None


def test_no_p_value_where_infrastructure_chose_the_group(worlds):
    seen = BEHAVIOUR.examine(worlds.case(paid(worlds, "virtual_card"), worlds.CAMPAIGN))
    assert seen.p_value is None


def test_without_kinds_of_payment_there_is_nothing_to_see(worlds):
    world = worlds.planted()
    for number in world.facts:
        world.account(number, payment_kind=None)
    assert worlds.examined(BEHAVIOUR, world) is None


def test_strangers_with_one_template_are_rejected_no_more_often_than_the_level(worlds):
    for level, count, most in worlds.rejected(BEHAVIOUR, worlds.template_nulls()):
        assert count <= most, f"{count} at {level}"
