"""Who is put beside a campaign by what he has in common with it, and is something else."""

from dataclasses import replace

import numpy as np
import pytest

from stillwatch.detection import aside
from stillwatch.detection.applications import prompt_groups
from stillwatch.detection.aside import BETTER, beside_it, of_their_own, put_aside
from stillwatch.detection.candidates import EXTRACTION
from stillwatch.detection.case import Population
from stillwatch.detection.decision import judge
from stillwatch.detection.groups import SYSTEM_PROMPT
from stillwatch.detection.rivals import Weighing
from stillwatch.detection.roles import roles
from stillwatch.detection.settings import Settings
from stillwatch.detection.standing import alone
from stillwatch.detection.view import view

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
    cores = accused.case.population.cores
    assert not [g for g in prompt_groups(cores, [], mask) if strangers & set(names[g.members])]


def test_of_a_group_of_prompts_those_without_a_tie_are_put_aside(worlds):
    (found,) = judged(worlds.harvest(CAMPAIGN))
    group = replace(found.group, origin=SYSTEM_PROMPT, infrastructure_objects=np.zeros(0, dtype=np.int64))
    assert not put_aside(found.case).any()
    assert put_aside(replace(found.case, group=group)).all()


@pytest.mark.parametrize("dated", [True, False])
def test_who_is_not_dated_is_weighed_apart(worlds, dated):
    """Ordinary users of a campaign's template, of whom the accounts table says nothing: a part of their own."""
    people = range(3000, 3012)
    world = worlds.harvest(CAMPAIGN)
    for number in CAMPAIGN:
        world.account(number, payment_fingerprint=f"own-{number}", organisation="")
    worlds.people(world, np.random.default_rng(5), people)
    worlds.apart(world)
    world.change(lambda e: e.account in people, objects=worlds.template("t"))
    for number in people:
        world.account(
            number, **({"created": worlds.MONDAY - 300 * (number - 2970)} if dated else {"created_at": None})
        )
    (found,) = (j for j in judged(world) if j.verdict == EXTRACTION)
    role = by_name(found)
    assert {role[worlds.name_of(n)] for n in people} == {"suspected"}
    assert {role[worlds.name_of(n)] for n in CAMPAIGN} == {"member"}


def organisations(worlds, size):
    """A campaign as so many small companies, half of each verified, with a card and an office each."""
    world = worlds.harvest(CAMPAIGN)
    for k, number in enumerate(CAMPAIGN):
        world.account(
            number,
            organisation=f"Firm {k // size}",
            verified=k % size < size // 2,
            payment_fingerprint=f"card-{k // size}",
        )
    for k in range(0, 40, size):
        world.change(lambda e, k=k: e.account in CAMPAIGN[k : k + size], address=f"office-{k}")
    return world


def test_a_campaign_of_small_companies_does_not_dissolve(worlds):
    """None says enough by itself; together they are the group."""
    size = 4
    (found,) = judged(organisations(worlds, size))
    case = found.case
    names = case.view.evidence.accounts.organisation[case.group.accounts].astype(str)
    parts = [alone(case.only(names == f"Firm {k}")).log10_bayes_factor for k in range(40 // size)]
    assert min(parts) < BETTER
    assert found.verdict == EXTRACTION
    assert found.accused.all()


@pytest.mark.parametrize("prior", [0.5, 0.9, 0.99])
def test_two_alike_parts_do_not_take_each_other_out(worlds, monkeypatch, prior):
    (found,) = judged(worlds.harvest(CAMPAIGN))
    half = np.arange(40) < 20
    monkeypatch.setattr(aside, "cuts", lambda case: [((half, ~half, ~half & half), ())])
    monkeypatch.setattr(aside, "alone", lambda part, by=(): Weighing({}, -0.5, "cohort", {}))
    population = found.case.population
    case = replace(
        found.case, population=Population(population.view, Settings(prior=prior), population.releases)
    )
    assert not beside_it(case).any()


def test_each_cut_leaves_somebody(worlds, monkeypatch):
    """What one cut took out does not stand in the next, so that two cuts cannot take out all between them."""
    (found,) = judged(worlds.harvest(CAMPAIGN))
    first, last, none = np.arange(40) < 20, np.arange(40) >= 20, np.zeros(40, dtype=bool)
    monkeypatch.setattr(
        aside, "cuts", lambda case: [((first, last, none), ("a",)), ((last, first, none), ("b",))]
    )
    said = {("a", True): 3.0, ("a", False): -3.0, ("b", True): -3.0, ("b", False): 3.0}

    def by_cut(part, chosen_by=()):
        holds_first = found.group.accounts[0] in part.members
        return Weighing({}, said[chosen_by[0], bool(holds_first)], "cohort", {})

    monkeypatch.setattr(aside, "alone", by_cut)
    assert beside_it(found.case).tolist() == last.tolist()


@pytest.mark.parametrize(
    ("mine", "size", "out"), [(-0.2, 10, False), (-0.4, 10, True), (-1.9, 30, False), (-2.1, 30, True)]
)
def test_the_larger_part_needs_more_to_be_put_aside(worlds, monkeypatch, mine, size, out):
    (found,) = judged(worlds.harvest(CAMPAIGN))
    part = np.arange(40) < size
    monkeypatch.setattr(aside, "cuts", lambda case: [((part, ~part, part & ~part), ())])
    monkeypatch.setattr(
        aside,
        "alone",
        lambda side, by=(): Weighing({}, mine if len(side.members) == size else 3.0, "cohort", {}),
    )
    assert beside_it(found.case).tolist() == (part & out).tolist()
