"""Accounts outside that are like a group's members in one figure."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numba import njit

from stillwatch.detection.evidence import Floats, Ints
from stillwatch.detection.orders import Pool, strata

RANKS = 25
"""Places up and down in the order of a figure within which accounts outside stand for one another, at least."""
RANKS_PER_ACCOUNT = 0.25
"""The same for each account of the group: a large one is not to be set against the same few again and again."""
REDRAWS = 8
AT_ONCE = 1 << 18
"""Accounts that are drawn together, in sets: bounds the memory for a group of many thousands."""


@njit(nogil=True, cache=True)
def _again(at, table, turns, turn, again):  # type: ignore[no-untyped-def]
    """Mark in `again` which of these numbers came before in `at`; says whether any did.

    `table`: a hash table of a power of two of places, of which those are taken whose `turns` are this turn.
    """
    mask = len(table) - 1
    found = False
    for k in range(len(at)):
        place = (at[k] * 0x9E3779B1) & mask
        while turns[place] == turn and table[place] != at[k]:
            place = (place + 1) & mask
        again[k] = turns[place] == turn
        found |= again[k]
        turns[place], table[place] = turn, at[k]
    return found


@njit(nogil=True, cache=True)
def _distinct(rng, low, high, redraws, drawn, sizes):  # type: ignore[no-untyped-def]
    """Numbers from each low to each high (exclusive) in each row of `drawn`, of which the first `sizes` are all different.

    Drawn as one by one by numpy's `integers`: first a whole row, then those anew, in their order, that came before.
    """
    n = len(low)
    places = 2
    while places < 2 * n:
        places *= 2
    table, turns = np.empty(places, np.int64), np.zeros(places, np.int64)
    at, again = np.empty(n, np.int64), np.empty(n, np.bool_)
    turn = 0
    for s in range(len(drawn)):
        for k in range(n):
            at[k] = rng.integers(low[k], high[k])
        for _ in range(redraws):
            turn += 1
            if not _again(at, table, turns, turn, again):
                break
            for k in range(n):
                if again[k]:
                    at[k] = rng.integers(low[k], high[k])
        turn += 1
        _again(at, table, turns, turn, again)
        for k in range(n):
            if not again[k]:
                drawn[s, sizes[s]] = at[k]
                sizes[s] += 1


@dataclass(frozen=True)
class Reference:
    """For each of a group's accounts the accounts outside that may stand for it.

    `pool`: accounts outside in order of the figure; `low`, `high`: along the group's accounts, from which of its numbers to
    which (exclusive) they are alike. No window is empty.
    """

    pool: Pool
    low: Ints
    high: Ints

    def _parts(self, count: int) -> Iterator[int]:
        """So many sets in parts that are drawn together."""
        most = max(AT_ONCE // max(len(self.low), 1), 1)
        yield from (min(most, count - done) for done in range(0, count, most))

    def draws(self, count: int, rng: np.random.Generator) -> Iterator[Ints]:
        """So many sets, one account outside for each of the group; the same may stand for several.

        Some sets at a time, sets x accounts.
        """
        for part in self._parts(count):
            yield self.pool.at(rng.integers(self.low, self.high, size=(part, len(self.low))))

    def distinct(self, count: int, rng: np.random.Generator) -> Iterator[Ints]:
        """The same one by one, nobody twice in a set: who is drawn again is drawn anew a few times, and then left out."""
        for part in self._parts(count):
            drawn, sizes = np.zeros((part, len(self.low)), np.int64), np.zeros(part, np.int64)
            _distinct(rng, self.low, self.high, REDRAWS, drawn, sizes)
            for chosen, size in zip(self.pool.at(drawn), sizes.tolist(), strict=True):
                yield chosen[:size]

    @cached_property
    def effective(self) -> float:
        """How many accounts outside there are to draw, each counted by how often it is drawn (Kish 1965)."""
        weight = 1.0 / (self.high - self.low) / max(len(self.low), 1)
        # How often one is drawn changes only where a window begins or ends.
        ends, place = np.unique(np.concatenate([self.low, self.high]), return_inverse=True)
        share = np.cumsum(np.bincount(place, weights=np.concatenate([weight, -weight])))[:-1]
        return float(1.0 / max((share**2 * np.diff(ends)).sum(), 1e-12))

    def widened(self, drawn: Floats) -> Floats:
        """Means over drawn sets, spread as the difference from the group's own mean would be.

        Sets drawn from few accounts vary as the draw does, and not as these few vary from all that there could be: the
        variance of a difference of means is that of both, 1/m + 1/n of one account's.
        """
        return widened(drawn, len(self.low), self.effective)


def widened(drawn: Floats, chosen: int, outside: float) -> Floats:
    """As `Reference.widened`, for sets of so many accounts chosen of so many."""
    middle = float(drawn.mean())
    return np.asarray(middle + (drawn - middle) * np.sqrt(1.0 + chosen / outside))


def matched(pool: Pool, wanted: Floats) -> Reference:
    """Of a pool in order of `strata` those like each wanted volume by halves of a doubling, and the halves beside them.

    Where fewer than five accounts are so, the fifty of most volume stand in.
    """
    own = strata(wanted)
    low, high = pool.first_of(own - 1), pool.end_of(own + 1)
    few = high - low < 5
    return Reference(pool, np.where(few, max(len(pool) - 50, 0), low), np.where(few, len(pool), high))


def alike(pool: Pool, wanted: Floats) -> Reference:
    """Of a pool those near to each of `wanted` in rank: all that are equal, and so many above and below.

    `wanted` are figures of the kind that the pool is in order of.
    """
    ranks = max(RANKS, int(RANKS_PER_ACCOUNT * len(wanted)))
    low, high = pool.first_of(wanted) - ranks, pool.end_of(wanted) + ranks
    # At the ends of the order the window reaches as far inwards as it would outwards.
    low, high = np.minimum(low, len(pool) - 2 * ranks), np.maximum(high, 2 * ranks)
    return Reference(pool, low.clip(0), high.clip(None, len(pool)))
