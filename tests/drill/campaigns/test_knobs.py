"""Levels of craft."""

import pytest

from stillwatch.drill.campaigns.classes import CLASSES
from stillwatch.drill.campaigns.knobs import Knobs, tiered


def test_tiers_hide_more_and_more() -> None:
    plain = Knobs()
    adaptive, expert = tiered(plain, "adaptive"), tiered(plain, "expert")
    for name in ("shared_payment_rate", "sync", "night_share", "young_share", "disposable_mail_share"):
        assert getattr(plain, name) > getattr(adaptive, name) > getattr(expert, name) - 1e-12, name
    for name in ("volume_cv", "paraphrase_rate", "relay_share"):
        assert getattr(plain, name) < getattr(adaptive, name) < getattr(expert, name), name


def test_plain_is_the_class_itself() -> None:
    assert tiered(Knobs(sync=0.3), "plain") == Knobs(sync=0.3)


@pytest.mark.parametrize("kind", list(CLASSES))
def test_experts_keep_volumes_small_and_cards_apart(kind: str) -> None:
    k = tiered(CLASSES[kind].knobs, "expert")
    assert k.volume_mean <= 14
    assert k.shared_payment_rate == 0
    assert k.disposable_mail_share == 0
    assert k.residential_share == 1
