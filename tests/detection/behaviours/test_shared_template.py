"""Phrases that wrap the group's texts, and whether they come again in texts that had no part in finding them."""

from dataclasses import replace

import numpy as np
import pytest

from stillwatch.detection.behaviours.shared_template import BEHAVIOUR, replicated
from stillwatch.detection.groups import SYSTEM_PROMPT
from stillwatch.detection.nearness import Nearness


def templated(worlds, users=20, share=1.0):
    """Strangers and a campaign that talk of the same, of whom the first few use a template on such a share of texts.

    The resolution is lower than a scan's, at which a campaign of an eighth of all accounts falls into small parts.
    """
    world = worlds.World()
    rng = np.random.default_rng([11, 1])
    worlds.chatter(world, rng, range(150))
    worlds.chatter(world, rng, worlds.CAMPAIGN)
    worlds.with_template(world, worlds.CAMPAIGN[:users], "t", share)
    return world


def test_a_campaigns_phrases_come_again_in_texts_left_over(worlds):
    seen = worlds.examined(BEHAVIOUR, templated(worlds))
    assert seen.p_value < 1e-6
    assert seen.statistic == 1
    assert seen.supports
    assert "100% of a typical account's texts" in seen.statement
    assert "texts that had no part in finding the group" in seen.statement


def test_a_diluted_template_comes_again_too(worlds):
    world = templated(worlds)
    rng = np.random.default_rng([11, 2])
    worlds.chatter(world, rng, worlds.CAMPAIGN)
    # Texts in another order, so that both halves hold both sorts.
    seen = worlds.examined(BEHAVIOUR, world.shuffled(rng))
    assert 0.3 < seen.statistic < 0.7
    assert seen.p_value < 1e-4
    assert seen.supports


def test_similarity_is_of_the_halves_left_over_and_set_against_those_most_alike(worlds):
    case = worlds.case(templated(worlds), worlds.CAMPAIGN, *worlds.template("t"))
    found = replicated(case)
    halves = case.population.halves
    (core,) = [c for c in halves.cores if np.isin(c, case.members).any()]
    assert set(core) == set(case.members)
    rows = halves.second.matrix[core].toarray()
    cosines = (rows @ rows.T)[np.triu_indices(len(core), 1)]
    assert found.similarity == pytest.approx(cosines.mean())
    assert found.across < 0.5 * found.similarity
    # What both have in common is in all three means, and nearly cancels.
    assert 0.3 * found.similarity < found.discrepancy < 1.1 * found.similarity
    assert found.p_value == BEHAVIOUR.examine(case).p_value


def test_another_community_as_the_reference_hides_nobody(worlds):
    """Those outside who are most alike are readers of one tutorial, and more alike than the campaign is."""
    world = templated(worlds, share=0.5)
    rng = np.random.default_rng([11, 3])
    readers = range(2000, 2200)
    worlds.chatter(world, rng, readers)
    world.exchanges = [
        replace(e, objects=(*e.objects, *worlds.template("tutorial"), ("phrase", "of both")))
        if e.account in readers
        else replace(e, objects=(*e.objects, ("phrase", "of both")))
        if e.account in worlds.CAMPAIGN
        else e
        for e in world.exchanges
    ]
    case = worlds.case(world, worlds.CAMPAIGN, *worlds.template("t"))
    found = replicated(case)
    halves = case.population.halves
    (core,) = [c for c in halves.cores if np.isin(c, case.members).sum() > 10]
    likest = Nearness.to(halves.first, core).likest
    ids = case.view.evidence.accounts.ids
    reading = [int(name[-5:]) in readers for name in ids[likest]]
    assert np.mean(reading) > 0.9
    assert halves.second.mean_similarity(likest) > found.similarity
    assert found.p_value < 1e-4


def test_halves_have_no_text_in_common(worlds):
    """What is on the first of an account's texts alone is in the first half, and nowhere in the second."""
    world = worlds.World()
    for number in range(30):
        for k in range(4):
            first = (("prefix", "hello"),) if k == 0 and number < 20 else ()
            world.say(number, worlds.MONDAY + k, objects=(*first, ("suffix", f"of-{number // 3}")))
    case = worlds.case(world, range(10), ("prefix", "hello"))
    (hello,) = case.group.text_objects
    halves = case.population.halves
    assert halves.first.matrix[:, [hello]].getnnz() == 20
    assert halves.second.matrix[:, [hello]].getnnz() == 0
    assert halves.first.known.all()
    assert halves.second.known.all()


def test_what_is_in_one_half_alone_does_not_come_again(worlds):
    """A phrase that sits on every other text of each member: the half that it is found in is not looked at."""
    world = templated(worlds, users=0)
    said = dict.fromkeys(worlds.CAMPAIGN, 0)
    world.exchanges.sort(key=lambda e: (e.time, e.event_id))
    for place, e in enumerate(world.exchanges):
        if e.account in said:
            said[e.account] += 1
            if said[e.account] % 2:
                with_phrases = worlds.replace(e, objects=(*e.objects, *worlds.template("t")))
                world.exchanges[place] = with_phrases
    seen = worlds.examined(BEHAVIOUR, world)
    assert seen.p_value > 0.05


def test_a_group_most_of_whose_accounts_do_not_use_it_is_not_supported(worlds):
    seen = worlds.examined(BEHAVIOUR, templated(worlds, users=8))
    assert seen.statistic == 0
    assert not seen.supports


def test_where_infrastructure_formed_the_group_texts_are_described(worlds):
    world = templated(worlds)
    case = worlds.case(world, worlds.CAMPAIGN, *worlds.template("t"), origin="infrastructure")
    seen = BEHAVIOUR.examine(case)
    assert seen.p_value is None
    assert seen.statistic == 1
    assert seen.supports
    assert "Infrastructure formed the group" in seen.statement


def test_one_text_an_account_leaves_nothing_over_to_look_at(worlds):
    world = templated(worlds)
    first: dict[int, object] = {}
    for e in world.exchanges:
        first.setdefault(e.account, e)
    world.exchanges = list(first.values())
    seen = worlds.examined(BEHAVIOUR, world)
    assert seen.p_value is None
    assert seen.statistic == 1


def test_without_text_objects_there_is_nothing_to_see(worlds):
    assert BEHAVIOUR.examine(worlds.case(templated(worlds), worlds.CAMPAIGN)) is None


def test_communities_by_chance_are_rejected_no_more_often_than_the_level(worlds):
    """Accounts that happen to be alike in half of their texts are not alike in the other half."""
    for level, count, most in worlds.rejected(BEHAVIOUR, worlds.chance_nulls()):
        assert count <= most, f"{count} at {level}"


def test_a_system_prompt_that_formed_the_group_is_no_evidence(worlds):
    world = templated(worlds)
    for number in worlds.CAMPAIGN:
        world.say(number, worlds.MONDAY, objects=(("system", "app"),))
    seen = BEHAVIOUR.examine(worlds.case(world, worlds.CAMPAIGN, ("system", "app"), origin=SYSTEM_PROMPT))
    assert seen.p_value is None
    assert not seen.supports
    assert "formed the group" in seen.statement
