"""From p-values to families that are significant over a whole scan."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stillwatch.detection.behaviours import CONTENT, INFRASTRUCTURE, REGISTRY, TIMING, Observation
from stillwatch.detection.significance import benjamini_hochberg, decided_alone, family_p_values

P_VALUES = st.lists(
    st.one_of(st.floats(0, 1), st.sampled_from([0.0, 1e-12, 0.001, 0.005, 0.01, 0.05, 1.0])),
    min_size=1,
    max_size=30,
)
LEVELS = st.sampled_from([0.001, 0.01, 0.05, 0.2])


def observation(p, supports=True):
    return Observation(statistic=1.0, p_value=p, statement="as seen", supports=supports)


@given(P_VALUES, LEVELS)
def test_benjamini_hochberg_is_scipys(p, level):
    adjusted = stats.false_discovery_control(p)
    for rejected, q in zip(benjamini_hochberg(p, level), adjusted, strict=True):
        # Equal up to rounding at the edge itself.
        if abs(q - level) > 1e-12:
            assert rejected == (q <= level)


@given(P_VALUES, LEVELS, st.integers(0, 20))
def test_hypotheses_that_were_not_tested_count_as_one(p, level, untested):
    some = benjamini_hochberg(p, level, hypotheses=len(p) + untested)
    assert some == benjamini_hochberg([*p, *[1.0] * untested], level)[: len(p)]


@given(P_VALUES, LEVELS, st.randoms(use_true_random=False))
def test_the_order_of_hypotheses_means_nothing(p, level, random):
    order = list(range(len(p)))
    random.shuffle(order)
    mixed = benjamini_hochberg([p[i] for i in order], level)
    assert [mixed[order.index(i)] for i in range(len(p))] == benjamini_hochberg(p, level)


def test_no_hypotheses_no_rejections():
    assert benjamini_hochberg([], 0.01) == []
    assert benjamini_hochberg([], 0.01, hypotheses=5) == []


def test_a_late_pass_carries_the_earlier_ones():
    # Simes 1986: .02 fails its own place (1/2 of .03), but .03 passes the second and takes it along.
    assert benjamini_hochberg([0.03, 0.02], 0.03) == [True, True]
    assert benjamini_hochberg([0.031, 0.02], 0.03) == [False, False]


WEIGHTS = st.floats(0.05, 5)


@given(st.lists(st.tuples(st.floats(0, 1), WEIGHTS), min_size=1, max_size=20), LEVELS)
def test_weights_divide_p_values(pairs, level):
    p, weights = zip(*pairs, strict=True)
    divided = [a / b for a, b in pairs]
    assert benjamini_hochberg(p, level, weights) == benjamini_hochberg(divided, level)
    assert benjamini_hochberg(p, level, [1.0] * len(p)) == benjamini_hochberg(p, level)


def test_what_weighs_more_passes_sooner():
    assert benjamini_hochberg([0.02, 0.02], 0.03, [1.8, 0.2]) == [True, False]
    # Of equal weight both pass; divided by 0.2 the second is 0.1.
    assert benjamini_hochberg([0.02, 0.02], 0.03) == [True, True]


@given(
    st.floats(0, 1),
    WEIGHTS,
    LEVELS,
    st.lists(st.tuples(st.floats(0, 1), WEIGHTS), max_size=12),
    st.integers(0, 5),
)
def test_decided_alone_agrees_with_any_completion(p, weight, level, others, untested):
    hypotheses = 1 + len(others) + untested
    if decided_alone(p, level, weight, hypotheses):
        found = benjamini_hochberg(
            [p, *(q for q, _ in others)], level, [weight, *(w for _, w in others)], hypotheses
        )
        assert found[0] == (p / weight <= level)


@pytest.mark.parametrize(("p", "decided"), [(0.0005, True), (0.001, False), (0.005, False), (0.0051, True)])
def test_a_weight_moves_what_is_decided_alone(p, decided):
    """Half the weight: rejected from half of level / hypotheses on, kept from half of the level on."""
    assert decided_alone(p, 0.01, 0.5, 10) is decided


@pytest.mark.parametrize("p", [0.0011, 0.005, 0.01])
def test_what_others_decide_is_not_decided_alone(p):
    assert not decided_alone(p, 0.01, 1.0, 10)
    assert benjamini_hochberg([p, *[0.0] * 9], 0.01)[0]
    assert not benjamini_hochberg([p, *[1.0] * 9], 0.01)[0]


def test_the_level_holds_over_true_nulls():
    rng = np.random.default_rng(3)
    scans = sum(any(benjamini_hochberg(rng.random(40).tolist(), 0.05)) for _ in range(2000))
    assert scans <= stats.binom.ppf(0.999, 2000, 0.05)


def test_the_level_holds_over_true_nulls_that_weigh_differently():
    rng = np.random.default_rng(4)
    weights = np.repeat([0.2, 1.0, 1.8], [10, 20, 10])
    scans = sum(any(benjamini_hochberg(rng.random(40).tolist(), 0.05, weights, 40)) for _ in range(2000))
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
