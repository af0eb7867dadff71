"""Items that nobody asks twice, against how often strangers repeat each other."""

import pytest

from stillwatch.detection.behaviours.divided_work_list import BEHAVIOUR, repeats


def harvest(worlds, item):
    """Twenty accounts whose items are named by `item` (a function of account and place in the list)."""
    world = worlds.planted()
    place = iter(range(100_000))
    for e in [e for e in world.exchanges if e.account in worlds.CAMPAIGN]:
        world.change(lambda other, e=e: other is e, item=item(e.account, next(place)))
    return world


def test_a_list_without_repeats(worlds):
    seen = worlds.examined(BEHAVIOUR, harvest(worlds, lambda account, place: f"task-{place}"))
    assert seen.statistic == 0
    assert seen.p_value < 0.05
    assert seen.supports
    assert "0.0% ask something that another account asked too" in seen.statement


def test_p_is_the_binomial_with_one_draw_an_account(worlds):
    world = harvest(worlds, lambda account, place: f"task-{place}")
    own = [e for e in world.exchanges if e.account not in worlds.CAMPAIGN]
    users = {}
    for e in own:
        users.setdefault(e.item, set()).add(e.account)
    repeats = sum(len(users[e.item]) > 1 for e in own)
    rate = (repeats + 0.5) / (len(own) + 1)
    assert worlds.examined(BEHAVIOUR, world).p_value == pytest.approx((1 - rate) ** 20)


def test_the_same_items_everywhere_are_a_benchmark(worlds):
    seen = worlds.examined(BEHAVIOUR, harvest(worlds, lambda account, place: f"question-{place % 10}"))
    assert seen.statistic == 1
    assert seen.p_value == 1
    assert not seen.supports
    assert "benchmark" in seen.statement


def test_an_item_that_one_account_repeats_is_not_repeated(worlds):
    assert (
        repeats(
            worlds.case(harvest(worlds, lambda a, _: f"again-{a}"), worlds.CAMPAIGN, *worlds.template("t"))
        )[1]
        == 0
    )


def test_too_few_exchanges_say_nothing(worlds):
    world = worlds.planted()
    kept = [e for e in world.exchanges if e.account in worlds.CAMPAIGN][:39]
    world.exchanges = [e for e in world.exchanges if e.account not in worlds.CAMPAIGN] + kept
    members = {e.account for e in kept}
    assert BEHAVIOUR.examine(worlds.case(world, members, *worlds.template("t"))) is None


def test_strangers_with_one_template_are_rejected_no_more_often_than_the_level(worlds):
    for level, count, most in worlds.rejected(BEHAVIOUR, worlds.template_nulls()):
        assert count <= most, f"{count} at {level}"
