"""Single accounts that harvest alone."""

import numpy as np
import pytest

from stillwatch.detection.behaviours import CONTENT, TIMING
from stillwatch.detection.behaviours.heavy_account import HEAVIEST
from stillwatch.detection.settings import Settings
from stillwatch.detection.singles import CHECKED_MARKS, HEAVY_EXCHANGES, MARKED_TEXTS, heavy_singles
from stillwatch.records.sketches import MARKS

LONER = 5000


def lonely(worlds, texts=HEAVY_EXCHANGES, share=1.0, mark="reasoning_elicitation"):
    """Strangers, and one account that sends so many texts, this share of them with a mark."""
    world = worlds.World()
    worlds.people(world, np.random.default_rng(4), range(120))
    for k in range(texts):
        world.say(LONER, worlds.MONDAY + k % 160, item=f"x-{k}", marks=(mark,) if k < share * texts else ())
    return world


def found(worlds, world, taken=(), settings=None):
    population = worlds.populate(world, settings=settings)
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
    assert f"100% of the account's {HEAVY_EXCHANGES} texts" in seen[behaviour].statement
    assert group.firm.tolist() == [True]
    assert len(group.members) == 1


def test_what_it_sent_is_set_beside_the_heaviest_others(worlds):
    _, seen = found(worlds, lonely(worlds))[worlds.name_of(LONER)]
    assert seen["heavy_account"].p_value is None, "so few accounts have no tail"
    assert (
        f"The account sent {HEAVY_EXCHANGES} requests; 1 of 121 accounts" in seen["heavy_account"].statement
    )


def test_the_heaviest_are_examined_without_a_mark(worlds):
    singles = found(worlds, lonely(worlds, share=0.0))
    _, seen = singles[worlds.name_of(LONER)]
    assert set(seen) == {"heavy_account"}
    assert len(singles) <= HEAVIEST


@pytest.mark.parametrize(
    ("left_out", "expected"),
    [(CONTENT, {"heavy_account"}), (TIMING, {"reasoning_elicitation"})],
)
def test_a_family_that_is_left_out_chooses_nobody(worlds, left_out, expected):
    settings = Settings(left_out=left_out)
    _, seen = found(worlds, lonely(worlds), settings=settings)[worlds.name_of(LONER)]
    assert set(seen) == expected
    unmarked = found(worlds, lonely(worlds, share=0.0), settings=settings)
    assert (worlds.name_of(LONER) in unmarked) == (left_out == CONTENT)


def test_a_few_hundred_are_no_harvest_however_many_others_send(worlds):
    assert not found(worlds, lonely(worlds, texts=HEAVY_EXCHANGES - 1, share=0.0))


@pytest.mark.parametrize(
    ("texts", "share", "enough"), [(200, 0.4, False), (MARKED_TEXTS - 1, 1.0, False), (100, 0.5, True)]
)
def test_half_of_a_hundred_is_enough_for_a_mark(worlds, texts, share, enough):
    assert (worlds.name_of(LONER) in found(worlds, lonely(worlds, texts=texts, share=share))) == enough


def test_an_account_of_a_group_is_not_single(worlds):
    world = lonely(worlds)
    assert worlds.name_of(LONER) not in found(worlds, world, taken=[LONER])


def test_marks_that_nobody_checks_choose_nobody(worlds):
    unchecked = set(MARKS) - {m for marks in CHECKED_MARKS.values() for m in marks}
    for mark in unchecked:
        assert set(found(worlds, lonely(worlds, mark=mark))[worlds.name_of(LONER)][1]) == {"heavy_account"}


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
