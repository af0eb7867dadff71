"""Scenarios and knobs: every class can be built, and settings do what they say."""

import dataclasses

import numpy as np
import pytest

from stillwatch.drill import lookalikes, scenarios
from stillwatch.drill.campaigns.classes import CLASSES
from stillwatch.drill.campaigns.knobs import TIERS
from stillwatch.drill.exercise import Exercise, Settings, make, plan
from stillwatch.records.errors import InputError
from stillwatch.records.findings import KINDS_OF_USE

OWN = [c for c in CLASSES if not c.startswith("published_")]


def tiny(kind: str, tier: str | None = None, *knobs: str, seed: int = 5) -> Exercise:
    return make(Settings(f"class:{kind}", exchanges=6000, accounts=500, tier=tier, seed=seed, knobs=knobs))


@pytest.mark.parametrize("kind", OWN)
def test_every_campaign_class_builds_at_every_tier(kind: str) -> None:
    for tier in TIERS:
        e = tiny(kind, tier)
        assert len(e.schedule) == 6000
        assert len(e.accounts) == 500
        (group,) = e.groups
        assert (group.kind, group.tier, group.unauthorised, group.expected) == (
            kind,
            tier,
            True,
            "extraction",
        )
        assert any(s.extracting for s in e.streams)


@pytest.mark.parametrize("kind", list(lookalikes.CLASSES))
def test_every_look_alike_builds_and_is_innocent(kind: str) -> None:
    e = tiny(kind)
    (group,) = e.groups
    assert not group.unauthorised
    assert group.expected == lookalikes.CLASSES[kind].expected
    assert group.expected in set(KINDS_OF_USE) - {"extraction", "unknown"}
    assert not any(s.extracting for s in e.streams)


def test_look_alikes_come_in_as_many_groups_as_asked_and_the_first_is_the_same() -> None:
    def made(count: int) -> list[tuple[str, int]]:
        asked = Settings("class:course", exchanges=6000, accounts=900, seed=5, lookalikes=count)
        e = make(asked)
        held = {group: len(numbers) for numbers, group, _, _ in e.members}
        return [(g.group_id, held[g.group_id]) for g in e.groups]

    (alone,), three = made(1), made(3)
    assert len({group for group, _ in three}) == 3
    assert alone[0] in {group for group, _ in three}
    assert len({size for _, size in three}) > 1, "each is drawn by itself"


def test_published_campaigns_have_the_published_size() -> None:
    s = scenarios.find("published-2026")
    sizes = [p.knobs for p in s.campaigns if p.knobs]
    assert sum(k.accounts for k in sizes) == 24_000
    per_campaign = [k.accounts * k.volume_mean for k in sizes]
    assert per_campaign[0] > 150_000
    assert per_campaign[1] > 3_400_000
    assert per_campaign[2] > 13_000_000
    assert 100 <= sizes[1].accounts < 1000, "hundreds of accounts"


def test_a_small_published_scenario_keeps_twenty_accounts_a_campaign() -> None:
    e = make(Settings("published-2026", scale=0.003, seed=2))
    guilty = {g.group_id for g in e.groups if g.unauthorised}
    assert len(guilty) == 3
    for numbers, group, _, _ in e.members:
        if group in guilty:
            assert len(numbers) >= 20
    assert len(e.groups) == 3 + len(lookalikes.CLASSES)


def test_quiet_has_no_campaign() -> None:
    e = make(Settings("quiet", exchanges=40_000, accounts=4000))
    assert not any(g.unauthorised for g in e.groups)
    assert {g.kind for g in e.groups} == set(lookalikes.CLASSES)


def test_a_knob_is_turned_exactly() -> None:
    e = tiny("template_harvest", None, "template_harvest.accounts=33", "volume_cv=0", "volume_mean=10")
    (numbers,) = [n for n, group, _, _ in e.members if group]
    assert len(numbers) == 33
    extracting = [i for i, s in enumerate(e.streams) if s.extracting]
    volumes = np.unique(e.schedule.account[np.isin(e.schedule.stream, extracting)], return_counts=True)[1]
    assert (volumes == 10).all()


def test_relay_rows_are_not_extracting_and_follow_the_knob() -> None:
    low, high = (
        tiny("diluted_relay", None, f"relay_share={r}", "accounts=20", "volume_mean=20") for r in (0.2, 0.8)
    )

    def relayed(e: Exercise) -> float:
        own = [i for i, s in enumerate(e.streams) if s.group]
        rows = np.isin(e.schedule.stream, own)
        marks = np.array([s.extracting for s in e.streams])[e.schedule.stream[rows]]
        return float(1 - marks.mean())

    assert relayed(low) == pytest.approx(0.2, abs=0.12)
    assert relayed(high) == pytest.approx(0.8, abs=0.12)


def test_blocked_accounts_are_replaced() -> None:
    e = tiny("account_replacement", None, "generations=4", "accounts=40", "volume_mean=20")
    rows = np.isin(e.schedule.stream, [i for i, s in enumerate(e.streams) if s.extracting])
    account, time = e.schedule.account[rows], e.schedule.time[rows]
    blocked = np.unique(account[e.schedule.blocked[rows]])
    assert len(blocked) > 10
    first = {int(a): time[account == a].min() for a in np.unique(account)}
    last = {int(a): time[account == a].max() for a in np.unique(account)}
    ends = [last[int(a)] for a in blocked]
    assert any(f > min(ends) for f in first.values()), "others begin after the first blocks"


def test_a_release_moves_the_share_that_the_knob_says() -> None:
    for share in (0.0, 0.9):
        e = tiny("release_pivot", None, f"pivot_share={share}", "accounts=60")
        (numbers,) = [n for n, group, _, _ in e.members if group]
        within_a_day = float((e.accounts["adopt"][numbers] < 24 * 3600 * 1_000_000).mean())
        assert within_a_day == pytest.approx(share, abs=0.25)


def test_sizes_and_wordings_differ_from_seed_to_seed() -> None:
    sizes = set()
    for seed in range(4):
        e = tiny("template_harvest", seed=seed)
        sizes.add(len(next(n for n, group, _, _ in e.members if group)))
    assert len(sizes) > 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (Settings("nonsense"), "no scenario"),
        (Settings(knobs=("nonsense",)), "isn't a knob"),
        (Settings(knobs=("template_harvest.nonsense=1",)), "no knob"),
        (Settings(knobs=("nonsense.accounts=1",)), "no class"),
        (Settings(knobs=("accounts=nan",)), "isn't a knob"),
        (Settings(knobs=("sync=inf",)), "isn't a knob"),
        (Settings(exchanges=50, accounts=60), "too small"),
        (Settings(exchanges=0), "0 is too small"),
        (Settings(accounts=0), "0 is too small"),
        (Settings(days=0), "0 is too small"),
        (
            Settings("class:template_harvest", knobs=("spike.accounts=5",)),
            "spike is no part of scenario class:",
        ),
        (Settings(exchanges=200, accounts=600), "at least one exchange"),
        (Settings(knobs=("sync=1.5",)), "must be"),
        (Settings(knobs=("template_harvest.accounts=-3",)), "must be"),
    ],
)
def test_bad_settings_are_refused_with_a_way_out(settings: Settings, said: str) -> None:
    with pytest.raises(InputError, match=said):
        plan(settings)


def test_every_knob_is_a_number() -> None:
    for c in (*CLASSES.values(), *lookalikes.CLASSES.values()):
        assert all(isinstance(v, int | float) for v in dataclasses.asdict(c.knobs).values())


def test_labs_hold_the_totals_together_and_each_campaign_once() -> None:
    settings = Settings("published-2026", scale=0.004, seed=3, labs=3)
    parts = [make(settings, lab) for lab in range(3)]
    whole = scenarios.find("published-2026", scale=0.004)
    assert sum(len(e.accounts) for e in parts) == pytest.approx(whole.accounts, abs=3)
    assert sum(len(e.schedule) for e in parts) == pytest.approx(whole.exchanges, abs=3)
    guilty = [g.kind for e in parts for g in e.groups if g.unauthorised]
    assert sorted(guilty) == ["published_agentic", "published_coding", "published_reasoning"]
