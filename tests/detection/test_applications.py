"""Groups by system prompt: an application's users, and the campaigns among them."""

import numpy as np

from stillwatch.detection.applications import prompt_groups
from stillwatch.detection.cores import Cores
from stillwatch.detection.evidence import KINDS
from stillwatch.detection.groups import SYSTEM_PROMPT, TEXTS, form_groups
from stillwatch.detection.settings import Settings
from stillwatch.detection.view import view


def numbers(group, seen):
    return {int(seen.evidence.accounts.ids[m].rpartition("-")[2]) for m in group.members}


def clients(worlds, world, numbers, prompt, mixed=0):
    """People who ask their own questions through one application."""
    for number in numbers:
        for i in range(6):
            world.say(
                number,
                worlds.MONDAY + (7 * i + number) % 160,
                objects=(("system", prompt),),
                item=f"q-{number}-{i}",
            )
        for i in range(mixed):
            world.say(number, worlds.MONDAY + (5 * i + number) % 160, item=f"own-{number}-{i}")


def applications(world, others=(), left_out=()):
    """Groups of system prompts, as pairs of (numbers of members, group)."""
    seen = view(world.evidence())
    ids = seen.evidence.accounts.ids
    out = np.isin([int(i.rpartition("-")[2]) for i in ids], list(left_out))
    return [
        ({int(ids[m].rpartition("-")[2]) for m in group.members}, group)
        for group in prompt_groups(Cores(seen, Settings()), list(others), out)
    ]


def test_users_of_one_application_are_a_group_of_its_system_prompt(worlds):
    world = worlds.strangers()
    clients(worlds, world, range(2000, 2040), "app")
    clients(worlds, world, range(2100, 2103), "too few")
    ((members, group),) = applications(world)
    assert members == set(range(2000, 2040))
    assert group.origin == SYSTEM_PROMPT
    assert group.firm.all()
    assert group.content_share.tolist() == [1.0] * 40
    assert len(group.exchanges) == 240
    (prompt,) = group.text_objects
    assert KINDS[view(world.evidence()).evidence.obj_kind[prompt]] == "system"


def test_who_hardly_uses_an_application_is_none_of_its_users(worlds):
    world = worlds.strangers()
    clients(worlds, world, range(2000, 2010), "app")
    clients(worlds, world, range(2010, 2014), "app", mixed=40)
    ((members, _),) = applications(world)
    assert members == set(range(2000, 2010))


def test_a_campaign_in_an_application_is_a_group_beside_its_users(worlds):
    world = worlds.strangers()
    clients(worlds, world, range(2000, 2060), "app")
    campaign = range(1000, 1020)
    worlds.harvesters(world, campaign, ("system", "app"), *worlds.template("t"), *worlds.PHRASES)
    (group,) = form_groups(Cores(view(world.evidence()), Settings()))
    members = numbers(group, view(world.evidence()))
    assert (group.origin, members) == (TEXTS, set(campaign))
    ((everybody, _),) = applications(world, [group])
    assert everybody == {*campaign, *range(2000, 2060)}
    ((users, _),) = applications(world, [group], left_out=campaign)
    assert users == set(range(2000, 2060))


def test_a_campaign_with_a_system_prompt_of_its_own_is_one_group(worlds):
    world = worlds.strangers()
    worlds.harvesters(world, range(1000, 1020), ("system", "own"), *worlds.template("t"), *worlds.PHRASES)
    (group,) = form_groups(Cores(view(world.evidence()), Settings()))
    assert group.origin == TEXTS
    assert applications(world, [group]) == []


def test_two_prompts_of_one_application_are_one_group(worlds):
    world = worlds.strangers()
    clients(worlds, world, range(2000, 2040), "app")
    clients(worlds, world, range(2000, 2040), "the same app on Thursdays")
    assert len(applications(world)) == 1
