"""A move to older models after a group's first blocks."""

import pytest

from stillwatch.detection.behaviours.older_model import BEHAVIOUR, ages
from stillwatch.detection.case import Population
from stillwatch.detection.view import view

RELEASES = {"old": 0, "mid": 1000, "new": 2000}
BLOCKS = 72


def retreat(worlds, to="old", blocked=2, before="new"):
    """A campaign on one model until, 72 hours after the start, some accounts are blocked; then it goes to another.

    Ordinary people use what they like. Half of the campaign's accounts begin after the blocks.
    """
    world = worlds.planted()
    world.exchanges = [e for e in world.exchanges if e.account not in worlds.CAMPAIGN]
    liked = {number: ("old", "mid", "new", "new", "new")[number % 5] for number in world.facts}
    for number, model in liked.items():
        world.change(lambda e, number=number: e.account == number, model=model)
    for place, member in enumerate(worlds.CAMPAIGN):
        for k in range(20):
            at = worlds.MONDAY + (72 if place % 2 else 0) + 6 * k + place % 5 + 1
            model = to if at > worlds.MONDAY + BLOCKS else before
            world.say(member, at, objects=worlds.template("t"), model=model)
    for member in list(worlds.CAMPAIGN)[:blocked]:
        world.say(member, worlds.MONDAY + BLOCKS, model=before, status="blocked")
    return world


def test_a_move_back_after_blocks(worlds):
    seen = worlds.examined(BEHAVIOUR, retreat(worlds), releases=RELEASES)
    assert seen.p_value < 1e-6
    assert seen.statistic == 1
    assert seen.supports
    assert "older" in seen.statement


def test_staying_and_moving_on_are_no_move_back(worlds):
    for to, before in (("new", "new"), ("new", "mid")):
        seen = worlds.examined(BEHAVIOUR, retreat(worlds, to, before=before), releases=RELEASES)
        assert seen.statistic == 0
        assert seen.p_value == 1
        assert not seen.supports


@pytest.mark.parametrize("blocked", [0, 1])
def test_one_block_is_no_wave_of_them(worlds, blocked):
    assert worlds.examined(BEHAVIOUR, retreat(worlds, blocked=blocked), releases=RELEASES) is None


def test_without_status_there_is_nothing_to_see(worlds):
    world = retreat(worlds)
    world.change(lambda _: True, status=None)
    assert worlds.examined(BEHAVIOUR, world, releases=RELEASES) is None


def test_ages_are_releases_else_first_uses(worlds):
    world = worlds.World()
    for model, at in (("a", 0), ("b", 20), ("c", 50), ("a", 60)):
        world.say(1, worlds.MONDAY + at, model=model)
    begin = worlds.MONDAY
    assert ages(worlds.populate(world)) == {"a": begin, "b": begin, "c": begin + 50}
    # Of what was there on the first day nobody knows how old it is beside a model that is listed.
    assert ages(worlds.populate(world, {"b": 7})) == {"b": 7, "c": begin + 50}


def test_ages_are_those_that_were_known_at_the_hour(worlds):
    world = worlds.World()
    for model, at in (("a", 0), ("b", 30), ("c", 90)):
        world.say(1, worlds.MONDAY + at, model=model)
    earlier = Population(
        view(world.evidence(), worlds.MONDAY + 60), world.settings, {"c": worlds.MONDAY + 80}
    )
    assert ages(earlier) == {"a": worlds.MONDAY, "b": worlds.MONDAY + 30}


def test_models_without_a_release_are_ordered_by_first_use(worlds):
    world = retreat(worlds)
    world.change(lambda e: e.model == "new" and e.hour < worlds.MONDAY + 30, model="mid")
    seen = worlds.examined(BEHAVIOUR, world, releases={})
    # "new" is first used a day and a half after the log's beginning, and is most of what the group used.
    assert seen is not None
    assert "older" in seen.statement


def test_replaced_accounts_are_found_on_older_models(drilled):
    seen = BEHAVIOUR.examine(drilled("account_replacement").campaign())
    assert seen.p_value < 0.001
    assert seen.supports


def test_random_sets_are_rejected_no_more_often_than_the_level(worlds, drilled):
    blocked = drilled("account_replacement").with_blocks(0.1)
    for level, count, most in worlds.rejected(BEHAVIOUR, blocked.benign(size=60, least=3)):
        assert count <= most, f"{count} at {level}"
