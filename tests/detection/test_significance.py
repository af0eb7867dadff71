"""From p-values to families that are significant over a whole scan."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stillwatch.detection.behaviours import CONTENT, INFRASTRUCTURE, REGISTRY, TIMING, Observation
from stillwatch.detection.significance import family_p_values, levels, size_weights, speaking
from stillwatch.records.findings import FAMILIES

LEVELS = st.sampled_from([0.001, 0.01, 0.05, 0.2])
SIZES = st.lists(st.integers(1, 5000), min_size=1, max_size=40)


def observation(p, supports=True):
    return Observation(statistic=1.0, p_value=p, statement="as seen", supports=supports)


@given(SIZES)
def test_weights_have_a_mean_of_one_and_follow_size(sizes):
    weights = size_weights(sizes)
    assert np.mean(weights) == pytest.approx(1)
    for a, b in pairwise(sorted(zip(sizes, weights, strict=True))):
        assert a[1] <= b[1] + 1e-12


def test_four_times_the_size_has_twice_the_weight():
    one, other = size_weights([10, 40])
    assert other == pytest.approx(2 * one)
    assert size_weights([]) == []


@given(SIZES, LEVELS)
def test_levels_of_groups_sum_to_that_of_the_scan(sizes, whole):
    assert sum(levels(sizes, whole)) == pytest.approx(whole)
    assert levels([], whole) == []


P_VALUES = st.dictionaries(st.sampled_from(FAMILIES), st.floats(0, 1), max_size=3)


@given(P_VALUES, LEVELS)
def test_speaking_is_the_most_families_that_every_claim_up_to_it_supports(family_p, level):
    """By hand: 'at least u of n' has p (n - u + 1) p_(u)."""
    ps = sorted(family_p.values())
    n = len(ps)
    found = speaking(family_p, level)
    assert len(found) == next((u for u in range(n) if (n - u) * ps[u] > level), n)
    assert sorted(family_p[f] for f in found) == ps[: len(found)]


def test_two_families_need_less_than_three_tests_would():
    assert len(speaking({CONTENT: 1e-9, TIMING: 0.02, INFRASTRUCTURE: 0.6}, 0.05)) == 2
    assert len(speaking({CONTENT: 1e-9, TIMING: 0.03, INFRASTRUCTURE: 0.6}, 0.05)) == 1
    # Not even one of three is clear, so nothing is said of two.
    assert speaking({CONTENT: 0.02, TIMING: 0.021, INFRASTRUCTURE: 0.022}, 0.05) == frozenset()
    assert speaking({}, 0.05) == frozenset()


@pytest.mark.parametrize("true", [0, 1])
def test_too_many_families_are_named_in_no_more_scans_than_stated(true):
    """Twenty groups a scan, of each of which `true` families are more than chance: how often is a further one named?"""
    rng = np.random.default_rng(3)
    allowed = levels(rng.integers(4, 400, 20).tolist(), 0.05)
    wrong = 0
    for _ in range(3000):
        drawn = rng.random((20, 3))
        drawn[:, :true] = 1e-12
        groups = [dict(zip(FAMILIES, p, strict=True)) for p in drawn.tolist()]
        wrong += any(len(speaking(group, level)) > true for group, level in zip(groups, allowed, strict=True))
    assert wrong <= stats.binom.ppf(0.999, 3000, 0.05)


def test_families_pay_for_their_tests_and_take_the_best_that_speaks():
    found = family_p_values(
        {
            "even_volumes": observation(0.01),
            "round_the_clock": observation(0.002, supports=False),
            "synchronised_activity": observation(0.5),
            "release_pivot": observation(None),
        }
    )
    assert found == {TIMING: pytest.approx(3 * 0.01)}


def test_a_family_of_which_nothing_speaks_has_p_one():
    found = family_p_values({"shared_payment": observation(1e-9, supports=False)})
    assert found == {INFRASTRUCTURE: 1.0}


def test_a_family_without_a_test_is_left_out():
    assert family_p_values({"shared_template": observation(None)}) == {}


@given(
    st.dictionaries(
        st.sampled_from(sorted(REGISTRY)),
        st.builds(observation, st.one_of(st.none(), st.floats(0, 1)), st.booleans()),
    )
)
def test_family_p_is_a_probability_and_never_below_its_best_test(observations):
    for family, p in family_p_values(observations).items():
        tested = [
            o.p_value
            for n, o in observations.items()
            if REGISTRY[n].family == family and o.p_value is not None
        ]
        assert min(tested) <= p <= 1
        assert family in (CONTENT, TIMING, INFRASTRUCTURE)
