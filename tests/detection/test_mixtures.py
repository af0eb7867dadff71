"""Two harmless groups that texts put together are no campaign; a campaign with bursts and rooms is one all the same."""

import numpy as np
import pytest

from stillwatch.detection.candidates import EXTRACTION, MIXTURE, REVIEW
from stillwatch.detection.decision import judge
from stillwatch.detection.mixtures import halves, is_mixture
from stillwatch.detection.settings import Settings
from stillwatch.detection.standing import alone
from stillwatch.detection.view import view

EVENT = range(2000, 2015)
BUILDS = range(2100, 2115)


def mixed(worlds):
    """An event at one place, its accounts made for it, and others' builds with changing addresses: one template for all."""
    world = worlds.strangers()
    for k, number in enumerate(EVENT):
        world.account(number, created=worlds.MONDAY + 20 + k % 6, verified=False, payment_kind="none")
        for i in range(12):
            world.say(
                number,
                worlds.MONDAY + 24 + (i * 3 + k) % 40,
                objects=worlds.template("t"),
                item=f"event-{number}-{i}",
                address="venue",
                tools=True,
            )
    for k, number in enumerate(BUILDS):
        world.account(number, created=worlds.MONDAY - 8000 - 300 * k, verified=True)
        for i in range(12):
            world.say(
                number,
                worlds.MONDAY + (13 * i + 5 * k) % 160,
                objects=worlds.template("t"),
                item=f"build-{number}-{i}",
                address=f"runner-{number}-{i}",
                tools=True,
            )
    return world


def groups(world, **settings):
    return [
        j for j in judge(view(world.evidence()), [], {}, Settings(**settings)) if len(j.group.members) >= 20
    ]


def test_a_group_falls_into_those_made_together_and_those_at_one_place(worlds):
    (found,) = groups(mixed(worlds))
    ids = found.case.view.evidence.accounts.ids
    for (one, other), _ in halves(found.case):
        parts = [{int(name[-5:]) for name in ids[part.members]} for part in (one, other)]
        assert parts == [set(EVENT), set(BUILDS)]
    (_, by_burst), ((one, _), by_place) = halves(found.case)
    assert "signup_burst" in by_burst
    assert "one_place" in by_place
    # The other part is not outside: what is said of one compares it with strangers.
    assert set(found.group.accounts) <= set(one.inside)


def test_what_neither_part_would_be_accused_of_is_not_accused(worlds):
    """Under a prior that would accuse the whole: a person looks, and is told why."""
    (found,) = groups(mixed(worlds))
    factor = found.weighing.log10_bayes_factor
    # Just enough for an accusation of the whole.
    prior = 1 / (1 + 10**factor / 9.5)
    (judged,) = groups(mixed(worlds), prior=float(prior), review_probability=0.5)
    assert judged.probability >= 0.9
    assert len(judged.significant) >= 2
    assert judged.verdict == REVIEW
    assert MIXTURE in judged.notes


@pytest.mark.parametrize("burst", [10, 20, 30])
def test_a_campaign_made_in_bursts_and_at_places_stays_accused(worlds, burst):
    campaign = range(1000, 1040)
    world = worlds.harvest(campaign)
    for number in campaign[:burst]:
        world.account(number, created=worlds.MONDAY - 40)
    for number in campaign[burst:]:
        world.account(number, created=worlds.MONDAY - 24 * 20 - 60 * number % 24)
    world.change(lambda e: e.account in campaign[:burst], address="room")
    # A place for most of them is a mark of a class; the prior leaves that aside.
    (found,) = (j for j in groups(world, prior=0.3) if len(j.group.members) == 40)
    assert found.verdict == EXTRACTION
    assert MIXTURE not in found.notes
    assert list(halves(found.case))


def test_a_small_campaign_is_no_mixture_because_its_halves_are_small(worlds):
    """Ten accounts say less than twenty, which is no sign that they are something else."""
    campaign = range(1000, 1020)
    world = worlds.harvest(campaign)
    for number in campaign[:10]:
        world.account(number, created=worlds.MONDAY - 40)
    for number in campaign[10:]:
        world.account(number, created=worlds.MONDAY - 24 * 20 - 60 * number % 24)
    (found,) = (j for j in groups(world, prior=0.3) if len(j.group.members) == 20)
    assert found.verdict == EXTRACTION
    ((parts, by_burst),) = (cut for cut in halves(found.case) if "signup_burst" in cut[1])
    by_themselves = [alone(part, by_burst) for part in parts]
    as_parts = [alone(part, (*by_burst, "size"), accounts=20) for part in parts]
    for small, part in zip(by_themselves, as_parts, strict=True):
        assert small.log10_bayes_factor < part.log10_bayes_factor


@pytest.mark.parametrize(
    ("one", "other", "mixture"), [(0, 0, True), (1, 0, False), (0, 1, False), (1, 1, False)]
)
def test_one_part_that_stands_is_enough(worlds, one, other, mixture):
    (found,) = groups(mixed(worlds))

    def stands(part, chosen_by):
        assert chosen_by
        numbers = {int(name[-5:]) for name in part.view.evidence.accounts.ids[part.members]}
        return bool(one if numbers <= set(EVENT) else other)

    assert is_mixture(found.case, stands) is mixture


def test_who_is_not_dated_is_a_part_apart(worlds):
    world = mixed(worlds)
    undated = [*EVENT[:5], *BUILDS[:5]]
    for number in undated:
        world.account(number, created_at=None)
    (found,) = groups(world)
    ids = found.case.view.evidence.accounts.ids
    parts, chosen_by = next(halves(found.case))
    assert "signup_burst" in chosen_by
    numbers = [{int(name[-5:]) for name in ids[part.members]} for part in parts]
    assert numbers == [set(EVENT[5:]), set(BUILDS[5:]), set(undated)]


@pytest.mark.parametrize("known", [6, 12])
def test_a_few_that_are_known_do_not_cut_a_group(worlds, known):
    """Three made together and three that were not say nothing of forty; nor do three at one address."""
    campaign = range(1000, 1040)
    world = worlds.harvest(campaign)
    for k, number in enumerate(campaign):
        dated = worlds.MONDAY - 40 if k < known // 2 else worlds.MONDAY - 480 - 60 * k
        world.account(number, **({"created": dated} if k < known else {"created_at": None}))
    world.change(lambda e: e.account in campaign, address=None)
    world.change(lambda e: e.account in campaign[: known // 2], address="room")
    for k in range(known // 2, known):
        world.change(lambda e, k=k: e.account == campaign[k], address=f"home-{k}")
    (found,) = groups(world, prior=0.1)
    assert list(halves(found.case)) == []
    assert found.verdict == EXTRACTION


def test_without_dates_and_addresses_nothing_falls_apart(worlds):
    world = mixed(worlds)
    world.change(lambda e: True, address=None)
    for number in (*range(300), *EVENT, *BUILDS):
        world.account(number, created_at=None)
    for found in groups(world):
        assert list(halves(found.case)) == []
        assert np.isfinite(found.probability)


def test_two_events_at_two_places_are_cut_from_the_rest_together(worlds):
    """Neither event is large: with the other in it, the rest has a place and a burst yet."""
    world = mixed(worlds)
    rooms = {number: f"venue-{k // 5}" for k, number in enumerate(EVENT)}
    for number, room in rooms.items():
        world.change(lambda e, number=number: e.account == number, address=room)
        world.account(number, created=worlds.MONDAY - 24 * 20 * (1 + int(room[-1])), verified=False)
    (found,) = groups(world)
    ids = found.case.view.evidence.accounts.ids
    by_place = [
        {int(name[-5:]) for name in ids[parts[0].members]}
        for parts, chosen_by in halves(found.case)
        if "one_place" in chosen_by
    ]
    assert by_place == [set(EVENT)]
