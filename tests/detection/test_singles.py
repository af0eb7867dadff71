"""Single accounts that harvest alone."""

import numpy as np
import pytest

from stillwatch.detection.singles import CHECKED_MARKS, MARKED_TEXTS, heavy_singles
from stillwatch.records.sketches import MARKS

LONER = 5000


def lonely(worlds, texts=200, share=1.0, mark="reasoning_elicitation"):
    """Strangers, and one account that sends so many texts, this share of them with a mark."""
    world = worlds.World()
    worlds.people(world, np.random.default_rng(4), range(120))
    for k in range(texts):
        world.say(LONER, worlds.MONDAY + k % 160, item=f"x-{k}", marks=(mark,) if k < share * texts else ())
    return world


def found(worlds, world, taken=()):
    population = worlds.populate(world)
    ids = population.view.evidence.accounts.ids
    mask = np.isin(ids, [worlds.name_of(t) for t in taken])
    return {ids[group.accounts[0]]: (group, seen) for group, seen in heavy_singles(population, mask)}


@pytest.mark.parametrize(("behaviour", "mark"), [(b, m) for b, marks in CHECKED_MARKS.items() for m in marks])
def test_a_heavy_account_is_examined(worlds, behaviour, mark):
    singles = found(worlds, lonely(worlds, mark=mark))
    group, seen = singles[worlds.name_of(LONER)]
    assert seen[behaviour].supports
    assert seen[behaviour].statistic == 1
    assert 0 < seen[behaviour].p_value < 0.05
    assert "100% of the account's 200 texts" in seen[behaviour].statement
    assert group.firm.tolist() == [True]
    assert len(group.members) == 1


def test_p_values_are_ranks_among_accounts(worlds):
    _, seen = found(worlds, lonely(worlds))[worlds.name_of(LONER)]
    assert seen["heavy_account"].p_value is None
    assert seen["heavy_account"].supports
    assert "The account sent 200 requests; 1 of 121 accounts" in seen["heavy_account"].statement


@pytest.mark.parametrize(("texts", "share"), [(200, 0.4), (MARKED_TEXTS - 1, 1.0)])
def test_few_marked_texts_are_no_harvest(worlds, texts, share):
    assert worlds.name_of(LONER) not in found(worlds, lonely(worlds, texts=texts, share=share))


def test_half_of_a_hundred_is_enough(worlds):
    assert worlds.name_of(LONER) in found(worlds, lonely(worlds, texts=100, share=0.5))


def test_an_account_of_a_group_is_not_single(worlds):
    world = lonely(worlds)
    assert worlds.name_of(LONER) not in found(worlds, world, taken=[LONER])


def test_marks_that_nobody_checks_choose_nobody(worlds):
    unchecked = set(MARKS) - {m for marks in CHECKED_MARKS.values() for m in marks}
    for mark in unchecked:
        assert worlds.name_of(LONER) not in found(worlds, lonely(worlds, mark=mark))


def test_several_behaviours_are_one_single(worlds):
    world = lonely(worlds)
    world.change(lambda e: e.account == LONER, marks=("rubric_grading", "replayed_block"))
    _, seen = found(worlds, world)[worlds.name_of(LONER)]
    assert set(seen) == {"rubric_grading", "replayed_block", "heavy_account"}


def test_order_of_rows_means_nothing(worlds):
    world = lonely(worlds)
    one = found(worlds, world)
    two = found(worlds, world.shuffled(np.random.default_rng(1)))
    assert {name: seen for name, (_, seen) in one.items()} == {name: seen for name, (_, seen) in two.items()}
