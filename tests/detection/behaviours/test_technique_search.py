"""Refused exchanges, among accounts whose rates of refusal differ."""

import numpy as np
import pytest
from scipy import stats

from stillwatch.detection.behaviours.technique_search import (
    BEHAVIOUR,
    RATES,
    STEPS,
    rates_outside,
    refusal_tail,
)


def test_rates_are_learnt_from_accounts_that_differ():
    rng = np.random.default_rng(1)
    known = rng.integers(1, 200, 4000).astype(float)
    rate = np.where(rng.random(4000) < 0.9, 0.01, 0.5)
    share = rates_outside(rng.binomial(known.astype(int), rate).astype(float), known)
    assert share.sum() == pytest.approx(1)
    assert share[RATES > 0.3].sum() == pytest.approx(0.1, abs=0.02)
    assert share @ RATES == pytest.approx(0.9 * 0.01 + 0.1 * 0.5, abs=0.01)


def test_rates_are_those_of_expectation_and_maximisation_account_by_account():
    rng = np.random.default_rng(2)
    known = rng.integers(1, 30, 300).astype(float)
    refused = rng.binomial(known.astype(int), rng.beta(0.3, 2, 300)).astype(float)
    likelihood = stats.binom.pmf(refused[:, None], known[:, None], RATES)
    share = np.full(len(RATES), 1 / len(RATES))
    for _ in range(STEPS):
        belongs = likelihood * share
        share = (belongs / belongs.sum(axis=1, keepdims=True)).mean(axis=0)
    cells = np.diff(np.r_[0.0, 0.0, (RATES[1:-1] + RATES[2:]) / 2, 1.0])
    np.testing.assert_allclose(rates_outside(refused, known), (300 * share + cells) / 301, atol=1e-12)


def test_nobody_refused_leaves_room_for_one_account_that_nobody_saw():
    share = rates_outside(np.zeros(99), np.full(99, 500.0))
    assert share[RATES > 0.5].sum() == pytest.approx(0.005, rel=0.1)


@pytest.mark.parametrize("seen", [0, 3, 8, 20, 40])
def test_the_tail_is_a_bound_of_the_exact_one(seen):
    share = np.zeros(len(RATES))
    share[40] = 1.0
    exact = stats.binom.sf(seen - 1, 60, RATES[40])
    bound = refusal_tail(float(seen), np.array([20.0, 40.0]), share)
    assert exact <= bound * (1 + 1e-9)
    assert bound <= 1
    assert bound < 200 * exact


def test_accounts_not_exchanges_are_the_draws():
    share = rates_outside(np.r_[np.zeros(95), np.full(5, 80.0)], np.full(100, 100.0))
    one, four = (refusal_tail(80.0 * n, np.full(n, 100.0), share) for n in (1, 4))
    assert one > 0.04, "one account in twenty is refused as often"
    assert four < 1e-3


def test_a_search_is_found_and_so_is_research_that_only_a_person_can_tell_from_it(drilled):
    for kind, least in (("technique_search", 0.6), ("safety_research", 0.3)):
        seen = BEHAVIOUR.examine(drilled(kind).campaign())
        assert seen.p_value < 1e-6
        assert seen.supports
        assert seen.statistic > least
        assert "Safety research" in seen.statement


def test_random_sets_are_rejected_no_more_often_than_the_level(worlds, drilled):
    for level, count, most in worlds.rejected(BEHAVIOUR, drilled("technique_search").benign(least=3)):
        assert count <= most, f"{count} at {level}"


def refused(worlds, status="refused"):
    world = worlds.planted()
    world.change(lambda e: e.account in worlds.CAMPAIGN, status=status)
    return world


def test_what_texts_chose_is_one_draw(worlds):
    world = refused(worlds)
    case = worlds.case(world, worlds.CAMPAIGN, *worlds.template("t"))
    known = case.view.totals["status_known"][worlds.outside(case)]
    assert BEHAVIOUR.examine(case).p_value == pytest.approx(1 / (int((known >= 5).sum()) + 1))
    assert BEHAVIOUR.examine(worlds.case(world, worlds.CAMPAIGN)).p_value < 1e-10


def test_answered_exchanges_are_no_search(worlds):
    seen = worlds.examined(BEHAVIOUR, refused(worlds, "ok"))
    assert seen.statistic == 0
    assert seen.p_value == 1
    assert not seen.supports


def test_without_status_there_is_nothing_to_see(worlds):
    assert worlds.examined(BEHAVIOUR, refused(worlds, None)) is None
