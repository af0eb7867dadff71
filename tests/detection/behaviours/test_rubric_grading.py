"""The mark behind rubric_grading: rooms that carry it, one template that carries it, and strangers."""

import pytest

from stillwatch.detection.behaviours.rubric_grading import BEHAVIOUR

MARKS = ("rubric_grading",)


def marked(worlds, mark, share=0.6):
    """A campaign in one room of telephones, of whose exchanges this share carries the mark."""
    world = worlds.planted()
    worlds.apart(world)
    for member in worlds.CAMPAIGN:
        world.account(member, phone_fingerprint="one-room")
    said = iter(range(100_000))
    world.change(lambda e: e.account in worlds.CAMPAIGN and next(said) % 10 < 10 * share, marks=(mark,))
    return worlds.case(world, worlds.CAMPAIGN, *worlds.template("t"), origin="infrastructure")


@pytest.mark.parametrize("mark", MARKS)
def test_a_room_that_carries_the_mark(worlds, mark):
    seen = BEHAVIOUR.examine(marked(worlds, mark))
    assert seen.p_value < 1e-6
    assert seen.supports
    assert seen.statistic == pytest.approx(0.6, abs=0.1)
    assert "%" in seen.statement


def test_another_mark_is_not_this_one(worlds):
    seen = BEHAVIOUR.examine(marked(worlds, "safety_rewrite", share=1.0))
    assert seen.statistic == 0
    assert seen.p_value == 1
    assert not seen.supports


@pytest.mark.parametrize("mark", MARKS)
def test_one_template_is_one_draw_however_many_accounts_repeat_it(worlds, mark):
    world = worlds.planted()
    worlds.apart(world)
    world.change(lambda e: e.account in worlds.CAMPAIGN, marks=(mark,))
    case = worlds.case(world, worlds.CAMPAIGN, *worlds.template("t"))
    seen = BEHAVIOUR.examine(case)
    share = sum(case.population.mark_share[m] for m in MARKS)
    others = worlds.outside(case)
    outside = (int((share[others] >= 0.2).sum()) + 0.5) / (len(others) + 1)
    assert case.by_infrastructure is None
    assert seen.p_value == pytest.approx(outside)
    assert seen.supports


def test_without_texts_there_is_nothing_to_see(worlds):
    world = worlds.planted()
    world.change(lambda e: e.account in worlds.CAMPAIGN, text=False)
    assert worlds.examined(BEHAVIOUR, world) is None


def test_strangers_with_one_telephone_are_rejected_no_more_often_than_the_level(worlds):
    for level, count, most in worlds.rejected(BEHAVIOUR, worlds.room_nulls()):
        assert count <= most, f"{count} at {level}"
