"""What is behind every mark on texts: a template is one draw, accounts of a room are many."""

import numpy as np
import pytest

from stillwatch.detection.behaviours._marked import marked_test
from stillwatch.detection.behaviours.safety_rewrites import BEHAVIOUR
from stillwatch.detection.case import binomial_tail
from stillwatch.detection.traits import Trait

MARK = "safety_rewrite"
STRANGERS = 100


def world_with(worlds, rate, *, marked, seed=0):
    """A hundred strangers of two texts, each with the mark at this rate; a campaign of which so many accounts carry it."""
    rng = np.random.default_rng([13, seed])
    world = worlds.World()
    for number in (*range(STRANGERS), *worlds.CAMPAIGN):
        campaign = number in worlds.CAMPAIGN
        carries = number - worlds.CAMPAIGN[0] < marked if campaign else rng.random() < rate
        for k in range(2):
            world.say(
                number,
                worlds.MONDAY + k,
                objects=worlds.template("t") if campaign else (),
                marks=(MARK,) if carries else (),
            )
    return world


def seen_as(worlds, world, origin):
    case = worlds.case(world, worlds.CAMPAIGN, *worlds.template("t"), origin=origin)
    return case, marked_test((MARK,), "carry it")(case)


def rate_of(case):
    mostly = case.population.mark_share[MARK] >= 0.2
    return case.rate_outside(Trait(mostly, case.view.active, case.view.active))


@pytest.mark.parametrize(("marked", "counts"), [(20, True), (10, True), (9, False)])
def test_a_template_counts_once_from_half_of_its_accounts_on(worlds, marked, counts):
    case, seen = seen_as(worlds, world_with(worlds, 0.1, marked=marked), "texts")
    rate = rate_of(case)
    assert seen.p_value == pytest.approx(rate if counts else 1.0)
    assert seen.statistic == pytest.approx(marked / 20)


@pytest.mark.parametrize("marked", [0, 1, 9, 20])
def test_accounts_of_a_room_count_one_by_one(worlds, marked):
    case, seen = seen_as(worlds, world_with(worlds, 0.1, marked=marked), "infrastructure")
    rate = rate_of(case)
    assert seen.p_value == pytest.approx(binomial_tail(marked, 20, rate))


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
def test_templates_drawn_as_strangers_are_rejected_no_more_often_than_the_level(worlds, rate):
    """In each world all accounts of the group repeat one template, which carries the mark as often as a stranger does."""
    luck = np.random.default_rng(14).random(150) < rate
    cases = tuple(
        seen_as(worlds, world_with(worlds, rate, marked=20 if lucky else 0, seed=seed), "texts")[0]
        for seed, lucky in enumerate(luck.tolist())
    )
    for level, count, most in worlds.rejected(BEHAVIOUR, cases):
        assert count <= most, f"{count} at {level}"
