"""The volume of one account, beside everybody's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.detection.behaviours.heavy_account import (
    BEHAVIOUR,
    HEAVIEST,
    TAIL_LEAST,
    heaviest,
    of_account,
    tail_p_values,
)
from stillwatch.detection.evidence import view


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


@pytest.mark.parametrize("exponent", [0.8, 1.4, 3.0])
def test_under_a_power_law_p_values_are_no_smaller_than_they_say(exponent):
    rng = np.random.default_rng(int(10 * exponent))
    least = []
    for _ in range(400):
        volumes = np.floor(np.exp(rng.exponential(1 / exponent, 4000)) * 3)
        least.append(tail_p_values(volumes).min())
    least = np.array(least)
    for level in (0.01, 0.05, 0.2):
        assert (least <= level).mean() <= level + 3 * np.sqrt(level / len(least))


@pytest.mark.parametrize("several", [1, 3])
def test_volumes_out_of_all_proportion_are_found_and_do_not_hide_each_other(several):
    volumes = np.floor(np.exp(np.random.default_rng(8).exponential(1 / 1.4, 4000)) * 3)
    volumes[:several] = 1e7
    found = tail_p_values(volumes)
    assert found[several - 1] < 1e-3
    assert tail_p_values(volumes[several:])[0] > 0.05


def test_heavy_accounts_of_light_tails_do_not_stand_out():
    """Log-normal volumes fall off faster than any power law."""
    volumes = np.exp(np.random.default_rng(9).normal(2, 1, 20_000))
    assert tail_p_values(volumes).min() > 0.05


def test_few_accounts_and_equal_ones_have_no_tail():
    assert len(tail_p_values(np.arange(1.0, TAIL_LEAST))) == 0
    assert (tail_p_values(np.full(5000, 7.0)) == 1).all()


@given(st.lists(st.integers(1, 10**9), min_size=TAIL_LEAST + 1, max_size=400), st.floats(1e-3, 1e3))
def test_p_values_are_probabilities_and_know_no_unit(volumes, unit):
    one, other = (tail_p_values(np.array(volumes, dtype=float) * u) for u in (1.0, unit))
    assert len(one) == HEAVIEST
    assert ((one >= 0) & (one <= 1)).all()
    np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)


def test_the_heaviest_of_a_pool_are_known_by_their_codes(worlds, world):
    """Ties share the rank of their last, so that no order decides who is looked at."""
    seen = view(world.evidence())
    pool = np.ones(len(seen.active), dtype=bool)
    found = heaviest(seen, pool)
    volumes = seen.totals["n"]
    assert 0 < len(found) <= HEAVIEST
    assert max(volumes) == volumes[next(iter(sorted(found, key=lambda code: -volumes[code])))]
    assert min(volumes[list(found)]) > max(np.delete(volumes, list(found)))
    pool[code_of(worlds, world.evidence(), 1000)] = False
    assert code_of(worlds, world.evidence(), 1000) in found
    assert code_of(worlds, world.evidence(), 1000) not in heaviest(seen, pool)
