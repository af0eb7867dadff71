"""Items that nobody asks twice, against how often strangers repeat each other."""

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
    assert seen.p_value is None, "no null is known"
    assert seen.supports
    assert "0.0% ask something that another account asked too" in seen.statement


def test_the_same_items_everywhere_are_a_benchmark(worlds):
    seen = worlds.examined(BEHAVIOUR, harvest(worlds, lambda account, place: f"question-{place % 10}"))
    assert seen.statistic == 1
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
