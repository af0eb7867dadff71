"""What carries a verdict, and what would overturn it, against weighing by hand."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from stillwatch.detection.candidates import EXTRACTION
from stillwatch.detection.decision import judge
from stillwatch.detection.explanation import carrying
from stillwatch.detection.explanation.carrying import overturning, sentences, smallest_carrying
from stillwatch.detection.rivals import weigh
from stillwatch.detection.settings import Settings
from stillwatch.detection.view import view


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


@pytest.fixture(scope="module")
def cleared(worlds):
    """A crowd of old, verified customers of all kinds with one template, on the day they got it."""
    world = worlds.strangers()
    for k, number in enumerate(range(1000, 1040)):
        world.account(
            number, created=worlds.MONDAY - 9000 - 200 * k, verified=True, plan="paid", payment_kind="card"
        )
        for i in range(3 + 9 * (k % 5)):
            world.say(
                number,
                worlds.MONDAY + 24 * (k % 5) + i % 9,
                objects=worlds.template("t"),
                item=f"{number}-{i}",
            )
    (group,) = [j for j in judge(view(world.evidence()), [], {}, Settings()) if len(j.group.members) >= 30]
    assert group.verdict == "legitimate"
    return group


def test_what_clears_a_group_suffices_and_no_fewer_figures_do(cleared):
    weights = cleared.weighing.weights
    speaking = [n for n, w in weights.items() if w < 0]
    rest = set(weights) - set(speaking)
    needed = cleared.case.population.settings.review_probability
    chosen = smallest_carrying(cleared)
    assert probability(cleared, rest | set(chosen)) < needed
    for size in range(len(chosen)):
        assert all(probability(cleared, rest | set(few)) >= needed for few in combinations(speaking, size))


def test_without_what_would_bring_up_a_cleared_group_for_review_it_comes_and_no_fewer_do_it(cleared):
    weights = cleared.weighing.weights
    speaking = [n for n, w in weights.items() if w < 0]
    needed = cleared.case.population.settings.review_probability
    gone = overturning(cleared)
    assert gone
    assert probability(cleared, set(weights) - set(gone)) >= needed
    for few in combinations(speaking, len(gone) - 1):
        assert probability(cleared, set(weights) - set(few)) < needed


def test_a_cleared_group_in_words(cleared):
    one, other = sentences(cleared)
    assert one.startswith(("Cleared, against", "All that speaks for extraction is not enough"))
    assert other.startswith("Would be up for review if")


def test_where_nothing_speaks_against_a_cleared_group_only_more_evidence_brings_it_up(cleared):
    figures = {n: v for n, v in cleared.figures.items() if n == "size"}
    weighing = weigh(figures, 0.5)
    one, other = sentences(replace(cleared, figures=figures, weighing=weighing))
    assert one.startswith("All that speaks for extraction is not enough for a review")
    assert other == "Would be up for review only with more evidence for extraction than there is."


def test_what_an_agreement_clears_no_figures_do(accused, cleared):
    for judged in (replace(accused, verdict="legitimate"), replace(cleared, kind_of_use="authorised")):
        assert smallest_carrying(judged) is None
        assert overturning(judged) is None
        assert sentences(judged) == []
