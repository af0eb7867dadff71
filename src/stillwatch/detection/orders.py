"""Accounts in order of a figure, once for a view, and without a group's accounts for each of its groups.

A group is compared with accounts outside that are like its own in some figure. Putting everybody outside in order anew for
each group would cost as much as there are accounts, times as many as there are groups.
"""

from dataclasses import dataclass

import numpy as np

from stillwatch.detection.evidence import Bools, Floats, Ints


def strata(volumes: Floats) -> Floats:
    """Volumes by halves of a doubling."""
    return np.asarray(np.round(2 * np.log2(np.maximum(volumes, 1))).clip(0))


def among(every: Ints, own: Ints) -> Ints:
    """Places in `every` (rising) of those of `own` that are there, in rising order."""
    rising = np.sort(own)
    place = np.searchsorted(every, rising)
    there = place < len(every)
    return np.asarray(place[there][every[place[there]] == rising[there]])


MANY = 8
"""From a number for so many accounts on, all who are left are listed to find those with these numbers."""


def _passing_over(gone: Ints, numbers: Ints, size: int) -> Ints:
    """Of `size` places those with these numbers, counted from 0 without the places that are `gone` (rising)."""
    if MANY * numbers.size > size:
        left = np.ones(size, dtype=bool)
        left[gone] = False
        return np.asarray(np.flatnonzero(left)[numbers])
    left_before = gone - np.arange(len(gone))
    return np.asarray(numbers + np.searchsorted(left_before, numbers, "right"))


@dataclass(frozen=True)
class Roll:
    """Accounts by code (rising), without those at places that are `gone` (rising). Who is left is numbered from 0."""

    accounts: Ints
    gone: Ints

    def __len__(self) -> int:
        return len(self.accounts) - len(self.gone)

    def at(self, numbers: Ints) -> Ints:
        """Accounts with these numbers."""
        return np.asarray(self.accounts[_passing_over(self.gone, numbers, len(self.accounts))])


@dataclass(frozen=True)
class Order:
    """Accounts by a figure, of equal ones the lower code first. `place`: by account code, -1 for who has no part."""

    accounts: Ints
    figure: Floats  # along `accounts`
    place: Ints

    @classmethod
    def of(cls, figure: Floats, eligible: Bools) -> "Order":
        """Of the accounts that are eligible; `figure` by account code."""
        codes = np.flatnonzero(eligible)
        accounts = codes[np.argsort(figure[codes], kind="stable")]
        place = np.full(len(eligible), -1, np.int64)
        place[accounts] = np.arange(len(accounts))
        return cls(accounts, figure[accounts], place)

    def without(self, accounts: Ints) -> "Pool":
        """All but these accounts, none of them twice."""
        gone = self.place[accounts]
        return Pool(self, np.sort(gone[gone >= 0]))

    def running(self, values: Floats | Bools) -> Floats:
        """Sums along the order, from none of it to all: for `Pool.sums`. `values` by account code."""
        return np.asarray(np.r_[0.0, np.cumsum(values[self.accounts], dtype=np.float64)])


@dataclass(frozen=True)
class Pool:
    """An order without some of its places, `gone` (rising). Those that are left are numbered from 0."""

    order: Order
    gone: Ints

    def __len__(self) -> int:
        return len(self.order.accounts) - len(self.gone)

    def _places(self, numbers: Ints) -> Ints:
        """Places in the order of those with these numbers."""
        return _passing_over(self.gone, numbers, len(self.order.accounts))

    def at(self, numbers: Ints) -> Ints:
        """Accounts with these numbers."""
        return np.asarray(self.order.accounts[self._places(numbers)])

    def figure_at(self, numbers: Ints) -> Floats:
        """Figures of those with these numbers."""
        return np.asarray(self.order.figure[self._places(numbers)])

    def first_of(self, figures: Floats) -> Ints:
        """How many are left of smaller figures than each of these."""
        return self._left_of(np.searchsorted(self.order.figure, figures, "left"))

    def end_of(self, figures: Floats) -> Ints:
        """How many are left of no larger figures than each of these."""
        return self._left_of(np.searchsorted(self.order.figure, figures, "right"))

    def _left_of(self, places: Ints) -> Ints:
        """How many are left before these places of the order."""
        return np.asarray(places - np.searchsorted(self.gone, places, "left"))

    def sums(self, running: Floats, low: Ints, high: Ints) -> Floats:
        """Of values whose sums along the whole order are `running`: over numbers from each low to each high (not empty)."""
        begin, end = self._places(low), self._places(high - 1) + 1
        of_gone = np.r_[0.0, np.cumsum(running[self.gone + 1] - running[self.gone])]
        among = of_gone[np.searchsorted(self.gone, end)] - of_gone[np.searchsorted(self.gone, begin)]
        return np.asarray(running[end] - running[begin] - among)
