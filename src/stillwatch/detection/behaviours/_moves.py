"""Who moved to old models at an hour: of some accounts at that hour, and of all accounts at every hour in one pass.

A group's hour is that of its own blocks, so that other accounts are asked for at nearly as many hours as there are groups.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from stillwatch.detection.evidence import Bools, Floats, Ints

Uses = tuple[Ints, Ints, Ints]
"""Account, hour and exchanges of a model's uses, in order of account and hour."""
BLOCK = 1 << 15
"""Accounts whose uses are put together at once: bounds the memory."""


@njit(nogil=True, cache=True)
def _add(acc, hour, n, accounts, at, until, before, after):  # type: ignore[no-untyped-def]
    """Add up uses of these accounts (rising) before hour `at`, and those after it and before `until`."""
    low = 0
    for k in range(len(accounts)):
        low += np.searchsorted(acc[low:], accounts[k])
        while low < len(acc) and acc[low] == accounts[k]:
            if hour[low] < at:
                before[k] += n[low]
            elif at < hour[low] < until:
                after[k] += n[low]
            low += 1


@njit(nogil=True, cache=True)
def _state(old_before, before, old_after, after, share):  # type: ignore[no-untyped-def]
    """(Can the account be seen to move, did it?)"""
    eligible = after >= 2 and not (before > 0 and old_before >= share * before)
    return eligible, eligible and old_after >= share * after


@njit(nogil=True, cache=True)
def _count(acc, hour, n, old, starts, accounts, share, seen, eligible, moved):  # type: ignore[no-untyped-def]
    """Add to `eligible` and `moved`, by hour, how many of these accounts (rising) are so.

    The uses of model m lie from `starts[m]` to `starts[m + 1]`; `old`: by model. `seen`: 2 x hours, zeros.
    """
    at = starts[:-1].copy()
    hours = seen.shape[1]
    # Of those whose first use is at an hour, who would be so at any hour before.
    eligible_before, moved_before = np.zeros(hours, np.int64), np.zeros(hours, np.int64)
    for a in accounts:
        first, last = hours, -1
        after, old_after, before, old_before = 0.0, 0.0, 0.0, 0.0
        for m in range(len(old)):
            while at[m] < starts[m + 1] and acc[at[m]] <= a:
                i = at[m]
                at[m] += 1
                if acc[i] < a or hour[i] >= hours:
                    continue
                seen[0, hour[i]] += n[i]
                after += n[i]
                if old[m]:
                    seen[1, hour[i]] += n[i]
                    old_after += n[i]
                first, last = min(first, hour[i]), max(last, hour[i])
        if last < 0:
            continue
        can, did = _state(0.0, 0.0, old_after, after, share)
        eligible_before[first] += can
        moved_before[first] += did
        for t in range(first, last + 1):
            after -= seen[0, t]
            old_after -= seen[1, t]
            can, did = _state(old_before, before, old_after, after, share)
            eligible[t] += can
            moved[t] += did
            before += seen[0, t]
            old_before += seen[1, t]
            seen[0, t] = seen[1, t] = 0.0
    later_eligible = later_moved = 0
    for t in range(hours - 1, -1, -1):
        eligible[t] += later_eligible
        moved[t] += later_moved
        later_eligible += eligible_before[t]
        later_moved += moved_before[t]


@dataclass(frozen=True)
class Moves:
    """By account, at an hour: exchanges on old models and on all, before it and after it.

    `share`: an account has moved from this share of its exchanges on.
    """

    old_before: Floats
    before: Floats
    old_after: Floats
    after: Floats
    share: float

    @property
    def already(self) -> Bools:
        """Who used old models before."""
        return np.asarray((self.before > 0) & (self.old_before >= self.share * self.before))

    @property
    def eligible(self) -> Bools:
        """Who can be seen to move: has exchanges after, and did not use old models before."""
        return np.asarray((self.after >= 2) & ~self.already)

    @property
    def moved(self) -> Bools:
        """Who of these did."""
        return np.asarray(self.eligible & (self.old_after >= self.share * self.after))


def sums(uses: Sequence[Uses], accounts: Ints, at: int, until: int) -> tuple[Floats, Floats]:
    """Models x accounts (rising): exchanges before hour `at`, and those after it and before `until`."""
    before, after = np.zeros((2, len(uses), len(accounts)))
    for number, (acc, hour, n) in enumerate(uses):
        _add(acc, hour, n, accounts, at, until, before[number], after[number])
    return before, after


@dataclass(frozen=True)
class Hours:
    """How many accounts are `eligible`, and how many `moved`, by hour from `first` on."""

    first: int
    eligible: Ints
    moved: Ints

    @classmethod
    def of(
        cls, uses: Mapping[str, Uses], old: set[str], active: Bools, hours: range, share: float
    ) -> "Hours":
        """Of the active accounts (by code), from these models' uses in these hours."""
        eligible, moved = np.zeros((2, len(hours)), np.int64)
        seen = np.zeros((2, len(hours)))
        is_old = np.array([model in old for model in uses], dtype=bool)
        for low in range(0, len(active), BLOCK):
            high = low + BLOCK
            cuts = [slice(*np.searchsorted(acc, [low, high]).tolist()) for acc, _, _ in uses.values()]
            parts = [[row[cut] for row in rows] for rows, cut in zip(uses.values(), cuts, strict=True)]
            acc, hour, n = (np.concatenate(rows) for rows in zip(*parts, strict=True))
            starts = np.cumsum([0, *(len(part[0]) for part in parts)])
            accounts = low + np.flatnonzero(active[low:high])
            _count(acc, hour - hours.start, n, is_old, starts, accounts, share, seen, eligible, moved)
        return cls(hours.start, eligible, moved)

    def at(self, hour: int) -> tuple[int, int]:
        """(accounts that are eligible at this hour, accounts that moved)."""
        return int(self.eligible[hour - self.first]), int(self.moved[hour - self.first])
