"""Populations and cases: rates, choices that are free of double dipping, and tails."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stillwatch.detection.case import Population, binomial_tail, draw_tail
from stillwatch.detection.evidence import KINDS, view
from stillwatch.detection.settings import Settings


@given(st.integers(0, 30), st.integers(0, 30), st.floats(0, 1))
def test_binomial_tail_is_the_sum_of_the_law(successes, trials, rate):
    by_hand = math.fsum(
        math.comb(trials, k) * rate**k * (1 - rate) ** (trials - k) for k in range(successes, trials + 1)
    )
    assert binomial_tail(successes, trials, rate) == pytest.approx(by_hand if trials else 1.0, abs=1e-9)


def test_binomial_tail_takes_rates_that_rounding_pushed_out():
    assert binomial_tail(1, 5, -1e-18) == 0.0
    assert binomial_tail(5, 5, 1 + 1e-15) == 1.0


DRAWS = st.lists(st.floats(-100, 100), min_size=2, max_size=60).map(np.array)


@given(DRAWS, st.floats(-200, 200), st.floats(0, 50))
def test_draw_tail_is_a_probability_and_falls_as_the_figure_rises(drawn, observed, more):
    p = draw_tail(observed, drawn)
    assert 0 <= p <= 1
    assert draw_tail(observed + more, drawn) <= p + 1e-12


@given(DRAWS, st.floats(-200, 200))
def test_draw_tail_is_at_most_the_rank(drawn, observed):
    rank = (1 + int((drawn >= observed).sum())) / (1 + len(drawn))
    p = draw_tail(observed, drawn)
    assert p <= rank
    if observed <= drawn.max():
        assert p == rank


def test_draw_tail_beyond_the_draws_is_students():
    drawn = np.arange(100.0)
    far = draw_tail(300.0, drawn)
    assert far == pytest.approx(stats.t.sf((300 - drawn.mean()) / drawn.std(ddof=1), 5))
    assert draw_tail(1e6, np.ones(50)) == pytest.approx(1 / 51), (
        "draws without spread say their rank, no more"
    )


@pytest.mark.parametrize("draws", [40, 200])
@pytest.mark.parametrize("shape", [None, 6.0], ids=["normal", "skewness 0.8"])
def test_draw_tail_keeps_its_level(draws, shape):
    rng = np.random.default_rng(1)

    def null(size):
        return rng.normal(size=size) if shape is None else rng.gamma(shape, size=size)

    p = np.array([draw_tail(x, null(draws)) for x in null(3000)])
    for level in (0.05, 0.01, 0.001):
        assert (p <= level).sum() <= stats.binom.ppf(0.999, len(p), level)


@pytest.fixture
def campaign(worlds):
    world = worlds.planted()
    return worlds.case(world, worlds.CAMPAIGN, *worlds.template("t"))


def test_outside_is_everybody_active_who_is_not_in_the_group(worlds, campaign):
    assert len(campaign.outside) + len(campaign.group.accounts) == campaign.view.population
    assert not np.isin(campaign.outside, campaign.group.accounts).any()


def test_rate_outside_is_pulled_from_zero_by_half_an_account(campaign):
    nobody = np.zeros(len(campaign.view.active), bool)
    assert campaign.rate_outside(nobody) == pytest.approx(0.5 / 151)
    assert campaign.rate_outside(campaign.inside) == pytest.approx(0.5 / 151)
    assert campaign.rate_outside(~nobody) == pytest.approx(150.5 / 151)


def test_by_content_chooses_anybody_with_the_texts(worlds):
    world = worlds.planted()
    worlds.with_template(world, [3, 4], "t")  # two strangers whom the group does not hold
    worlds.with_template(world, [5], "u")
    case = worlds.case(world, worlds.CAMPAIGN, *worlds.template("t"))
    ids = case.view.evidence.accounts.ids
    assert set(ids[case.by_content]) == {worlds.name_of(n) for n in (3, 4, *worlds.CAMPAIGN)}
    assert case.typical_share == 1


def test_by_content_leaves_out_who_hardly_uses_them(worlds):
    world = worlds.planted()
    busy = max(range(150), key=lambda n: sum(e.account == n for e in world.exchanges))
    worlds.with_template(world, [busy], "t", share=0.15)
    case = worlds.case(world, worlds.CAMPAIGN, *worlds.template("t"))
    assert worlds.name_of(busy) not in set(case.view.evidence.accounts.ids[case.by_content])


def test_by_content_is_none_where_texts_hold_nothing_together(worlds):
    world = worlds.planted()
    assert worlds.case(world, worlds.CAMPAIGN).by_content is None
    assert worlds.case(world, range(20), *worlds.template("t")).by_content is None


def rooms(worlds, sizes, column="payment_fingerprint"):
    """The campaign, its accounts in rooms of these sizes with one thing each; strangers share nothing."""
    world = worlds.planted()
    worlds.apart(world)
    members = iter(worlds.CAMPAIGN)
    for room, size in enumerate(sizes):
        for _ in range(size):
            world.account(next(members), **{column: f"room-{room}"})
    return world


def examined_room(worlds, world):
    """The campaign as a group that infrastructure alone holds together."""
    return worlds.case(world, worlds.CAMPAIGN)


def test_by_infrastructure_is_none_where_texts_chose_the_members(worlds):
    """And so the rooms: whoever looks for rooms with four of a popular client's users finds some."""
    case = worlds.case(rooms(worlds, (10,)), worlds.CAMPAIGN, *worlds.template("t"))
    assert case.textual
    assert case.by_infrastructure is None


@pytest.mark.parametrize(("sizes", "chosen"), [((4, 3), 4), ((10, 4, 2), 14), ((3, 3, 3), None), ((), None)])
def test_by_infrastructure_needs_rooms_of_four(worlds, sizes, chosen):
    case = examined_room(worlds, rooms(worlds, sizes))
    assert (None if case.by_infrastructure is None else len(case.by_infrastructure)) == chosen


def test_by_infrastructure_takes_strangers_along(worlds):
    world = rooms(worlds, (5,))
    world.account(7, payment_fingerprint="room-0")
    case = examined_room(worlds, world)
    assert worlds.name_of(7) in set(case.view.evidence.accounts.ids[case.by_infrastructure])
    assert len(case.by_infrastructure) == 6


def test_rooms_join_over_things_of_several_kinds(worlds):
    world = rooms(worlds, (3, 3))
    first, second = worlds.CAMPAIGN[2], worlds.CAMPAIGN[3]
    world.account(first, phone_fingerprint="bridge")
    world.account(second, phone_fingerprint="bridge")
    case = examined_room(worlds, world)
    assert len(case.by_infrastructure) == 6


def test_fingerprints_make_no_rooms(worlds):
    world = rooms(worlds, ())
    world.change(lambda e: e.account in worlds.CAMPAIGN, fingerprint="rare")
    assert examined_room(worlds, world).by_infrastructure is None


def test_draws_depend_on_seed_and_size_alone(worlds, campaign):
    again = worlds.case(worlds.planted(seed=2), worlds.CAMPAIGN, *worlds.template("t"))
    assert campaign.generator(1).random() == again.generator(1).random()
    assert campaign.generator(1).random() != campaign.generator(2).random()
    other = Population(campaign.view, Settings(seed=1), {})
    assert (
        worlds.case(worlds.planted(), worlds.CAMPAIGN, *worlds.template("t"), population=other)
        .generator(1)
        .random()
        != campaign.generator(1).random()
    )


def population(worlds, said, **facts):
    world = worlds.World()
    for number, hours in said.items():
        world.account(number, created=worlds.MONDAY - 1, **facts)
        for hour in hours:
            world.say(number, worlds.MONDAY + hour)
    return worlds.populate(world)


def test_blocks_are_whole_days_of_eight(worlds):
    found = population(worlds, {0: [5, 26, 27], 1: [47]})
    assert found.blocks == 16
    assert found.block.tolist() == [1, 8, 9, 15]
    assert found.exchanges_by_day.tolist() == [1, 3]
    assert found.active_days.tolist() == [2, 1]


def test_rhythm_of_flat_and_of_sharp_clocks(worlds):
    flat = list(range(48))
    sharp = [24 * day + 9 for day in range(14)]
    few = [0, 1, 2]
    strength, enough = population(worlds, {0: flat, 1: sharp, 2: few}).rhythm
    assert strength[0] == pytest.approx(0, abs=1e-6)
    assert strength[1] == pytest.approx(1)
    assert enough.tolist() == [True, True, False]


def test_rhythm_is_corrected_for_what_few_hours_show_by_chance(worlds):
    hours = [24 * day + 9 for day in range(9)] + [24 * day + 21 for day in range(3)]
    strength, _ = population(worlds, {0: hours}).rhythm
    # Resultant length (9 - 3) / 12; twelve flat hours have a squared length of 1/12 on average.
    assert strength[0] == pytest.approx(np.sqrt((1 / 4 - 1 / 12) / (1 - 1 / 12)))


@given(st.lists(st.integers(0, 167), min_size=12, max_size=60), st.integers(1, 23))
def test_rhythm_is_the_same_in_every_time_zone(worlds, hours, shift):
    here, _ = population(worlds, {0: hours}).rhythm
    there, _ = population(worlds, {0: [h + shift for h in hours]}).rhythm
    assert there[0] == pytest.approx(here[0], abs=1e-9)


def test_first_days_are_the_first_three_alive(worlds):
    world = worlds.World()
    for number, created in ((0, worlds.MONDAY), (1, worlds.MONDAY - 72), (2, None)):
        world.account(number, **({} if created is None else {"created": created}))
        for hour in [1, 2, 3, *range(49, 56), *range(73, 90)]:
            world.say(number, worlds.MONDAY + hour)
    # Days 0, 2 and 3 of the week: 3, 7 and 17 exchanges.
    assert worlds.populate(world).first_days.tolist() == [7, 0, 0]


def test_pairs_are_counted_by_kind_without_what_is_popular(worlds):
    world = worlds.World(settings=Settings(popular_floor=3, popular_share=0.0))
    for number in range(6):
        world.account(number, payment_fingerprint="card" if number < 4 else f"card-{number}")
        world.say(number, worlds.MONDAY, address="everybody" if number < 5 else "other")
    pairs = worlds.populate(world).pairs_by_kind
    assert pairs["payment"] == 6
    assert pairs["address"] == 0, "five hold it, three may"


def test_repeated_items(worlds):
    world = worlds.World()
    for number, item in ((0, "same"), (1, "same"), (0, "own"), (0, "own")):
        world.say(number, worlds.MONDAY, item=item)
    repeated, places = worlds.populate(world).repeated_item
    assert repeated.tolist() == [True, True]
    assert len(places) == 2


def test_an_empty_view_is_a_population(worlds):
    world = worlds.World()
    world.say(0, worlds.MONDAY)
    empty = Population(view(world.evidence(), until=worlds.MONDAY), Settings(), {"m": worlds.MONDAY})
    assert empty.blocks == 0
    assert empty.pivots == []
    assert set(empty.pairs_by_kind) == set(KINDS)
    assert empty.rhythm[0].tolist() == [0]
