"""One group on its way to a verdict: what is needed to accuse, and what is not looked at."""

from dataclasses import replace

import numpy as np
import pytest

from stillwatch.detection import candidates
from stillwatch.detection.behaviours import Observation
from stillwatch.detection.candidates import ASIDE, EXTRACTION, LEGITIMATE, REST, REVIEW, UNTIED, Candidate
from stillwatch.detection.decision import judge
from stillwatch.detection.groups import SYSTEM_PROMPT
from stillwatch.detection.settings import Settings
from stillwatch.detection.view import view
from stillwatch.records.findings import CONTENT, FAMILIES, INFRASTRUCTURE, TIMING

CAMPAIGN = range(1000, 1040)


def judged(world, settings=None, *, brief=False):
    return judge(view(world.evidence()), [], {}, settings or Settings(), brief=brief)


def test_one_family_is_at_most_a_review(worlds):
    """Never an accusation without two families: whatever the figures, with a prior that believes anything."""
    for found in judged(worlds.harvest(CAMPAIGN), Settings(family_wise_error=1e-300, prior=0.999)):
        assert len(found.significant) < 2
        assert found.verdict == REVIEW


def test_too_few_exchanges_are_not_accused(worlds):
    (found,) = judged(worlds.harvest(CAMPAIGN), Settings(min_exchanges=1000))
    assert found.data_state == "insufficient"
    assert found.verdict in (REVIEW, LEGITIMATE)
    assert found.kind_of_use == "unknown"


def test_the_prior_moves_the_probability_and_not_the_evidence(worlds):
    world = worlds.harvest(CAMPAIGN)
    (one,), (other,) = (judged(world, Settings(prior=p)) for p in (0.01, 1e-12))
    assert one.weighing.log10_bayes_factor == other.weighing.log10_bayes_factor
    assert other.probability < one.probability


def lectures(worlds):
    """Strangers, and a school whose accounts ask the same at the same hours."""
    world = worlds.strangers()
    for k, number in enumerate(range(3000, 3025)):
        world.account(
            number, organisation="School", plan="education", verified=True, created=worlds.MONDAY - 9000
        )
        for i in range(16):
            world.say(
                number,
                worlds.MONDAY + 9 + 24 * (i // 3) + k % 3,
                objects=worlds.template("c"),
                item=f"c-{i}",
                address="school",
            )
    return world


def test_a_brief_look_tests_no_harmless_group(worlds):
    world = lectures(worlds)
    whole, brief = judged(world), judged(world, brief=True)
    assert [j.kind_of_use for j in whole if not j.single] == ["cohort"]
    assert [j for j in brief if not j.single] == []


def test_a_group_of_prompts_whose_accounts_nothing_else_ties_is_for_a_person(worlds):
    """Whatever its probability: the same figures accuse the group that texts formed."""
    (found,) = judged(worlds.harvest(CAMPAIGN))
    group = replace(found.group, origin=SYSTEM_PROMPT, infrastructure_objects=np.zeros(0, dtype=np.int64))
    case = replace(found.case, group=group)
    settings = Settings(prior=0.9)
    candidate = Candidate(case, consent=False, allowed=frozenset(), notes=())
    said = candidate.judged(frozenset({TIMING, INFRASTRUCTURE}), settings)
    assert CONTENT not in candidate.family_p
    assert (said.verdict, said.notes) == (REVIEW, (UNTIED,))
    assert not said.accused.any()


def test_nobody_of_a_group_that_is_not_accused_is(worlds):
    (found,) = judged(worlds.harvest(CAMPAIGN))
    assert found.accused.all()
    for verdict in (REVIEW, LEGITIMATE):
        assert not replace(found, verdict=verdict).accused.any()


def test_a_group_of_which_too_few_are_left_is_for_a_person(worlds, monkeypatch):
    """Whoever is left is not accused because of others that are something else."""
    world = worlds.harvest(CAMPAIGN)
    for left, verdict in ((4, EXTRACTION), (3, REVIEW), (0, REVIEW)):
        monkeypatch.setattr(candidates, "put_aside", lambda case, left=left: np.arange(40) >= left)
        (found,) = judged(world)
        assert found.verdict == verdict
        assert (ASIDE in found.notes) is (verdict == REVIEW)
        assert found.accused.sum() == (left if verdict == EXTRACTION else 0)
        assert found.aside.sum() == (40 - left if verdict == EXTRACTION else 0)


@pytest.mark.parametrize("clear", [0, 1, 2, 3])
@pytest.mark.parametrize("synchrony", [None, 0.0, 0.05, 0.5])
def test_a_brief_look_hands_out_whatever_tests_may_bring_to_a_person(worlds, synchrony, clear):
    """Under a prior that just brings it there with what these tests say, and whatever they say."""
    (found,) = judged(worlds.harvest(CAMPAIGN))

    def candidate():
        made = Candidate(found.case, consent=False, allowed=frozenset(), notes=())
        seen = None if synchrony is None else Observation(synchrony, 0.5, "", supports=True)
        p_values = [1e-9] * clear + [0.5] * (3 - clear)
        made.__dict__["_synchrony"] = seen
        made.__dict__["observations"] = {}
        made.__dict__["family_p"] = dict(zip(FAMILIES, p_values, strict=True))
        return made

    factor = candidate().judged(frozenset(), Settings()).weighing.log10_bayes_factor
    prior = 1 / (1 + 10**factor * 9)
    settings = Settings(prior=prior * 1.01)
    assert candidate().judged(frozenset(), settings).verdict == REVIEW
    assert candidate().may_matter(settings)
    assert not candidate().may_matter(Settings(prior=prior * 0.05))


def test_where_many_are_put_aside_the_rest_has_to_stand_by_itself(worlds):
    """A few of them change nothing; nor do more, of a campaign."""
    (found,) = judged(worlds.harvest(CAMPAIGN))
    assert found.verdict == EXTRACTION
    campaign = Candidate(found.case, consent=False, allowed=frozenset(), notes=())
    (harmless,) = (j for j in judged(lectures(worlds)) if not j.single)
    others = Candidate(harmless.case, consent=False, allowed=frozenset(), notes=())

    def doubts(candidate, share):
        firm = candidate.case.group.firm
        return candidate._doubts_of_the_rest(firm & (np.cumsum(firm) <= share * firm.sum()))

    assert [doubts(campaign, share) for share in (0.05, 0.5, 1.0)] == [(), (), (ASIDE,)]
    assert [doubts(others, share) for share in (0.05, 0.5, 1.0)] == [(), (REST,), (ASIDE,)]
