"""Addresses and fingerprints in common, against how often strangers share."""

from dataclasses import replace

import pytest

from stillwatch.detection.behaviours.shared_address import BEHAVIOUR

COLUMNS = [
    ("signup_address", "a sign-up address"),
    ("address", "a client address"),
    ("fingerprint", "a rare TLS fingerprint"),
]
OF_ACCOUNTS = ("signup_address",)


def sharing(worlds, column, things):
    """A campaign whose accounts hold the things that `things` gives by place; nobody shares anything else."""
    world = worlds.planted()
    worlds.apart(world)
    held = {member: things(k) for k, member in enumerate(worlds.CAMPAIGN)}
    if column in OF_ACCOUNTS:
        for member, thing in held.items():
            world.account(member, **{column: thing})
    else:
        world.exchanges = [
            replace(e, **{column: held[e.account]}) if e.account in held else e for e in world.exchanges
        ]
    return world


@pytest.mark.parametrize(("column", "wording"), COLUMNS)
def test_a_thing_for_every_four_accounts(worlds, column, wording):
    seen = worlds.examined(BEHAVIOUR, sharing(worlds, column, lambda k: f"thing-{k // 4}"))
    assert seen.p_value < 1e-6
    assert seen.statistic == 1
    assert seen.supports
    assert (
        f"100% of the accounts share {wording} with another account of the group (5 in all)" in seen.statement
    )


@pytest.mark.parametrize(("column", "wording"), COLUMNS)
def test_one_pair_is_one_event(worlds, column, wording):
    # 190 pairs of 20 accounts could share; outside, half a pair is taken to.
    seen = worlds.examined(BEHAVIOUR, sharing(worlds, column, lambda k: f"thing-{max(k, 1)}"))
    outside = 150 * 149 / 2
    assert seen.p_value == pytest.approx(190 * 0.5 / outside, rel=0.05)
    assert seen.statistic == pytest.approx(0.1)


@pytest.mark.parametrize(("column", "wording"), COLUMNS)
def test_no_p_value_where_infrastructure_chose_the_group(worlds, column, wording):
    world = sharing(worlds, column, lambda k: f"thing-{k // 4}")
    seen = BEHAVIOUR.examine(worlds.case(world, worlds.CAMPAIGN))
    assert seen.p_value is None
    assert seen.statistic == 1


def test_where_nobody_shares_there_is_nothing_to_see(worlds):
    assert worlds.examined(BEHAVIOUR, sharing(worlds, COLUMNS[0][0], lambda k: f"thing-{k}")) is None


def test_strangers_with_one_template_are_rejected_no_more_often_than_the_level(worlds):
    for level, count, most in worlds.rejected(BEHAVIOUR, worlds.template_nulls()):
        assert count <= most, f"{count} at {level}"
