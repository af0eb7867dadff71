"""Populations and cases: rates, choices that are free of double dipping, and tails."""

import math
from dataclasses import replace

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


def test_by_content_are_those_whom_texts_alone_choose(worlds, campaign):
    marked = replace(campaign.group, by_text=np.arange(len(campaign.group.accounts)) % 2 == 0)
    half = replace(campaign, group=marked)
    assert half.by_content.tolist() == campaign.group.accounts[::2].tolist()
    assert half.by_infrastructure is None
    assert campaign.typical_share == 1


def test_what_infrastructure_formed_was_chosen_by_no_text(worlds):
    case = worlds.case(worlds.planted(), worlds.CAMPAIGN, origin="infrastructure")
    assert not case.textual
    assert case.by_content is None
    assert case.by_infrastructure.tolist() == case.members.tolist()


def test_own_exchanges_are_those_on_the_group_s_texts(worlds):
    world = worlds.planted()
    for number in worlds.CAMPAIGN:
        for i in range(3):
            world.say(number, worlds.MONDAY + i, item="said by all")
    case = worlds.case(world, worlds.CAMPAIGN, *worlds.template("t"))
    total = case.view.totals["n"][case.members]
    assert case.exchanges_by_member.tolist() == (total - 3).tolist()
    assert len(case.own) == total.sum() - 3 * len(case.members)
    room = worlds.case(world, worlds.CAMPAIGN, origin="infrastructure")
    assert room.exchanges_by_member.tolist() == total.tolist()


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


def test_days_are_an_account_s_own(worlds):
    found = population(worlds, {0: [5, 26, 28, 29], 1: [47]})
    assert found.days == 2
    assert found.active_days.tolist() == [2, 1]
    assert population(worlds, {0: [20, 26, 43], 1: [47]}).active_days.tolist() == [1, 1]


def test_rhythm_of_flat_and_of_sharp_clocks(worlds):
    flat = list(range(24 * 7))
    sharp = [24 * day + 9 for day in range(14)]
    one_day = [0, 1, 2]
    cosines, pairs = population(worlds, {0: flat, 1: sharp, 2: one_day}).rhythm
    assert cosines[0] / pairs[0] == pytest.approx(0, abs=1e-9)
    assert cosines[1] / pairs[1] == pytest.approx(1)
    assert pairs.tolist() == [7 * 6 * 24 * 24, 14 * 13, 0]


def test_rhythm_has_no_bias_however_few_hours_there_are(worlds):
    """Three hours, one on each of three days, anywhere on the clock: no rhythm on average."""
    rng = np.random.default_rng(1)
    said = {n: [24 * 2 * d + int(rng.integers(24)) for d in range(3)] for n in range(1500)}
    cosines, pairs = population(worlds, said).rhythm
    mean = cosines.sum() / pairs.sum()
    assert abs(mean) < 4 * np.std(cosines / np.maximum(pairs, 1)) / np.sqrt(1500)


@given(st.lists(st.integers(0, 167), min_size=12, max_size=60), st.integers(1, 23))
def test_rhythm_is_the_same_in_every_time_zone(worlds, hours, shift):
    here, pairs = population(worlds, {0: hours}).rhythm
    there, same = population(worlds, {0: [h + shift for h in hours]}).rhythm
    assert there[0] == pytest.approx(here[0], abs=1e-6)
    assert same.tolist() == pairs.tolist()


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
    assert empty.days == 0
    assert empty.pivots == []
    assert set(empty.pairs_by_kind) == set(KINDS)
    assert empty.rhythm[0].tolist() == [0]
