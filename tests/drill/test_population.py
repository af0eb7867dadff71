"""The ordinary population: heavy tails, many kinds of people, sharing as in life."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.drill.exercise import START
from stillwatch.drill.people import before
from stillwatch.drill.population import families, heavy_tailed, populate, vpn_users
from stillwatch.drill.randomness import generator
from stillwatch.drill.setting import Setting


@settings(max_examples=40)
@given(st.integers(1, 500), st.integers(0, 50_000), st.integers(0, 100))
def test_volumes_add_up(n: int, total: int, seed: int) -> None:
    volumes = heavy_tailed(np.random.default_rng(seed), n, total)
    assert volumes.sum() == max(total, n)
    assert volumes.min() >= 1


def test_volumes_have_a_heavy_tail() -> None:
    volumes = heavy_tailed(generator(1, "test"), 10_000, 170_000)
    assert 0.3 < (volumes <= 5).mean() < 0.75
    assert np.sort(volumes)[-100:].sum() > 0.1 * volumes.sum()
    assert volumes.std() / volumes.mean() > 1.5


def test_new_accounts_arrive_inside_the_window_and_begin_after() -> None:
    setting = Setting.make(1, START, 14)
    cast = populate(setting, 3000, 30_000)
    made, stream = cast.accounts[0]["created"], cast.streams[0]
    assert 0.08 < (made > START).mean() < 0.3
    assert (stream.time > made[stream.account]).all()


def test_families_share_a_home_and_strangers_do_not() -> None:
    setting = Setting.make(1, START, 7)
    drawn = setting.people.draw(setting.rng("t"), 400)
    assert len(np.unique(drawn["main_key"])) == 400
    house = families(setting.rng("f"), drawn)
    assert 60 < len(np.unique(house["main_key"])) < 220
    paid = house[house["payment"] > 0]
    assert len(np.unique(paid["payment"])) < 0.7 * len(paid)


def test_vpn_exits_are_shared_by_strangers() -> None:
    setting = Setting.make(1, START, 7)
    users = vpn_users(setting.rng("v"), setting, setting.people.draw(setting.rng("t"), 2000))
    codes = setting.places.codes(users["alt_pool"].astype(np.int64), users["alt_key"])
    assert len(np.unique(codes)) < 1500


def test_dates_moved_before_a_limit_are_not_equal() -> None:
    limit = 10**15
    moved = before(generator(1, "test"), np.full(1000, limit + 5), limit)
    assert (moved < limit).all()
    assert len(np.unique(moved)) == 1000
