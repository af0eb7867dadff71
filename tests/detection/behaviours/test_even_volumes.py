"""Volumes of a campaign that balances its load, against heavy-tailed strangers."""

import numpy as np
import pytest

from stillwatch.detection.behaviours.even_volumes import BEHAVIOUR, spread, spreads, usual


def volumes(worlds, counts):
    """A campaign whose accounts send so many exchanges."""
    world = worlds.planted()
    world.exchanges = [e for e in world.exchanges if e.account not in worlds.CAMPAIGN]
    for member, count in zip(worlds.CAMPAIGN, counts, strict=False):
        for k in range(count):
            world.say(member, worlds.MONDAY + k % 168, objects=worlds.template("t"), item=f"{member}-{k}")
    return world


def test_a_balanced_load(worlds):
    counts = [20 + k % 3 for k in range(20)]
    seen = worlds.examined(BEHAVIOUR, volumes(worlds, counts))
    assert seen.p_value < 0.005
    assert seen.statistic == 0, "more even than counting alone would make them"
    assert seen.supports
    assert "median 21" in seen.statement


def test_uneven_volumes(worlds):
    seen = worlds.examined(BEHAVIOUR, volumes(worlds, [int(2 ** (1 + k % 8)) for k in range(20)]))
    assert seen.p_value > 0.5
    assert not seen.supports


def test_accounts_that_come_once_have_no_volume_to_be_even_about(worlds):
    assert worlds.examined(BEHAVIOUR, volumes(worlds, [1] * 20)) is None


def test_three_accounts_are_too_few(worlds):
    world = volumes(worlds, [20, 20, 20])
    assert BEHAVIOUR.examine(worlds.case(world, worlds.CAMPAIGN[:3], *worlds.template("t"))) is None


def test_few_strangers_are_no_reference(worlds):
    world = volumes(worlds, [20] * 20)
    world.exchanges = [e for e in world.exchanges if e.account >= 1000 or e.account < 25]
    assert worlds.examined(BEHAVIOUR, world) is None


@pytest.mark.parametrize("counts", [[1, 2, 50], [3, 30, 300, 3000], [10, 40, 11, 90, 7]])
def test_spread_against_numpy(counts):
    counts = np.array(counts, dtype=np.float64)
    assert spread(counts) == pytest.approx(np.sqrt(np.var(counts) - np.mean(counts)) / np.mean(counts))


def test_spreads_are_of_rows():
    counts = np.array([[1, 2, 50], [7, 7, 7], [0, 0, 0]])
    assert spreads(counts).tolist() == [spread(row) for row in counts]


def test_spread_of_counts_no_more_uneven_than_poissons():
    assert spread(np.array([10.0, 10.0])) == 0
    assert spread(np.array([8.0, 10.0, 12.0])) == 0
    assert spread(np.zeros(4)) == 0


@pytest.mark.parametrize("mean", [3, 30, 300])
def test_counting_brings_no_spread_and_what_is_beyond_it_is_told_at_any_volume(mean):
    """Accounts whose rates differ by a factor of Gamma(4) have a coefficient of variation of 1/2, however few they send."""
    rng = np.random.default_rng(2)
    rates = mean * rng.gamma(4, 1 / 4, 40_000)
    assert spread(rng.poisson(rates)) == pytest.approx(0.5, abs=0.02)
    assert spread(rng.poisson(mean, 40_000)) < 0.1


def test_strangers_with_one_template_are_rejected_no_more_often_than_the_level(worlds):
    for level, count, most in worlds.rejected(BEHAVIOUR, worlds.template_nulls()):
        assert count <= most, f"{count} at {level}"


def test_nor_where_the_group_left_out_whom_it_found_too_busy(worlds):
    """Who is chosen by volume is more even for it: the sets that a group is compared with are cut as it was."""
    for level, count, most in worlds.rejected(BEHAVIOUR, worlds.formed_nulls()):
        assert count <= most, f"{count} at {level}"


def test_far_busier_and_far_less_active_accounts_are_left_out_of_every_set():
    counts = np.array([[20, 21, 22, 23, 400], [20, 21, 22, 23, 1], [20, 21, 22, 23, 60]])
    assert usual(counts).tolist() == [[True] * 4 + [False]] * 2 + [[True] * 5]
    assert spreads(counts, usual(counts))[:2].tolist() == [0.0, 0.0]
