"""Who sends a text object, those first of whose texts most carry it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from stillwatch.detection.evidence import Floats, Ints, Runs, starts

STEPS = 16
"""A share is kept as its logarithm, in so many steps to the power of two: in a byte, from one down to 2^-16."""
TOP = 255
SKIPPED = 0.25
"""So much of a sum may consist of shares that are too small to be looked at."""


@njit(nogil=True, cache=True)
def _turned(start, obj, count, texts, at, accounts, level):  # type: ignore[no-untyped-def]
    """Accounts by object, and the level of the share of each one's texts that carry it; `at`: where each object begins."""
    for a in range(len(start) - 1):
        for place in range(start[a], start[a + 1]):
            o = obj[place]
            share = min(count[place] / max(texts[a], 1.0), 1.0)
            accounts[at[o]] = a
            level[at[o]] = max(np.floor(TOP + STEPS * np.log2(share)), 0.0)
            at[o] += 1


@njit(nogil=True, cache=True)
def _ordered(start, accounts, level):  # type: ignore[no-untyped-def]
    """Put each object's accounts in order of falling level; those of one level stay in order of their codes."""
    longest = 0
    for o in range(len(start) - 1):
        longest = max(longest, start[o + 1] - start[o])
    who, how = np.empty(longest, accounts.dtype), np.empty(longest, level.dtype)
    for o in range(len(start) - 1):
        low, high = start[o], start[o + 1]
        if high - low < 2:
            continue
        first = np.zeros(TOP + 2, np.int64)
        for place in range(low, high):
            who[place - low], how[place - low] = accounts[place], level[place]
            first[TOP - level[place] + 1] += 1
        for step in range(TOP + 1):
            first[step + 1] += first[step]
        for k in range(high - low):
            place = low + first[TOP - how[k]]
            first[TOP - how[k]] += 1
            accounts[place], level[place] = who[k], how[k]


@njit(nogil=True, cache=True)
def _sending(start, accounts, level, most, texts, objects, worth, need, score):  # type: ignore[no-untyped-def]
    """Accounts whose shares of texts with these objects, by `worth`, may add up to what they need, in no order.

    `need`: by number of texts. Of an object only those are looked at whose share is worth an even part of SKIPPED of the
    least that anybody needs. So what is left out of a sum is less than that. `score`: zeros by account.
    """
    left_out = SKIPPED * need.min()
    even = left_out / max(len(objects), 1)
    size = 0
    for o in objects:
        size += start[o + 1] - start[o]
    touched = np.empty(min(size, len(score)), np.int64)
    seen = 0
    for k in range(len(objects)):
        for place in range(start[objects[k]], start[objects[k] + 1]):
            share = most[level[place]] * worth[k]
            if share < even:
                break
            a = accounts[place]
            if score[a] == 0.0:
                touched[seen] = a
                seen += 1
            score[a] += share
    found = 0
    for k in range(seen):
        a = touched[k]
        if score[a] + left_out >= need[int(texts[a])]:
            touched[found] = a
            found += 1
        score[a] = 0.0
    return touched[:found]


@njit(nogil=True, cache=True)
def _in_both(some, others, score):  # type: ignore[no-untyped-def]
    """Accounts that are among both. `score`: zeros by account, and zeros again afterwards."""
    score[some] = 1.0
    both = others[score[others] > 0.0]
    score[some] = 0.0
    return both


MOST = 2.0 ** ((np.arange(TOP + 1) - TOP + 1) / STEPS)
"""By level: no share of it is larger."""


@dataclass(frozen=True)
class Holders:
    """Object o is sent by `accounts[start[o]:start[o + 1]]`, in shares of their texts of falling `level`."""

    start: Ints
    accounts: npt.NDArray[np.int32]
    level: npt.NDArray[np.uint8]
    texts: Floats
    """By account: how many texts it sent."""

    @classmethod
    def of(cls, by_account: Runs, obj: Ints, count: Ints, texts: Floats, objects: int) -> "Holders":
        """Turn round each account's objects `obj`, `count` of whose `texts` (by account) carry each."""
        start = starts(obj, objects)
        accounts, level = np.empty(len(obj), np.int32), np.empty(len(obj), np.uint8)
        _turned(by_account.start, obj, count, texts, start[:-1].copy(), accounts, level)
        _ordered(start, accounts, level)
        return cls(start, accounts, level, texts)

    def held(self, objects: Ints) -> Ints:
        """How many accounts sent each of these objects."""
        return np.asarray(self.start[objects + 1] - self.start[objects])

    def of_objects(self, objects: Ints) -> tuple[Ints, Ints]:
        """(account codes, which of `objects` each sent), object by object, accounts rising."""
        places, count = Runs(self.start).both(objects)
        accounts, which = self.accounts[places].astype(np.int64), np.repeat(np.arange(len(objects)), count)
        order = np.lexsort((accounts, which))
        return accounts[order], which[order]

    def sending(self, wanted: Sequence[tuple[Ints, Floats]], need: Floats, score: Floats) -> Ints:
        """Accounts, rising, whose shares of texts with some objects, times their worth, add up to what they need.

        All that do so for each of the `wanted` pairs of objects and worths (positive, at most 1), and some others that come
        near. `need`: by number of texts, from 0 on, what an account of so many needs, positive. `score`: zeros by account,
        and zeros again afterwards.
        """
        found: Ints | None = None
        for objects, worth in wanted:
            those = _sending(
                self.start, self.accounts, self.level, MOST, self.texts, objects, worth, need, score
            )
            found = those if found is None else _in_both(found, those, score)
        return np.zeros(0, np.int64) if found is None else np.sort(found)
