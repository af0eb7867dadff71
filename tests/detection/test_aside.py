"""Who is put beside a campaign by what he has in common with it, and is something else."""

from dataclasses import replace

import numpy as np
import pytest

from stillwatch.detection.applications import prompt_groups
from stillwatch.detection.aside import beside_it, of_their_own, put_aside
from stillwatch.detection.candidates import EXTRACTION
from stillwatch.detection.decision import judge
from stillwatch.detection.evidence import view
from stillwatch.detection.groups import SYSTEM_PROMPT
from stillwatch.detection.roles import roles
from stillwatch.detection.settings import Settings

CAMPAIGN = range(1000, 1040)
FIRST = list(CAMPAIGN)[:6]


def judged(world):
    return judge(view(world.evidence()), [], {}, Settings())


def by_name(found):
    ids = found.case.view.evidence.accounts.ids[found.group.accounts]
    return {name: role for name, (role, _) in zip(ids, roles(found), strict=True)}


def test_a_verified_institution_among_others_is_suspected_and_not_accused(worlds):
    world = worlds.harvest(CAMPAIGN)
    for number in FIRST[:3]:
        world.account(number, verified=True, plan="research", organisation="Institute")
    (found,) = judged(world)
    assert found.verdict == EXTRACTION
    role = by_name(found)
    assert {role[worlds.name_of(n)] for n in FIRST[:3]} == {"suspected"}
    assert {role[worlds.name_of(n)] for n in list(CAMPAIGN)[3:]} == {"member"}


def with_organisation(worlds, **facts):
    """A campaign of no names, six of whose accounts say that they are one company."""
    world = worlds.harvest(CAMPAIGN)
    for number in CAMPAIGN:
        world.account(number, organisation="")
    for number in FIRST:
        world.account(number, organisation="Northforge", **facts)
    return world


def test_an_organisation_whose_own_figures_say_batch_work_is_not_accused(worlds):
    world = with_organisation(
        worlds,
        payment_kind="invoice",
        payment_fingerprint="northforge",
        plan="enterprise",
        created=worlds.MONDAY - 20_000,
    )
    world.change(lambda e: e.account in FIRST, address="northforge")
    (found,) = judged(world)
    assert found.verdict == EXTRACTION
    role = by_name(found)
    assert {role[worlds.name_of(n)] for n in FIRST} == {"suspected"}
    assert {role[worlds.name_of(n)] for n in list(CAMPAIGN)[6:]} == {"member"}
    assert int(of_their_own(found.case).sum()) == len(FIRST)


def test_a_name_alone_takes_nobody_out(worlds):
    (found,) = judged(with_organisation(worlds))
    assert found.verdict == EXTRACTION
    assert not of_their_own(found.case).any()
    assert set(by_name(found).values()) == {"member"}


@pytest.mark.parametrize("count", [2, 30])
def test_two_are_no_organisation_and_most_of_a_group_are_the_group(worlds, count):
    world = worlds.harvest(CAMPAIGN)
    for number in CAMPAIGN:
        world.account(number, organisation="")
    for number in list(CAMPAIGN)[:count]:
        world.account(number, organisation="Northforge", payment_kind="invoice")
    for found in judged(world):
        assert not of_their_own(found.case).any()


def test_where_no_organisation_is_recorded_nobody_is_told_apart(worlds):
    world = worlds.harvest(CAMPAIGN)
    for number in (*range(250), *CAMPAIGN):
        world.account(number, organisation=None)
    for found in judged(world):
        assert np.array_equal(of_their_own(found.case), np.zeros(len(found.group.accounts), dtype=bool))


def one_language(worlds, campaign, people, *app):
    """A campaign under one system prompt that asks anything, in a language that few others write: one group of texts."""
    world = worlds.harvest(campaign)
    worlds.people(world, np.random.default_rng(5), people)
    worlds.apart(world)
    for k, number in enumerate(campaign):
        world.account(number, payment_fingerprint=f"virtual-{k // 5}")
    language = tuple(("phrase", f"words-{i}") for i in range(3))
    prompt = tuple(("system_phrase", f"prompt-{i}") for i in range(4))
    world.change(lambda e: e.account in people, objects=(*language, *app))
    world.change(lambda e: e.account in campaign, objects=(*language, *prompt))
    return world


@pytest.mark.parametrize("speakers", [10, 40, 80])
def test_who_only_speaks_the_language_of_a_campaign_is_not_accused(worlds, speakers):
    campaign, people = range(1000, 1040), range(3000, 3000 + speakers)
    world = one_language(worlds, campaign, people)
    # Under a prior that accuses the group in which they are; the many are in none that is accused by default.
    settings = Settings(prior=0.9) if speakers <= 40 else Settings()
    found = [j for j in judge(view(world.evidence()), [], {}, settings) if j.verdict == EXTRACTION]
    role = {name: role for group in found for name, role in by_name(group).items()}
    strangers = {worlds.name_of(n) for n in people}
    if speakers <= 40:
        assert strangers & role.keys()
        assert {role[worlds.name_of(n)] for n in campaign} == {"member"}
    assert {role.get(name, "suspected") for name in strangers} == {"suspected"}


def test_of_an_accused_group_somebody_is_accused(worlds):
    """Two crews and a class, cut by burst one way and by place another: no cut undoes what another left standing."""
    crew, other, lesson = range(1000, 1015), range(1100, 1115), range(1200, 1206)
    world = worlds.harvest([*crew, *other, *lesson])
    for k, number in enumerate((*crew, *other, *lesson)):
        world.account(
            number, payment_fingerprint=f"virtual-{k // 5}", created=worlds.MONDAY - 24 * 20 - 30 * k
        )
    for number in crew:
        world.account(number, created=worlds.MONDAY - 40)
    for number in lesson:
        world.account(number, verified=True, payment_kind="card", payment_fingerprint=None, plan="education")
    world.change(lambda e: e.account in (*crew, *lesson), address="venue")
    found = [j for j in judge(view(world.evidence()), [], {}, Settings(prior=0.5)) if j.verdict == EXTRACTION]
    assert found
    for group in found:
        assert {"member", "relay"} & set(by_name(group).values())


def test_who_is_only_suspected_still_has_a_row_with_those_who_use_the_same_application(worlds):
    campaign, people = range(1000, 1040), range(3000, 3030)
    world = one_language(worlds, campaign, people, ("system", "app"))
    found = judge(view(world.evidence()), [], {}, Settings(prior=0.9))
    (accused,) = (j for j in found if j.verdict == EXTRACTION)
    strangers = {worlds.name_of(n) for n in people}
    names = accused.case.view.evidence.accounts.ids
    assert strangers & set(names[accused.group.accounts[accused.aside]])
    assert not strangers & set(names[accused.group.accounts[accused.accused]])
    users = [j for j in found if j.group.origin == SYSTEM_PROMPT]
    assert strangers in [set(names[j.group.members]) for j in users]
    # Where all of the first group counted as accused they would be left out.
    mask = np.zeros(len(names), dtype=bool)
    mask[accused.group.members] = True
    assert not [
        g for g in prompt_groups(accused.case.view, Settings(), [], mask) if strangers & set(names[g.members])
    ]


def test_of_a_group_of_prompts_those_without_a_tie_are_put_aside(worlds):
    (found,) = judged(worlds.harvest(CAMPAIGN))
    group = replace(found.group, origin=SYSTEM_PROMPT, infrastructure_objects=np.zeros(0, dtype=np.int64))
    assert not put_aside(found.case).any()
    assert put_aside(replace(found.case, group=group)).all()


def test_what_a_cut_does_not_know_is_put_nowhere(worlds):
    """Accounts that are not dated are in neither part of a cut by date."""
    world = worlds.harvest(CAMPAIGN)
    for number in CAMPAIGN[20:]:
        world.account(number, created_at=None)
    (found,) = judged(world)
    assert not beside_it(found.case).any()
