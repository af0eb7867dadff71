"""Accounts made in a burst, against strangers who came over the year."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.detection.behaviours.signup_burst import BEHAVIOUR, WINDOW, Windows, densest


def made(worlds, created):
    """A campaign whose accounts were made in these hours before the first day."""
    world = worlds.planted()
    for k, member in enumerate(worlds.CAMPAIGN):
        world.account(member, created=worlds.MONDAY - created(k))
    return world


def test_accounts_of_one_delivery(worlds):
    seen = worlds.examined(BEHAVIOUR, made(worlds, lambda k: 500 + 2 * k))
    assert seen.p_value < 1e-10
    assert seen.statistic == 1
    assert seen.supports
    assert "100% of the accounts were made within the same 48 hours" in seen.statement


def test_accounts_of_a_whole_year(worlds):
    seen = worlds.examined(BEHAVIOUR, made(worlds, lambda k: 100 + 300 * k))
    assert seen.p_value > 0.05
    assert not seen.supports


def test_no_p_value_where_infrastructure_chose_the_group(worlds):
    world = made(worlds, lambda k: 500 + 2 * k)
    seen = BEHAVIOUR.examine(worlds.case(world, worlds.CAMPAIGN))
    assert seen.p_value is None
    assert seen.statistic == 1


def test_three_known_dates_are_too_few(worlds):
    world = made(worlds, lambda k: 500)
    for member in worlds.CAMPAIGN[3:]:
        world.account(member, created_at=None)
    assert worlds.examined(BEHAVIOUR, world) is None


@given(st.lists(st.integers(0, 300), min_size=1, max_size=40), st.integers(1, 60))
def test_densest_window_against_every_start(created, window):
    count, start = densest(np.array(created), window)
    assert count == max(sum(s <= c < s + window for c in created) for s in created)
    assert count == sum(start <= c < start + window for c in created)


def test_strangers_with_one_template_are_rejected_no_more_often_than_the_level(worlds):
    for level, count, most in worlds.rejected(BEHAVIOUR, worlds.template_nulls()):
        assert count <= most, f"{count} at {level}"


@given(st.lists(st.integers(1000, 1400), max_size=80), st.data())
def test_the_fullest_window_of_those_who_are_left(created, data):
    created = np.array(created, dtype=np.int64)
    gone = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(created), max_size=len(created))), dtype=bool
    )
    left = created[~gone]
    windows = Windows.of(created)
    assert windows.accounts == len(created)
    assert windows.without(created[gone]) == (densest(left, WINDOW)[0] if len(left) else 0)
