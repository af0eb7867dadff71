"""Rival explanations: the data of rivals.yaml, and how figures are weighed by it."""

import math
from importlib import resources

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.detection import features as measuring
from stillwatch.detection.rivals import (
    EXTRACTION,
    Feature,
    Weighing,
    bayes_factors,
    features,
    most_to_gain,
    ways,
    weigh,
)
from stillwatch.records.findings import FAMILIES, KINDS_OF_USE

FEATURES = {f.name: f for f in features()}
WAYS = {way: of_use for of_use in ways().values() for way in of_use}
USES = [use for use in ways() if use != EXTRACTION]
FIGURES = st.fixed_dictionaries({name: st.one_of(st.none(), st.floats(-1, 200)) for name in FEATURES})


@pytest.mark.parametrize("name", FEATURES)
def test_lines_are_probabilities(name):
    feature = FEATURES[name]
    assert feature.cuts[0] < feature.cuts[1]
    # How many families agree is no figure of one of them.
    assert feature.family in (("all families",) if name == "agreement" else FAMILIES)
    assert feature.meaning
    assert set(feature.levels) == set(WAYS)
    for use, line in feature.levels.items():
        assert len(line) == 3
        assert min(line) > 0, use
        assert math.fsum(line) == pytest.approx(1, abs=1e-9), use


def test_uses_are_those_of_the_tables_but_consent_which_no_figure_shows():
    assert {*USES, EXTRACTION, "authorised"} == set(KINDS_OF_USE)


def test_no_line_of_the_table_is_of_an_unknown_way():
    """A way that is misspelt would silently be that of its use."""
    table = resources.files("stillwatch.detection") / "rivals.yaml"
    for name, row in yaml.safe_load(table.read_text(encoding="utf-8"))["features"].items():
        assert set(row) <= {"family", "meaning", "cuts", *WAYS}, name


def test_each_use_comes_in_its_ways_with_probabilities():
    for use, of_use in ways().items():
        assert use in of_use
        assert math.fsum(of_use.values()) == pytest.approx(1), use


def test_weights_of_uses_are_probabilities():
    # Nothing known: the Bayes factor is one exactly when the weights sum to one.
    assert weigh({}, 1.0).log10_bayes_factor == pytest.approx(0, abs=1e-12)


def test_every_feature_is_measured_and_the_reverse(worlds):
    world = worlds.planted()
    figures = measuring.measure(worlds.case(world, worlds.CAMPAIGN, *worlds.template("t")))
    # How many families agree, and in how many hours accounts are active together, comes from the tests.
    assert set(figures) == set(FEATURES) - {"synchrony", "agreement"}


@pytest.mark.parametrize(("value", "level"), [(-1, 0), (0.05, 0), (0.0501, 1), (0.4, 1), (0.4001, 2), (9, 2)])
def test_levels(value, level):
    assert FEATURES["elicitation"].cuts == (0.05, 0.4)
    assert FEATURES["elicitation"].level(value) == level


WEIGHTS = {
    "evaluation": 0.10, "batch": 0.20, "reseller": 0.10, "agent": 0.10, "shared_client": 0.15, "cohort": 0.15,
    "unknown": 0.20,
}  # fmt: skip


def by_hand(figures, tempering):
    """Bayes factor, likelihood by use and by way, from the definition: probabilities multiplied, ways and uses mixed."""
    of_way = {
        way: math.prod(
            FEATURES[n].levels[way][FEATURES[n].level(v)] ** tempering
            for n, v in figures.items()
            if v is not None
        )
        for way in WAYS
    }
    likelihood = {use: sum(p * of_way[way] for way, p in ways()[use].items()) for use in ways()}
    benign = sum(w * likelihood[use] for use, w in WEIGHTS.items())
    return math.log10(likelihood[EXTRACTION] / benign), likelihood, of_way


@given(FIGURES, st.sampled_from([1.0, 0.5]))
def test_bayes_factor_against_its_definition(figures, tempering):
    weighing = weigh(figures, tempering)
    factor, likelihood, _ = by_hand(figures, tempering)
    assert weighing.log10_bayes_factor == pytest.approx(factor, abs=1e-9)
    assert set(weighing.log10_likelihood) == {EXTRACTION, *USES}
    for use in (EXTRACTION, *USES):
        assert weighing.log10_likelihood[use] == pytest.approx(math.log10(likelihood[use]), abs=1e-9)
    assert weighing.best_benign in USES


@given(FIGURES, st.sampled_from([("synchrony", "agreement"), ("size",), tuple(FEATURES), ()]))
def test_no_level_of_a_feature_adds_more_than_the_most_to_gain(figures, names):
    without = {n: None if n in names else v for n, v in figures.items()}
    gain = weigh(figures, 1.3).log10_bayes_factor - weigh(without, 1.3).log10_bayes_factor
    assert gain <= 1.3 * most_to_gain(names) + 1e-9


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
    _, _, of_way = by_hand(figures, 1.0)

    def best(use):
        """Logarithms of the likeliest way's likelihood; of several, where rounding decides between them."""
        mixed = {way: math.log10(of_way[way] * p) for way, p in ways()[use].items()}
        return [math.log10(of_way[way]) for way in mixed if mixed[way] >= max(mixed.values()) - 1e-9]

    total = math.fsum(weighing.weights.values())
    differences = [a - b for a in best(EXTRACTION) for b in best(weighing.best_benign)]
    assert min(abs(total - d) for d in differences) < 1e-9


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
    _, likelihood, of_way = by_hand(apart, 1.0)
    assert of_way["own_means"] > 5 * of_way[EXTRACTION]
    found = weigh(apart, 1.0)
    # Sharing nothing costs it what it costs the likelier ways, and what is not theirs of the prior.
    assert found.log10_likelihood[EXTRACTION] == pytest.approx(math.log10(likelihood[EXTRACTION]))
    mixed = sum(share * of_way[way] for way, share in ways()[EXTRACTION].items())
    assert likelihood[EXTRACTION] == pytest.approx(mixed)


USUAL = {
    "elicitation": 0.0, "template": 1.0, "likeness": 5.0, "repetition": 0.0, "conversation": 0.0, "unevenness": 0.1,
    "daily_rhythm": 0.05, "one_organisation": 0.01, "verified": 0.5, "disposable": 1.0, "new_accounts": 2.2,
    "signup_burst": 0.1, "shared_payment": 0.0, "shared_address": 0.0, "one_place": 0.02, "undeclared_sharing": 0.0,
    "address_spread": 0.5, "institution": 0.0, "business": 0.0, "size": 80.0, "agreement": 2.0,
}  # fmt: skip


def test_means_like_anybodys_clear_nobody_of_a_divided_work_list():
    """Cards, addresses and clients of its own: what it asks and when is what tells it."""
    assert weigh(USUAL, 2.0).probability(0.01) > 0.9
    course = USUAL | {"repetition": 0.9, "daily_rhythm": 0.9, "unevenness": 0.7}
    assert weigh(course, 2.0).probability(0.01) < 0.001
    clients = USUAL | {
        "daily_rhythm": 0.9,
        "unevenness": 1.5,
        "system_prompt": 1.0,
        "conversation": 0.4,
        "agreement": 0.0,
    }
    assert weigh(clients, 2.0).probability(0.01) < 0.05


FOLLOWERS = {
    "template": 0.8, "likeness": 6.0, "repetition": 0.95, "conversation": 0.6, "daily_rhythm": 1.9, "one_organisation": 0.01,
    "institution": 0.05, "shared_address": 0.0, "shared_payment": 0.0, "agreement": 2.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("figures", "use"),
    [
        (FOLLOWERS | {"span": 0.6}, "shared_client"),
        (FOLLOWERS | {"span": 9.0}, "cohort"),
        (
            {
                "one_organisation": 1.0, "business": 1.0, "verified": 6.0, "shared_payment": 1.0, "shared_address": 1.0,
                "conversation": 0.45, "daily_rhythm": 3.0, "daily_rate": 3.5, "repetition": 0.0, "span": 9.0,
            },
            "cohort",
        ),
        (
            {
                "one_organisation": 1.0, "business": 1.0, "verified": 6.0, "shared_payment": 1.0, "shared_address": 1.0,
                "conversation": 0.0, "daily_rhythm": 0.1, "daily_rate": 300.0, "repetition": 0.0, "template": 1.0,
            },
            "batch",
        ),
        (
            {
                "system_prompt": 1.0, "tools": 0.9, "likeness": 7.0, "template": 1.0, "one_organisation": 0.02,
                "shared_payment": 0.0, "conversation": 0.65, "address_spread": 3.0, "agreement": 1.0,
            },
            "agent",
        ),
        (
            {
                "system_prompt": 1.0, "tools": 0.0, "one_organisation": 0.01, "conversation": 0.4, "daily_rhythm": 1.0,
                "daily_rate": 3.0, "repetition": 0.1, "agreement": 0.0, "size": 500.0,
            },
            "shared_client",
        ),
        ({"institution": 1.0, "elicitation": 0.2, "evasive_asks": 0.2, "repetition": 0.07, "span": 13.0}, "evaluation"),
    ],
    ids=["followers", "course", "workplace", "batch", "agent product", "application", "study"],
)  # fmt: skip
def test_ways_of_benign_uses(figures, use):
    found = weigh(figures, 1.0)
    assert found.best_benign == use
    assert found.probability(0.01) < 0.1


def test_a_feature_is_one_of_three_levels():
    feature = Feature("f", FAMILIES[0], "", (0.0, 1.0), {})
    assert [feature.level(v) for v in (float("-inf"), 0.5, float("inf"))] == [0, 1, 2]


@given(FIGURES, st.lists(st.sets(st.sampled_from(list(FEATURES))), min_size=1, max_size=5))
def test_many_sets_weighed_at_once_are_weighed_as_one_by_one(figures, sets):
    kept = np.array([[name in chosen for name in FEATURES] for chosen in sets])
    found = bayes_factors(figures, 0.7, list(FEATURES), kept)
    for chosen, value in zip(sets, found, strict=True):
        alone = weigh({n: v for n, v in figures.items() if n in chosen}, 0.7).log10_bayes_factor
        assert value == pytest.approx(alone, abs=1e-9)
