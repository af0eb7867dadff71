"""From p-values to families that are significant over a whole scan."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stillwatch.detection.behaviours import CONTENT, INFRASTRUCTURE, REGISTRY, TIMING, Observation
from stillwatch.detection.significance import family_p_values, passes, size_weights

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


@given(st.floats(0, 1), LEVELS, st.floats(0.1, 5), st.integers(1, 500))
def test_a_hypothesis_is_decided_by_itself(p, level, weight, hypotheses):
    assert passes(p, level, weight, hypotheses) == (p <= level * weight / hypotheses)


def test_the_error_over_all_hypotheses_holds_over_true_nulls():
    rng = np.random.default_rng(3)
    weights = np.repeat(size_weights(rng.integers(4, 400, 20).tolist()), 3)
    scans = sum(
        any(passes(p, 0.05, w, 60) for p, w in zip(rng.random(60), weights, strict=True)) for _ in range(2000)
    )
    assert scans <= stats.binom.ppf(0.999, 2000, 0.05)


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
