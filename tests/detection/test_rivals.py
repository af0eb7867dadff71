"""Rival explanations: the data of rivals.yaml, and how figures are weighed by it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.detection import features as measuring
from stillwatch.detection.rivals import EXTRACTION, Feature, Weighing, features, weigh
from stillwatch.records.findings import FAMILIES, KINDS_OF_USE

FEATURES = {f.name: f for f in features()}
WAYS = {EXTRACTION: 0.5, "own_means": 0.5}
USES = [use for use in next(iter(FEATURES.values())).levels if use not in WAYS]
FIGURES = st.fixed_dictionaries({name: st.one_of(st.none(), st.floats(-1, 200)) for name in FEATURES})


@pytest.mark.parametrize("name", FEATURES)
def test_lines_are_probabilities(name):
    feature = FEATURES[name]
    assert feature.cuts[0] < feature.cuts[1]
    # How many families agree is no figure of one of them.
    assert feature.family in (("all families",) if name == "agreement" else FAMILIES)
    assert feature.meaning
    assert set(feature.levels) == {*WAYS, *USES}
    for use, line in feature.levels.items():
        assert len(line) == 3
        assert min(line) > 0, use
        assert math.fsum(line) == pytest.approx(1, abs=1e-9), use


def test_uses_are_those_of_the_tables_but_consent_which_no_figure_shows():
    assert {*USES, EXTRACTION, "authorised"} == set(KINDS_OF_USE)


def test_weights_of_uses_are_probabilities():
    # Nothing known: the Bayes factor is one exactly when the weights sum to one.
    assert weigh({}, 1.0).log10_bayes_factor == pytest.approx(0, abs=1e-12)


def test_every_feature_is_measured_and_the_reverse(worlds):
    world = worlds.planted()
    figures = measuring.measure(worlds.case(world, worlds.CAMPAIGN, *worlds.template("t")), 0.1)
    # How many families agree is known once every group of the scan has been tested.
    assert set(figures) == set(FEATURES) - {"agreement"}


@pytest.mark.parametrize(("value", "level"), [(-1, 0), (0.05, 0), (0.0501, 1), (0.4, 1), (0.4001, 2), (9, 2)])
def test_levels(value, level):
    assert FEATURES["elicitation"].cuts == (0.05, 0.4)
    assert FEATURES["elicitation"].level(value) == level


def by_hand(figures, tempering):
    """The Bayes factor from its definition: probabilities multiplied, uses mixed."""
    weights = {
        "evaluation": 0.10, "batch": 0.20, "reseller": 0.10, "agent": 0.10, "shared_client": 0.15, "cohort": 0.15,
        "unknown": 0.20,
    }  # fmt: skip
    likelihood = {
        use: math.prod(
            FEATURES[n].levels[use][FEATURES[n].level(v)] ** tempering
            for n, v in figures.items()
            if v is not None
        )
        for use in (*WAYS, *weights)
    }
    extraction, benign = (sum(w * likelihood[use] for use, w in parts.items()) for parts in (WAYS, weights))
    return math.log10(extraction / benign), extraction, likelihood


@given(FIGURES, st.sampled_from([1.0, 0.5]))
def test_bayes_factor_against_its_definition(figures, tempering):
    weighing = weigh(figures, tempering)
    factor, extraction, likelihood = by_hand(figures, tempering)
    assert weighing.log10_bayes_factor == pytest.approx(factor, abs=1e-9)
    assert set(weighing.log10_likelihood) == {EXTRACTION, *USES}
    assert weighing.log10_likelihood[EXTRACTION] == pytest.approx(math.log10(extraction), abs=1e-9)
    for use in USES:
        assert weighing.log10_likelihood[use] == pytest.approx(math.log10(likelihood[use]), abs=1e-9)
    assert weighing.best_benign in USES


@given(FIGURES)
def test_missing_figures_are_left_out(figures):
    present = {n: v for n, v in figures.items() if v is not None}
    assert weigh(figures, 1.0) == weigh(present, 1.0)
    assert set(weigh(figures, 1.0).weights) == set(present)


def test_a_figure_that_no_line_knows_is_ignored():
    assert weigh({"country": 1.0}, 1.0) == weigh({}, 1.0)


@given(FIGURES)
def test_weights_of_features_are_their_part_against_the_best_rival(figures):
    weighing = weigh(figures, 1.0)
    _, _, likelihood = by_hand(figures, 1.0)
    best_way = math.log10(max(likelihood[way] for way in WAYS))
    difference = best_way - weighing.log10_likelihood[weighing.best_benign]
    assert math.fsum(weighing.weights.values()) == pytest.approx(difference, abs=1e-9)


def of_factor(log10):
    return Weighing({}, log10, "batch", {})


def test_probability_is_bayes_rule():
    assert of_factor(0.0).probability(0.01) == pytest.approx(0.01)
    assert of_factor(2.0).probability(0.01) == pytest.approx(1 / (1 + 0.99))
    assert of_factor(-3.0).probability(0.5) == pytest.approx(1 / 1001)


@given(st.floats(-30, 30), st.floats(1e-6, 1 - 1e-6))
def test_probability_is_one_and_grows_with_the_prior(log10, prior):
    assert 0 <= of_factor(log10).probability(prior) <= 1
    assert of_factor(log10).probability(prior / 2) <= of_factor(log10).probability(prior)


def test_a_campaign_and_a_class_are_told_apart():
    campaign = {
        "elicitation": 0.8, "template": 0.9, "repetition": 0.0, "unevenness": 0.2, "daily_rhythm": 0.1,
        "verified": 0.3, "disposable": 4.0, "new_accounts": 2.5, "undeclared_sharing": 0.7, "institution": 0.0,
    }  # fmt: skip
    course = {
        "elicitation": 0.0, "template": 0.5, "repetition": 0.7, "unevenness": 0.7, "daily_rhythm": 0.7,
        "one_organisation": 0.9, "shared_address": 0.9, "institution": 0.9, "conversation": 0.3,
    }  # fmt: skip
    assert weigh(campaign, 1.0).probability(0.01) > 0.9
    assert weigh(course, 1.0).best_benign == "cohort"
    assert weigh(course, 1.0).probability(0.01) < 0.001


def test_a_way_without_a_line_of_its_own_has_that_of_extraction():
    assert FEATURES["elicitation"].levels["own_means"] == FEATURES["elicitation"].levels[EXTRACTION]
    assert FEATURES["signup_burst"].levels["own_means"] != FEATURES["signup_burst"].levels[EXTRACTION]


def test_a_campaign_whose_accounts_share_nothing_is_weighed_as_one_with_means_of_its_own():
    apart = {"shared_payment": 0.0, "shared_address": 0.0, "undeclared_sharing": 0.0, "signup_burst": 0.0}
    _, _, likelihood = by_hand(apart, 1.0)
    assert likelihood["own_means"] > 5 * likelihood[EXTRACTION]
    found = weigh(apart, 1.0)
    # Sharing nothing costs it what it costs the likelier way, and half of the prior.
    assert found.log10_likelihood[EXTRACTION] == pytest.approx(
        math.log10((likelihood["own_means"] + likelihood[EXTRACTION]) / 2)
    )
    assert math.fsum(found.weights.values()) == pytest.approx(
        math.log10(likelihood["own_means"] / likelihood[found.best_benign])
    )


def test_a_feature_is_one_of_three_levels():
    feature = Feature("f", FAMILIES[0], "", (0.0, 1.0), {})
    assert [feature.level(v) for v in (float("-inf"), 0.5, float("inf"))] == [0, 1, 2]
