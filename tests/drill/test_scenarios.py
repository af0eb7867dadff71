"""Scenarios by name."""

import pytest

from stillwatch.drill import lookalikes, scenarios
from stillwatch.drill.campaigns.classes import CLASSES
from stillwatch.records.errors import InputError


def test_every_name_is_found_and_every_class_has_one() -> None:
    for name in scenarios.names():
        assert scenarios.find(name).name == name
    own = {c for c in CLASSES if not c.startswith("published_")} | set(lookalikes.CLASSES)
    assert {f"class:{c}" for c in own} <= set(scenarios.names())


def test_parts_name_classes_that_exist() -> None:
    for name in scenarios.names():
        s = scenarios.find(name)
        assert {p.kind for p in s.campaigns} <= set(CLASSES)
        assert set(s.lookalikes) <= set(lookalikes.CLASSES)


def test_a_tier_goes_to_every_campaign() -> None:
    assert {p.tier for p in scenarios.find("default", tier="expert").campaigns} == {"expert"}
    assert {p.tier for p in scenarios.find("default").campaigns} == {"plain", "adaptive", "expert"}


def test_scale_keeps_the_published_volume_per_account() -> None:
    whole, part = (scenarios.find("published-2026", scale=s) for s in (1.0, 0.1))
    assert part.accounts == pytest.approx(whole.accounts / 10, rel=0.02)
    big, small = whole.campaigns[2].knobs, part.campaigns[2].knobs
    assert big and small and small.volume_mean == pytest.approx(big.volume_mean, rel=0.01)


def test_the_demo_is_large_enough() -> None:
    s = scenarios.find("default")
    assert (s.exchanges, s.accounts) >= (300_000, 12_000)
    assert set(s.lookalikes) == set(lookalikes.CLASSES)


def test_unknown_names_are_refused() -> None:
    for name in ("", "class:", "class:nothing", "published"):
        with pytest.raises(InputError, match="no scenario"):
            scenarios.find(name)
