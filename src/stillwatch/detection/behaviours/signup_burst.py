"""Accounts made in a burst."""

from dataclasses import dataclass

import numpy as np

from stillwatch.detection.behaviours.base import INFRASTRUCTURE, Behaviour, Observation, most, percent
from stillwatch.detection.case import Case, binomial_tail
from stillwatch.detection.evidence import Bools, Ints

WINDOW = 48
"""Hours. Sign-up services deliver an order over a day or two."""


def densest(created: np.ndarray, window: int) -> tuple[int, int]:
    """(how many, from which hour) in the fullest window of that many hours; created: hours, known ones only."""
    ordered = np.sort(created)
    last = np.searchsorted(ordered, ordered + window, "left")
    count = last - np.arange(len(ordered))
    best = int(np.argmax(count))
    return int(count[best]), int(ordered[best])


@dataclass(frozen=True)
class Windows:
    """How many of some accounts were made in the WINDOW hours from each hour on, the first of them being that of the first.

    `fullest`: places in `made`, of the fullest window first.
    """

    accounts: int
    first: int
    made: Ints
    fullest: Ints

    @classmethod
    def of(cls, created: Ints) -> "Windows":
        """Of hours of creation, known ones only."""
        first = int(created.min(initial=np.iinfo(np.int64).max))
        running = np.r_[0, np.cumsum(np.bincount(created - first))]
        begin = np.arange(len(running) - 1)
        made = running[np.minimum(begin + WINDOW, len(begin))] - running[begin]
        return cls(len(created), first, made, np.argsort(-made, kind="stable"))

    def without(self, created: Ints) -> int:
        """Those in the fullest window when some of the accounts, made in these hours, are taken out."""
        own = np.sort(created - self.first)
        touched = np.arange(len(self.made))
        if WINDOW * len(own) < len(touched):
            touched = np.unique(own[:, None] - np.arange(WINDOW))
            touched = touched[touched >= 0]
        gone = np.searchsorted(own, touched + WINDOW) - np.searchsorted(own, touched)
        left = int((self.made[touched] - gone).max(initial=0))
        # Among one window more than were touched there is one that was not.
        others = self.fullest[: len(touched) + 1]
        others = others[~np.isin(others, touched, assume_unique=True)][:1]
        return max(left, int(self.made[others].max(initial=0)))


def _outside(case: Case) -> tuple[int, int]:
    """(how many accounts outside were made in their fullest hours, how many it is known of)."""
    created = case.view.created

    def known(accounts: Ints | Bools) -> Ints:
        made = created[accounts]
        return made[made >= 0]

    windows = case.population.once("made by hour", lambda: Windows.of(known(case.view.active)))
    own = known(case.everyone_inside)
    return windows.without(own), windows.accounts - len(own)


def examine(case: Case) -> Observation | None:
    """The fullest 48 hours of creation, against the fullest 48 hours of accounts outside, whenever these were.

    Not against the same hours: a group's clock must not matter, and a provider's launch or a course makes bursts too.
    """
    chosen = case.by_content if case.by_content is not None else case.members
    created = case.view.created
    own = created[chosen]
    own = own[own >= 0]
    most_outside, others = _outside(case)
    if len(own) < 4 or others < 30:
        return None
    count, start = densest(own, WINDOW)
    then = (created[chosen] >= start) & (created[chosen] < start + WINDOW)
    rate = (most_outside + 0.5) / (others + 1)
    # Every account could have begun the window: a union bound over starts, of which the fullest was taken.
    p = min(1.0, len(own) * binomial_tail(count - 1, len(own) - 1, rate))
    share = count / len(own)
    return Observation(
        statistic=share,
        p_value=p if case.by_content is not None else None,
        statement=f"{percent(share)} of the accounts were made within the same {WINDOW} hours; of accounts outside the group"
        f" at most {percent(rate)} were.",
        supports=share >= 0.2 and p < 0.05,
        examples=most(chosen, then),
    )


BEHAVIOUR = Behaviour(
    name="signup_burst",
    title="Accounts made in a burst",
    family=INFRASTRUCTURE,
    field_numbers=(8,),
    statistic="largest share of the accounts that were created within 48 hours",
    null="as many accounts are created within 48 hours as in the fullest 48 hours outside (binomial, union bound over"
    " windows)",
    atlas="AML.T0024.002",
    reference="Naus 1965 (scan statistic); Anthropic, 23 Feb 2026",
    examine=examine,
)
