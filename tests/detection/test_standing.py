"""What the figures of a part of a group say by themselves."""

import math

import numpy as np
import pytest

from stillwatch.detection.case import Case, Population
from stillwatch.detection.features import measure
from stillwatch.detection.settings import Settings
from stillwatch.detection.standing import NOT_OF_ONE, OF_HEAVY, alone, log10_factor, weigh_figures
from stillwatch.records.findings import INFRASTRUCTURE


@pytest.fixture(scope="module")
def case(worlds):
    return worlds.case(worlds.planted(), worlds.CAMPAIGN, *worlds.template("t"))


def first(case, count):
    keep = case.group.firm.copy()
    keep[count:] = False
    return case.only(keep)


def test_figures_that_chose_a_part_say_nothing_of_it(case):
    part = first(case, 10)
    whole = alone(part)
    assert "daily_rate" in whole.weights
    without = alone(part, ("daily_rate",))
    assert set(whole.weights) - set(without.weights) == {"daily_rate"}


def test_a_part_may_be_believed_as_the_whole_is(case):
    part = first(case, 5)
    small, as_whole = alone(part), alone(part, accounts=len(case.members))
    assert set(small.weights) == set(as_whole.weights)
    power = case.population.settings.power
    ratio = power(len(case.members)) / power(5)
    for name, weight in small.weights.items():
        if small.best_benign == as_whole.best_benign and weight:
            assert as_whole.weights[name] == pytest.approx(ratio * weight)


def test_one_account_is_no_group(case):
    figures, weighing = weigh_figures(measure(first(case, 1)), first(case, 1))
    assert {figures[name] for name in NOT_OF_ONE} == {None}
    assert weighing == alone(first(case, 1))


def test_what_chose_a_heavy_account_says_nothing_of_it(case):
    one = first(case, 1)
    part, heavy = weigh_figures(measure(one), one)[1], weigh_figures(measure(one), one, heavy=True)[1]
    assert set(part.weights) - set(heavy.weights) == set(OF_HEAVY)
    settings = case.population.settings
    assert settings.power(1) < settings.power(1, heavy=True) < settings.power(100)


def test_what_is_beyond_consent_is_the_parts_own(case):
    """Of a group of which some go beyond an agreement, the others are not weighed as if they did."""
    old = case.population
    beyond = np.zeros(len(case.view.active), bool)
    beyond[case.members[:10]] = True
    population = Population(old.view, old.settings, old.releases, beyond)
    group = Case(case.group, population)
    keep = case.group.firm.copy()
    keep[:10] = False
    assert measure(group)["beyond_consent"] == pytest.approx(10 / len(case.members))
    assert measure(first(group, 10))["beyond_consent"] == 1.0
    assert measure(group.only(keep))["beyond_consent"] == 0.0
    assert measure(case)["beyond_consent"] is None


def test_a_family_that_is_left_out_is_not_weighed(case):
    old = case.population
    settings = Settings(left_out=INFRASTRUCTURE)
    without = Case(case.group, Population(old.view, settings, old.releases))
    assert "business" in alone(case).weights
    assert "business" not in alone(without).weights


@pytest.mark.parametrize(("prior", "probability"), [(0.01, 0.5), (0.1, 0.9), (0.5, 0.5)])
def test_the_factor_makes_the_probability(prior, probability):
    odds = prior / (1 - prior) * 10 ** log10_factor(prior, probability)
    assert math.isclose(odds / (1 + odds), probability)
