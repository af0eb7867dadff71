"""The volume of one account, beside everybody's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.detection.behaviours.heavy_account import (
    BEHAVIOUR,
    HEAVIEST,
    TAIL,
    TAIL_LEAST,
    TIED,
    heaviest,
    of_account,
    tail_p_values,
)
from stillwatch.detection.view import view


@pytest.fixture
def world(worlds):
    """One account of two hundred exchanges among a hundred and fifty strangers."""
    world = worlds.World()
    worlds.people(world, np.random.default_rng(5), range(150))
    for i in range(200):
        world.say(1000, worlds.MONDAY + i % 150, item=f"alone-{i}")
    return world


def code_of(worlds, evidence, number):
    return int(np.flatnonzero(evidence.accounts.ids == worlds.name_of(number))[0])


def test_the_busiest_account_is_told(worlds, world):
    seen = BEHAVIOUR.examine(worlds.case(world, [1000]))
    assert seen.statistic == 200
    assert seen.p_value is None, "its volume was not set beside others'"
    assert seen.supports
    assert seen.statement.startswith("The account sent 200 requests; 1 of ")


def test_an_account_like_others_does_not_support(worlds, world):
    evidence = world.evidence()
    assert not of_account(view(evidence), code_of(worlds, evidence, 3)).supports


def test_a_volume_that_heavy_tails_explain_is_a_counter_reason(worlds, world):
    evidence = world.evidence()
    code = code_of(worlds, evidence, 1000)
    usual, outside = (of_account(view(evidence), code, p) for p in (0.4, 0.001))
    assert (usual.supports, outside.supports) == (False, True)
    assert usual.statement.endswith("stands out so far has the probability 0.4.")


def test_of_a_group_it_says_nothing(worlds, world):
    assert BEHAVIOUR.examine(worlds.case(world, range(5))) is None


TESTED = int(TAIL_LEAST / TAIL)
"""Accounts from which on there is a test."""


@pytest.mark.parametrize(("exponent", "accounts"), [(0.8, 4000), (1.4, 4000), (3.0, 4000), (1.5, TESTED)])
def test_under_a_power_law_p_values_are_no_smaller_than_they_say(exponent, accounts):
    rng = np.random.default_rng(int(10 * exponent))
    least = []
    for _ in range(400):
        volumes = np.floor(np.exp(rng.exponential(1 / exponent, accounts)) * 3)
        least.append(tail_p_values(volumes).min())
    least = np.array(least)
    for level in (0.01, 0.05, 0.2):
        assert (least <= level).mean() <= level + 3 * np.sqrt(level / len(least))


@pytest.mark.parametrize("high", [(1e7,), (1e7, 0.9999e7, 0.9998e7), (1e7, 1e7, 1e7)])
def test_volumes_out_of_all_proportion_are_found_and_do_not_hide_each_other(high):
    volumes = np.floor(np.exp(np.random.default_rng(8).exponential(1 / 1.4, 4000)) * 3)
    volumes[: len(high)] = high
    found = tail_p_values(volumes)
    assert (found[: len(high)] < 1e-3).all()
    assert (np.diff(found) >= 0).all(), "whoever is heavier stands out no less"
    assert tail_p_values(volumes[len(high) :])[0] > 0.05


def test_heavy_accounts_of_light_tails_do_not_stand_out():
    """Log-normal volumes fall off faster than any power law."""
    volumes = np.exp(np.random.default_rng(9).normal(2, 1, 20_000))
    assert tail_p_values(volumes).min() > 0.05


def test_few_accounts_and_equal_ones_have_no_tail():
    assert len(tail_p_values(np.arange(1.0, TESTED))) == 0
    assert len(tail_p_values(np.arange(1.0, TESTED + 1))) == HEAVIEST
    assert (tail_p_values(np.full(5000, 7.0)) == 1).all()
    assert (tail_p_values(np.r_[np.full(5000, 7.0), 900.0, 800.0]) > 0.2).all()


@given(st.lists(st.integers(1, 10**9), min_size=TESTED, max_size=TESTED + 200), st.floats(1e-3, 1e3))
@settings(max_examples=25)
def test_p_values_are_probabilities_and_know_no_unit(volumes, unit):
    one, other = (tail_p_values(np.array(volumes, dtype=float) * u) for u in (1.0, unit))
    assert len(one) == HEAVIEST
    assert ((one >= 0) & (one <= 1)).all()
    np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)


def crowd(worlds, *volumes):
    """Accounts of so many exchanges each, within a day."""
    world = worlds.World()
    for number, n in enumerate(volumes):
        for k in range(n):
            world.say(number, worlds.MONDAY + k % 24, item=f"{number}-{k}")
    return view(world.evidence())


def looked_at(worlds, seen, pool=None):
    found = heaviest(seen, np.ones(len(seen.active), dtype=bool) if pool is None else pool)
    return {int(seen.evidence.accounts.ids[code][-5:]): p for code, p in found.items()}


def test_the_heaviest_of_a_pool_are_looked_at(worlds):
    seen = crowd(worlds, *range(1, 31))
    assert set(looked_at(worlds, seen)) == set(range(20, 30))
    pool = seen.totals["n"] < 25
    assert set(looked_at(worlds, seen, pool)) == set(range(14, 24))
    assert set(looked_at(worlds, seen).values()) == {None}, "there are too few for a test"


def test_of_a_tie_all_are_looked_at_or_nobody(worlds):
    quota = crowd(worlds, *[9] * (HEAVIEST + 3), *[2] * 30)
    assert len(looked_at(worlds, quota)) == HEAVIEST + 3
    assert not looked_at(worlds, crowd(worlds, *[4] * (TIED + 1), *[2] * 30))


def test_accounts_of_one_volume_share_a_p_value(worlds):
    seen = crowd(worlds, 400, 300, 300, *[1 + k % 7 for k in range(TESTED)])
    found = looked_at(worlds, seen)
    expected = tail_p_values(seen.totals["n"].astype(float))
    assert found[0] == expected[0]
    assert found[1] == found[2] == expected[2]
