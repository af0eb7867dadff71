"""What an account is or is not: verified, new, on a disposable card. By account, with how many there are in all."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from stillwatch.detection.evidence import Bools
from stillwatch.detection.intake import HOUR_US
from stillwatch.detection.view import View

NEW_DAYS = 30
"""Days from an account's creation to its first exchange, below which it is new."""
DISPOSABLE = ("virtual_card", "prepaid_card")


@dataclass(frozen=True)
class Trait:
    """By account: has it the trait, and is that known? Who is not known to have it or not has it not."""

    having: Bools
    known: Bools
    active: Bools

    @cached_property
    def sums(self) -> tuple[float, float]:
        """(active accounts that have it, active accounts of which that is known)."""
        return float((self.having & self.active).sum()), float((self.known & self.active).sum())


def traits(view: View) -> dict[str, Trait]:
    """By name, of all accounts of a view."""
    facts = view.evidence.accounts
    checked, since = facts.verified >= 0, view.created >= 0
    pays = facts.payment_kind != ""
    new = view.totals["first"] // HOUR_US - view.created < 24 * NEW_DAYS
    disposable = np.isin(facts.payment_kind, DISPOSABLE) & (facts.verified == 0)
    found = {
        "verified": (facts.verified == 1, checked),
        "disposable": (disposable, pays & checked),
        "new": (new, since),
    }
    return {name: Trait(having & known, known, view.active) for name, (having, known) in found.items()}
