"""Populations and cases: rates, choices that are free of double dipping, and tails."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stillwatch.detection.case import Case, Population, binomial_tail, draw_tail
from stillwatch.detection.evidence import KINDS
from stillwatch.detection.settings import Settings
from stillwatch.detection.traits import Trait
from stillwatch.detection.view import view
from stillwatch.records.sketches import MARKS


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


def test_everybody_active_is_inside_or_outside(worlds, campaign):
    assert campaign.others + len(campaign.group.accounts) == campaign.view.population
    assert len(worlds.outside(campaign)) == campaign.others
    everybody = np.arange(len(campaign.view.active))
    assert campaign.has_inside(everybody).tolist() == np.isin(everybody, campaign.inside).tolist()


def test_rate_outside_is_pulled_from_zero_by_half_an_account(campaign):
    active = campaign.view.active
    nobody = np.zeros(len(active), bool)
    inside = campaign.has_inside(np.arange(len(active)))
    assert campaign.others == 150

    def rate(having):
        return campaign.rate_outside(Trait(having, ~inside, active))

    assert rate(nobody) == pytest.approx(0.5 / 151)
    assert rate(inside) == pytest.approx(0.5 / 151)
    assert rate(~nobody) == pytest.approx(150.5 / 151)
    assert campaign.counts_outside(Trait(active, ~inside, active)) == (150, 150)
    assert campaign.counts_outside(Trait(nobody, inside, active)) == (0, 0)


def test_by_content_is_whom_the_texts_alone_would_choose(campaign):
    by_text = np.arange(len(campaign.group.accounts)) < 15
    case = replace(campaign, group=replace(campaign.group, by_text=by_text))
    assert case.textual
    assert case.by_content.tolist() == case.members[:15].tolist()
    assert case.by_infrastructure is None, "texts formed it"


def test_a_group_that_infrastructure_formed_has_nobody_by_content(worlds):
    case = worlds.case(worlds.planted(), worlds.CAMPAIGN)
    assert not case.textual
    assert case.by_content is None
    assert case.by_infrastructure.tolist() == case.members.tolist()


def test_one_account_is_no_group_that_texts_formed(worlds):
    """What a heavy account says is all its own: nobody chose it by what it says."""
    (number,) = heaviest(worlds.planted(), 1)
    case = worlds.case(worlds.planted(), [number], *worlds.template("t"))
    alone = replace(case, group=replace(case.group, origin="one account", by_text=np.zeros(1, bool)))
    assert not alone.textual
    assert alone.by_content is None
    assert alone.exchanges_by_member.tolist() == alone.view.totals["n"][alone.members].tolist()


def heaviest(world, count):
    said = Counter(e.account for e in world.exchanges if e.account >= 1000)
    return [number for number, _ in said.most_common(count)]


def test_members_are_who_belongs_and_outside_is_who_is_not_even_linked(campaign):
    firm = np.ones(20, bool)
    firm[[3, 4]] = False
    case = replace(campaign, group=replace(campaign.group, firm=firm))
    accounts = campaign.group.accounts
    assert case.members.tolist() == np.delete(accounts, [3, 4]).tolist()
    assert case.inside.tolist() == accounts.tolist()
    assert case.others == campaign.others


def test_own_are_the_exchanges_of_members_on_the_groups_texts(worlds):
    world = worlds.planted()
    # Two members send other things besides, a stranger sends the template once.
    for number in (1000, 1001):
        for k in range(5):
            world.say(number, worlds.MONDAY + k, item="viral-1", text=True)
    world.say(3, worlds.MONDAY, objects=worlds.template("t"), item="once")
    firm = np.ones(20, bool)
    firm[19] = False
    case = worlds.case(world, worlds.CAMPAIGN, *worlds.template("t"))
    case = replace(case, group=replace(case.group, firm=firm))
    on_template = Counter(e.account for e in world.exchanges if e.objects)
    expected = [on_template[number] for number in list(worlds.CAMPAIGN)[:19]]
    assert case.exchanges_by_member.tolist() == expected
    assert len(case.own) == sum(expected), "neither the stranger's nor those of who is linked only"
    assert (case.view.totals["n"][case.members] - expected).tolist() == [5, 5, *[0] * 17]


def test_the_typical_share_is_the_median_of_members(worlds):
    world = worlds.planted()
    for number in (1000, 1001):
        for k in range(200):
            world.say(number, worlds.MONDAY + k % 50, item=f"else-{number}-{k}")
    case = worlds.case(world, worlds.CAMPAIGN, *worlds.template("t"))
    assert case.typical_share == 1
    firm = np.isin(np.arange(20), (0, 1, 2))
    assert replace(case, group=replace(case.group, firm=firm)).typical_share < 0.5


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


def test_days_are_the_accounts_own(worlds):
    """A day ends where the account's first hour comes round again, so that no time zone cuts it in two."""
    found = population(worlds, {0: [5, 26, 27], 1: [47], 2: [23, 24, 48]})
    assert found.active_days.tolist() == [1, 1, 2]


@pytest.mark.parametrize(
    ("member_hours", "days"),
    [
        ((10, 30), 2),
        ((-30, -10), 2),  # before the first hour of anybody else
        ((40, 60), 2),  # after the last
        ((-10, 80), 4),
    ],
)
def test_days_of_the_log_are_those_of_others_or_the_members_own(worlds, member_hours, days):
    world = worlds.World()
    for number, hours in {0: (5, 26), 1: (47, 48), 10: member_hours, 11: member_hours}.items():
        for hour in hours:
            world.say(number, worlds.MONDAY + hour)
    assert worlds.case(world, [10, 11]).days == days


def test_without_others_the_days_are_the_members_own(worlds):
    world = worlds.World()
    for hour in (0, 23, 24):
        world.say(3, worlds.MONDAY + hour)
    assert worlds.case(world, [3]).days == 2


def test_rhythm_of_flat_and_of_sharp_clocks(worlds):
    flat = list(range(48))
    sharp = [24 * day + 9 for day in range(14)]
    one_sitting = [0, 1, 2]
    cosines, pairs = population(worlds, {0: flat, 1: sharp, 2: one_sitting}).rhythm
    assert cosines == pytest.approx([0, 14 * 13, 0], abs=1e-6)
    assert pairs.tolist() == [2 * 24 * 24, 14 * 13, 0], "hours of one day are not compared"


HOURS = st.lists(st.integers(0, 167), min_size=1, max_size=40, unique=True)


@given(HOURS)
def test_rhythm_against_its_definition(worlds, hours):
    cosines, pairs = population(worlds, {0: hours}).rhythm
    day = {h: (h - min(hours)) // 24 for h in hours}
    apart = [(a, b) for a in hours for b in hours if day[a] != day[b]]
    assert pairs.tolist() == [len(apart)]
    expected = math.fsum(math.cos(2 * math.pi * (a - b) / 24) for a, b in apart)
    assert cosines[0] == pytest.approx(expected, abs=1e-6)


def test_rhythm_of_few_hours_is_not_biased(worlds):
    """Clocks without a rhythm: mean zero with three days as with thirty, which a resultant length would not have."""
    rng = np.random.default_rng(4)
    said = {n: [24 * day + int(rng.integers(24)) for day in range(3)] for n in range(400)}
    for hours in said.values():
        hours[0] = 0  # the first hour cuts days where the clock does
    cosines, pairs = population(worlds, said).rhythm
    mean = cosines / pairs
    assert abs(mean.mean()) < 4 * mean.std() / np.sqrt(len(mean))
    assert mean.std() > 0.2


@given(HOURS, st.integers(1, 23))
def test_rhythm_is_the_same_in_every_time_zone(worlds, hours, shift):
    here = population(worlds, {0: hours})
    there = population(worlds, {0: [h + shift for h in hours]})
    for one, other in zip(here.rhythm, there.rhythm, strict=True):
        assert other == pytest.approx(one, abs=1e-6)
    assert there.active_days.tolist() == here.active_days.tolist()


def test_halves_take_every_other_text_of_each_account(worlds):
    world = worlds.World()
    for number in range(6):
        for k in range(4):
            name = "ab"[k % 2] if number < 3 else "c"
            world.say(number, worlds.MONDAY + k, objects=(("phrase", name),), item=f"{number}-{k}")
    for number in range(6, 60):  # so that phrases are rare
        world.say(number, worlds.MONDAY, item=f"{number}")
    halves = worlds.populate(world).halves
    one, other, both = (
        worlds.text_objects(world, worlds.populate(world).view.evidence, ("phrase", name))[0]
        for name in "abc"
    )
    for vectors, mine, never in ((halves.first, one, other), (halves.second, other, one)):
        held = vectors.matrix.toarray() > 0
        assert held[:3, mine].all()
        assert not held[:, never].any()
        assert held[3:6, both].all()
    assert halves.first.known.tolist() == [True] * 6 + [False] * 54


def test_cores_are_formed_of_the_first_half_alone(worlds):
    """Circles by each account's first and third text; the texts between would divide them otherwise."""

    def world(first, second):
        # With so few accounts in all, the usual resolution would leave each by itself.
        made = worlds.World()
        for number in range(12):
            for k in range(4):
                name = (first, second)[k % 2](number)
                made.say(number, worlds.MONDAY + k, objects=(("phrase", name),), item=f"{number}-{k}")
        for number in range(12, 40):
            made.say(number, worlds.MONDAY, item=f"{number}")
        return made

    def circle(number):
        return f"circle-{number % 2}"

    def half(number):
        return f"half-{number // 6}"

    by_circle = [list(range(0, 12, 2)), list(range(1, 12, 2))]
    by_half = [list(range(6)), list(range(6, 12))]
    for made, expected in ((world(circle, half), by_circle), (world(half, circle), by_half)):
        assert [core.tolist() for core in worlds.populate(made).halves.cores] == expected


def test_long_items_are_sent_by_two_accounts_and_carry_two_phrases(worlds):
    def long_items(phrases):
        world = worlds.World()
        for number in range(4):
            objects = tuple(("phrase", name) for name in phrases)
            world.say(number, worlds.MONDAY, item=f"own-{number}", objects=objects)
            if number != 2:
                world.say(number, worlds.MONDAY + 1, item="same", objects=objects)
        return worlds.populate(world).long_items

    who, what = long_items(("p", "q"))
    assert who.tolist() == [0, 1, 3], "nobody else sends what is each one's own"
    assert len(set(what.tolist())) == 1
    assert not len(long_items(("p",))[0]), "one phrase is a short text"


def test_what_an_account_asks_again_is_asked_once(worlds):
    world = worlds.World()
    for number, item in ((0, "a"), (0, "a"), (1, "a"), (1, "b"), (2, "b"), (3, "own")):
        world.say(number, worlds.MONDAY, item=item, objects=(("phrase", "p"), ("phrase", "q")))
    asked = worlds.populate(world).asked.toarray()
    assert sorted(asked.T.tolist()) == [[0, 1, 1, 0], [1, 1, 0, 0]]


def test_mark_share_is_of_texts(worlds):
    world = worlds.World()
    for k in range(4):
        world.say(0, worlds.MONDAY + k, item=f"0-{k}", marks=("fake_debug",) if k == 0 else ())
    world.say(0, worlds.MONDAY + 9, text=False)
    world.say(1, worlds.MONDAY, text=False)
    share = worlds.populate(world).mark_share
    assert set(share) == set(MARKS)
    assert share["fake_debug"].tolist() == [0.25, 0]


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
    assert worlds.populate(world).repeated_item.tolist() == [True, False, False, True]


def test_an_empty_view_is_a_population(worlds):
    world = worlds.World()
    world.say(0, worlds.MONDAY)
    empty = Population(view(world.evidence(), until=worlds.MONDAY), Settings(), {"m": worlds.MONDAY})
    assert empty.halves.cores == []
    assert empty.long_items[0].tolist() == []
    assert empty.asked.shape == (1, 0)
    assert empty.active_days.tolist() == [0]
    assert empty.pivots == []
    assert set(empty.pairs_by_kind) == set(KINDS)
    assert [column.tolist() for column in empty.rhythm] == [[0], [0]]


def test_a_part_of_a_whole_has_the_wholes_accounts_inside(campaign):
    half = campaign.only(np.arange(len(campaign.group.accounts)) % 2 == 0)
    alone = Case(half.group, campaign.population)
    assert alone.others > campaign.others
    assert alone.inside.tolist() == half.group.accounts.tolist()
    assert half.inside.tolist() == campaign.inside.tolist()
    assert half.others == campaign.others


def test_a_roll_is_those_outside_that_are_eligible_by_code(worlds, campaign):
    volumes = campaign.view.totals["n"]
    half = campaign.only(np.arange(len(campaign.group.accounts)) % 2 == 0)
    for case in (campaign, half, Case(half.group, campaign.population)):
        roll = case.roll("ten exchanges or more", lambda: volumes >= 10)
        expected = worlds.outside(case)[volumes[worlds.outside(case)] >= 10]
        assert 0 < len(roll) == len(expected) < case.others
        assert roll.at(np.arange(len(roll))).tolist() == expected.tolist()
        # What numpy draws from a list it draws by place.
        one, other = (np.random.default_rng(7) for _ in range(2))
        assert roll.at(one.choice(len(roll), (9, 5))).tolist() == other.choice(expected, (9, 5)).tolist()
        few = roll.at(np.sort(one.choice(len(roll), 7, replace=False)))
        assert few.tolist() == np.sort(other.choice(expected, 7, replace=False)).tolist()


def test_what_processes_would_each_make_for_themselves_is_made_before_they_are_copied(worlds):
    seen = view(worlds.harvest(range(1000, 1012)).evidence())
    population = Population(seen, Settings(), {})
    population.settle()
    assert {"halves", "asked"} <= vars(population).keys()
    assert "_landmarks" in vars(population.halves.first)
    without = Population(seen, Settings(left_out="content"), {})
    without.settle()
    assert "halves" not in vars(without)
