"""What carries a verdict, and what would overturn it, against weighing by hand."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from stillwatch.detection.candidates import EXTRACTION
from stillwatch.detection.decision import judge
from stillwatch.detection.evidence import view
from stillwatch.detection.explanation import carrying
from stillwatch.detection.explanation.carrying import overturning, sentences, smallest_carrying
from stillwatch.detection.rivals import weigh
from stillwatch.detection.settings import Settings


@pytest.fixture(scope="module")
def accused(worlds):
    world = worlds.World()
    worlds.people(world, np.random.default_rng(3), range(300))
    worlds.apart(world)
    for k, number in enumerate(range(1000, 1060)):
        world.account(
            number,
            created=worlds.MONDAY - 40,
            verified=False,
            plan="paid",
            payment_kind="virtual_card",
            payment_fingerprint=f"card-{k // 6}",
        )
        for i in range(14):
            world.say(
                number,
                worlds.MONDAY + 11 * i % 160,
                objects=worlds.template("t"),
                item=f"{number}-{i}",
                marks=("reasoning_elicitation",),
            )
    found = judge(view(world.evidence()), [], {}, Settings())
    (group,) = [j for j in found if j.verdict == EXTRACTION]
    return group


def probability(judged, names):
    settings, n = judged.case.population.settings, len(judged.case.members)
    figures = {k: v for k, v in judged.figures.items() if k in names}
    return weigh(figures, settings.tempering * n / (n + settings.few_accounts)).probability(settings.prior)


def test_what_carries_the_verdict_suffices_and_nothing_of_it_is_spare(accused):
    against = {n for n, w in accused.weighing.weights.items() if w <= 0}
    chosen = smallest_carrying(accused)
    assert chosen
    assert probability(accused, against | set(chosen)) >= 0.9
    for fewer in combinations(chosen, len(chosen) - 1):
        assert probability(accused, against | set(fewer)) < 0.9


def test_what_carries_the_verdict_on_one_account_is_weighed_as_the_verdict_was(worlds):
    settings = Settings(prior=0.1)
    (found,) = (j for j in judge(view(worlds.lone(True).evidence()), [], {}, settings) if j.single)
    against = {n: v for n, v in found.figures.items() if found.weighing.weights.get(n, 1) <= 0}
    chosen = smallest_carrying(found)
    power = settings.power(1, heavy=True)
    reached = weigh(against | {n: found.figures[n] for n in chosen}, power).probability(settings.prior)
    assert reached >= settings.review_probability
    for fewer in combinations(chosen, len(chosen) - 1):
        left = weigh(against | {n: found.figures[n] for n in fewer}, power).probability(settings.prior)
        assert left < settings.review_probability


def test_no_smaller_set_carries_it_and_none_of_its_size_says_more(accused):
    weights = accused.weighing.weights
    against = {n for n, w in weights.items() if w <= 0}
    speaking = [n for n, w in weights.items() if w > 0]
    chosen = smallest_carrying(accused)
    for size in range(len(chosen)):
        assert all(probability(accused, against | set(few)) < 0.9 for few in combinations(speaking, size))
    most = max(probability(accused, against | set(few)) for few in combinations(speaking, len(chosen)))
    assert probability(accused, against | set(chosen)) == pytest.approx(most, abs=1e-12)


def test_without_what_would_overturn_it_the_verdict_falls_and_no_fewer_figures_do_it(accused):
    weights = accused.weighing.weights
    speaking = [n for n, w in weights.items() if w > 0]
    gone = overturning(accused)
    assert probability(accused, set(weights) - set(gone)) < 0.9
    for size in range(len(gone)):
        for few in combinations(speaking, size):
            assert probability(accused, set(weights) - set(few)) >= 0.9


def test_where_there_are_too_many_sets_those_of_the_weightiest_figures_are_tried(accused, monkeypatch):
    expected = smallest_carrying(accused)
    monkeypatch.setattr(carrying, "MOST", 10)
    found = smallest_carrying(accused)
    against = {n for n, w in accused.weighing.weights.items() if w <= 0}
    assert probability(accused, against | set(found)) >= 0.9
    assert len(found) >= len(expected)


def test_in_words(accused):
    one, other, families = sentences(accused)
    assert one.startswith("Carried by")
    assert other.startswith("Would not stand")
    assert all(family in families for family in accused.significant)


def test_a_group_that_is_cleared_needs_nothing(accused):
    cleared = replace(accused, verdict="legitimate")
    assert smallest_carrying(cleared) == overturning(cleared) == sentences(cleared) == []
