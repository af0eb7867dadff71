"""Campaigns do what their knobs say."""

from dataclasses import replace

import numpy as np
import pytest

from stillwatch.drill.campaigns.classes import CLASSES
from stillwatch.drill.campaigns.engine import Actor, build, recruit, vary, volumes_of
from stillwatch.drill.campaigns.knobs import Knobs
from stillwatch.drill.clock import DAY, HOUR
from stillwatch.drill.exercise import START
from stillwatch.drill.people import PAYMENT, PLAN
from stillwatch.drill.setting import Setting
from stillwatch.drill.traffic import Cast


@pytest.fixture(scope="module")
def setting() -> Setting:
    return Setting.make(9, START, 14)


def accounts(setting: Setting, n: int = 400, **knobs: float) -> np.ndarray:  # type: ignore[type-arg]
    k = replace(Knobs(accounts=n), **knobs)  # type: ignore[arg-type]
    return recruit(setting, setting.rng("r"), Actor.make(setting, "test", "0", k), k, n)  # type: ignore[no-any-return]


def campaign(setting: Setting, kind: str = "template_harvest", **knobs: float) -> Cast:
    c = CLASSES[kind]
    return build(setting, c, "plain", "0", replace(c.knobs, accounts=60, volume_mean=30, **knobs))  # type: ignore[arg-type]


def times(cast: Cast) -> np.ndarray:  # type: ignore[type-arg]
    return np.concatenate([s.time for s in cast.streams if s.extracting])


@pytest.mark.parametrize("rate", [0.0, 0.5, 1.0])
def test_cards_are_shared_as_often_as_the_knob_says(setting: Setting, rate: float) -> None:
    a = accounts(setting, shared_payment_rate=rate, free_share=0, accounts_per_card=20)
    values, counts = np.unique(a["payment"], return_counts=True)
    shared = np.isin(a["payment"], values[counts > 1]).mean()
    assert shared == pytest.approx(rate, abs=0.1)


def test_telephones_are_shared_as_often_as_the_knob_says(setting: Setting) -> None:
    shared = accounts(setting, n=23, accounts_per_phone=6)["phone"]
    assert sorted(np.unique(shared, return_counts=True)[1].tolist()) == [5, 6, 6, 6]
    own = accounts(setting, accounts_per_phone=1)["phone"]
    assert len(np.unique(own[own > 0])) == (own > 0).sum()


def test_each_account_may_have_an_address_of_its_own(setting: Setting) -> None:
    a = accounts(setting, n=60, accounts_per_address=0, residential_share=0, app_share=0)
    assert len(np.unique(a["main_key"])) == 60
    few = accounts(setting, n=60, accounts_per_address=1, residential_share=0, app_share=0)
    assert len(np.unique(few["main_key"])) < 60, "drawn one by one, some meet"


def test_one_account_may_be_a_whole_campaign(setting: Setting) -> None:
    cast = build(setting, CLASSES["template_harvest"], "plain", "0", Knobs(accounts=1, volume_mean=900))
    assert len({int(row) for s in cast.streams for row in s.account}) == 1


def test_plans_cards_and_verification_follow_their_knobs(setting: Setting) -> None:
    a = accounts(setting, free_share=0.4, virtual_card_share=0.7, verified_share=0.3, cloud_share=0.0)
    assert (a["plan"] == PLAN["free"]).mean() == pytest.approx(0.4, abs=0.08)
    paying = a[a["plan"] != PLAN["free"]]
    assert (paying["payment_kind"] == PAYMENT["virtual_card"]).mean() == pytest.approx(0.7, abs=0.1)
    assert a["verified"].mean() == pytest.approx(0.3, abs=0.08)


def test_sign_ups_come_in_bursts_when_young(setting: Setting) -> None:
    young = accounts(setting, young_share=1.0, signup_days=0.3, signup_bursts=2)["created"]
    days = np.unique(young // DAY)
    assert len(days) < 12
    old = accounts(setting, young_share=0.0)["created"]
    assert len(np.unique(old // DAY)) > 150
    assert len(np.unique(young)) == len(young), "no two at the same microsecond"


def test_unique_fingerprints_and_proxies(setting: Setting) -> None:
    a = accounts(setting, unique_fingerprint_share=1.0, residential_share=1.0)
    assert len(np.unique(a["ja4"])) == len(a)
    assert (a["rotation"] > 0).mean() > 0.6
    plain = accounts(setting, unique_fingerprint_share=0.0, residential_share=0.0, clients=1, app_share=0.0)
    assert len(np.unique(plain["ja4"])) == 1


def test_volumes_have_the_mean_and_spread_asked_for() -> None:
    rng = np.random.default_rng(1)
    for cv in (0.05, 0.5, 1.5):
        v = volumes_of(rng, 50, cv, 40_000)
        assert v.mean() == pytest.approx(50, rel=0.05)
        assert v.std() / v.mean() == pytest.approx(cv, rel=0.1)
    assert (volumes_of(rng, 50, 0.0, 10) == 50).all()


def test_no_item_comes_twice_unless_the_knob_says_so(setting: Setting) -> None:
    for reuse, kind in ((0.0, "divided_work_list"), (0.5, "divided_work_list")):
        cast = campaign(setting, kind, reuse_rate=reuse)
        repeated = [1 - len(np.unique(s.item)) / len(s.item) for s in cast.streams if s.extracting]
        assert (max(repeated) == 0) if reuse == 0 else (min(repeated) > 0.2)


def test_synchrony_makes_accounts_busy_in_the_same_hours(setting: Setting) -> None:
    def unevenness(sync: float) -> float:
        cast = campaign(setting, sync=sync, burst_strength=1.2, volume_cv=0.0)
        hours = np.bincount((times(cast) - START) // HOUR, minlength=336)
        return float(hours.var() / hours.mean())

    assert unevenness(1.0) > 2 * unevenness(0.0)


def test_night_share_sets_the_share_of_the_quiet_hours(setting: Setting) -> None:
    def quietest(night: float) -> float:
        cast = campaign(setting, sync=0.0, night_share=night)
        by_hour = np.sort(np.bincount((times(cast) - START) // HOUR % 24, minlength=24))
        return float(by_hour[:8].sum() / by_hour.sum())

    assert quietest(1.0) > 0.2
    assert quietest(0.0) < 0.1


def test_a_spike_holds_most_of_the_traffic(setting: Setting) -> None:
    cast = campaign(setting, "spike", spike_days=1.5, slow_start_share=0.1)
    time = np.sort(times(cast))
    width = int(1.6 * DAY)
    densest = max(np.searchsorted(time, t + width) - i for i, t in enumerate(time))
    assert densest > 0.75 * len(time)
    assert time[0] < time[len(time) // 2] - 2 * DAY


def test_extracting_rows_beyond_an_agreement_only(setting: Setting) -> None:
    cast = campaign(setting, "agreement_exceeded", covered_share=0.3)
    (agreement,) = cast.agreements
    inside = sum(len(s) for s in cast.streams if s.group and not s.extracting)
    beyond = sum(len(s) for s in cast.streams if s.extracting)
    assert inside <= agreement["max_exchanges"]
    assert beyond > inside


def test_variation_leaves_fixed_knobs_alone() -> None:
    k = vary(Knobs(), np.random.default_rng(1), {"accounts", "sync"})
    assert (k.accounts, k.sync) == (Knobs().accounts, Knobs().sync)
    assert k.volume_mean != Knobs().volume_mean
    for seed in range(50):
        moved = vary(Knobs(), np.random.default_rng(seed), set())
        assert 0 <= moved.sync <= 1
        assert moved.accounts >= 8


def test_downgrades_follow_the_first_blocks(setting: Setting) -> None:
    cast = campaign(setting, "account_replacement", downgrade_share=1.0)
    assert (cast.accounts[0]["retreat"] > START).all()
    assert (cast.accounts[0]["retreat"] < setting.clock.end + 7 * DAY).all()


def test_a_language_that_is_set_changes_the_words_alone(setting: Setting) -> None:
    def actor(language: int) -> Actor:
        return Actor.make(setting, "test", "0", Knobs(language=language))

    drawn, hindi = actor(-1), actor(setting.languages.index("hi"))
    assert hindi.languages == (setting.languages.index("hi"),)
    assert actor(drawn.languages[0]).languages == drawn.languages
    assert (hindi.group_id, hindi.start, hindi.pivot) == (drawn.group_id, drawn.start, drawn.pivot)
    assert (hindi.cards == drawn.cards).all() and (hindi.bursts == drawn.bursts).all()
