"""Questions that two accounts ask, against how often sets of strangers do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from stillwatch.detection.behaviours.divided_work_list import (
    BEHAVIOUR,
    chance_to_meet,
    met,
    met_in_each,
    repeats,
)

LONG = (("phrase", "please answer"), ("phrase", "in full"))
"""Two sampled phrases, which make a text long enough to count."""


def harvest(worlds, item=None):
    """Long texts throughout; the campaign's are named by `item` (account, place in the list), else as strangers' are."""
    world = worlds.planted()
    world.exchanges = [worlds.replace(e, objects=(*e.objects, *LONG)) for e in world.exchanges]
    if item is not None:
        place = iter(range(100_000))
        world.exchanges = [
            worlds.replace(e, item=item(e.account, next(place))) if e.account in worlds.CAMPAIGN else e
            for e in world.exchanges
        ]
    return world


def test_a_list_without_repeats(worlds):
    seen = worlds.examined(BEHAVIOUR, harvest(worlds, lambda account, place: f"task-{place}"))
    assert seen.statistic == 0
    assert seen.p_value == pytest.approx(1 / 201), "the lowest rank among 200 draws"
    assert seen.supports
    assert "0.0% ask something that another account asked too. 0 questions" in seen.statement
    assert "less than chance" in seen.statement


def test_what_strangers_ask_of_each_other_is_as_chance_has_it(worlds):
    seen = worlds.examined(BEHAVIOUR, harvest(worlds))
    assert seen.p_value > 0.05
    assert not seen.supports
    assert "as much as chance" in seen.statement


def test_the_same_items_everywhere_are_a_benchmark(worlds):
    seen = worlds.examined(BEHAVIOUR, harvest(worlds, lambda account, place: f"question-{place % 90}"))
    assert seen.statistic == 1
    assert seen.p_value == 1
    assert not seen.supports
    assert "more than chance" in seen.statement
    assert "benchmark" in seen.statement


def test_where_strangers_do_not_repeat_each_other_either_that_is_no_evidence(worlds):
    world = harvest(worlds)
    places = iter(range(100_000))
    world.exchanges = [worlds.replace(e, item=f"own-{next(places)}") for e in world.exchanges]
    # One question that two strangers asked, so that there is something to compare at all.
    world.exchanges[:400] = [
        worlds.replace(e, item="viral") if k in (0, 399) else e for k, e in enumerate(world.exchanges[:400])
    ]
    seen = worlds.examined(BEHAVIOUR, world)
    assert seen.statistic == 0
    assert seen.p_value > 0.9


def test_short_texts_are_no_questions(worlds):
    """Greetings come again everywhere: texts without two sampled phrases are counted on neither side."""
    world = harvest(worlds, lambda account, place: f"task-{place}")
    world.change(lambda e: e.item.startswith("viral"), objects=LONG[:1])
    assert worlds.examined(BEHAVIOUR, world).p_value is None


def test_an_item_that_one_account_repeats_is_not_repeated(worlds):
    case = worlds.case(harvest(worlds, lambda a, _: f"again-{a}"), worlds.CAMPAIGN, *worlds.template("t"))
    assert repeats(case)[1] == 0


def test_what_members_relay_is_not_looked_at(worlds):
    """The campaign itself never repeats; traffic of others that passes through its accounts does."""
    world = harvest(worlds, lambda account, place: f"task-{place}")
    for member in worlds.CAMPAIGN:
        for k in range(5):
            world.say(member, worlds.MONDAY + k, item=f"viral-{k}", objects=LONG)
    seen = worlds.examined(BEHAVIOUR, world)
    assert seen.statistic == 0
    assert seen.p_value == pytest.approx(1 / 201)


def test_too_few_exchanges_say_nothing(worlds):
    world = worlds.planted()
    kept = [e for e in world.exchanges if e.account in worlds.CAMPAIGN][:39]
    world.exchanges = [e for e in world.exchanges if e.account not in worlds.CAMPAIGN] + kept
    members = {e.account for e in kept}
    assert BEHAVIOUR.examine(worlds.case(world, members, *worlds.template("t"))) is None


def test_items_met_are_counted_once_and_by_different_accounts():
    acc = np.array([0, 0, 1, 1, 2, 3, 3])
    item = np.array([7, 7, 7, 8, 8, 9, 9])
    assert met(acc, item, np.array([0, 1, 2, 3])) == 2, "9 is one account's"
    assert met(acc, item, np.array([0, 2, 3])) == 0
    assert met(acc, item, np.array([0, 1])) == met(acc, item, np.array([0, 1, 1, 0])) == 1
    assert met(acc, item, np.zeros(0, np.int64)) == 0


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 7)), min_size=1, max_size=60),
    st.lists(st.lists(st.integers(0, 5), max_size=8), max_size=40),
)
def test_items_met_in_many_sets_are_those_met_in_each(pairs, sets):
    acc, item = (np.array(column, dtype=np.int64) for column in zip(*pairs, strict=True))
    asked = sparse.csr_matrix((np.ones(len(acc), np.int32), (acc, item)), shape=(6, 8))
    asked.data[:] = 1
    chosen = [np.array(s, dtype=np.int64) for s in sets]
    assert met_in_each(asked, chosen).tolist() == [met(acc, item, s) for s in chosen]


@pytest.mark.parametrize(
    ("observed", "fewer", "more"),
    [(0, 1 / 100, 1.0), (5, 6 / 100, 96 / 100), (50, 51 / 100, 51 / 100), (200, 1.0, 1 / 100)],
)
def test_chance_to_meet_is_a_rank_among_draws(observed, fewer, more):
    drawn = np.arange(1.0, 100.0)  # one draw each of 1 to 99 items met
    assert chance_to_meet(observed, drawn) == (pytest.approx(fewer), pytest.approx(more))


def test_chance_to_meet_where_all_draws_are_the_same():
    assert chance_to_meet(3, np.full(20, 3.0)) == (1.0, 1.0)


def test_strangers_with_one_template_are_rejected_no_more_often_than_the_level(worlds):
    def cases():
        for seed in range(25):
            rng = np.random.default_rng([12, seed])
            world = worlds.World()
            worlds.people(world, rng, range(220))
            sets = rng.permutation(220)[:64].reshape(4, 16).tolist()
            for group, members in enumerate(sets):
                worlds.with_template(world, members, f"t{group}")
            world.exchanges = [worlds.replace(e, objects=(*e.objects, *LONG)) for e in world.exchanges]
            population = worlds.populate(world)
            for group, members in enumerate(sets):
                yield worlds.case(world, members, *worlds.template(f"t{group}"), population=population)

    for level, count, most in worlds.rejected(BEHAVIOUR, tuple(cases())):
        assert count <= most, f"{count} at {level}"
