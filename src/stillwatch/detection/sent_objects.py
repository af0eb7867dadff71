"""Which text objects accounts sent, in how many of their exchanges, and in how many of the first half of these."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from stillwatch.detection.evidence import Bools, Evidence, Floats, Ints
from stillwatch.detection.threads import in_pieces

END = np.int32(-1)
"""Behind an account's last pair, where there is room: no object."""


@njit(nogil=True, cache=True)
def _pairs(ex_start, tie_start, tie_obj, ready, until, seen, text, first, last, keys, texts, carrying, sizes):  # type: ignore[no-untyped-def]
    """Of each account from `first` to `last`: its (object, half) pairs in rising order, repeats included, into `keys`.

    They begin where its ties do; `sizes`: how many objects they are of. An account's exchanges that carry an object are
    dealt out to two halves in turn, in order of time.
    """
    for a in range(first, last):
        begin = tie_start[ex_start[a]]
        at, turn = begin, 0
        for i in range(ex_start[a], ex_start[a + 1]):
            if not seen[i]:
                continue
            texts[a] += text[i]
            before = at
            for t in range(tie_start[i], tie_start[i + 1]):
                o = tie_obj[t]
                if ready[o] < until:
                    keys[at] = (o << 1) | turn
                    at += 1
            if at > before:
                turn = 1 - turn
                carrying[a] += 1
        if at < tie_start[ex_start[a + 1]]:
            keys[at] = END
        own = keys[begin:at]
        own.sort()
        sizes[a] = 0
        for k in range(len(own)):
            sizes[a] += k == 0 or own[k] >> 1 != own[k - 1] >> 1


@njit(nogil=True, cache=True)
def _counted(ex_start, tie_start, keys, start, first, last, obj, count, first_half):  # type: ignore[no-untyped-def]
    """Pairs of an account and an object, from `start` on: how many exchanges carry it, and how many of the first half."""
    for a in range(first, last):
        i = tie_start[ex_start[a]]
        for at in range(start[a], start[a + 1]):
            o, n, odd = keys[i] >> 1, 0, 0
            while i < tie_start[ex_start[a + 1]] and keys[i] >> 1 == o:
                odd += keys[i] & 1
                n += 1
                i += 1
            obj[at], count[at], first_half[at] = o, n, n - odd


@dataclass(frozen=True)
class Sent:
    """By account how many texts it sent, how many of them carry an object, and where its pairs with objects begin.

    Along the pairs, of each account in rising order of objects: the object, how many of the account's exchanges carry it,
    and how many of the first half of these. The first half is every other one that carries any object.
    """

    texts: Floats
    carrying: Floats
    start: Ints
    obj: Ints
    count: Ints
    first: Ints

    @classmethod
    def of(cls, evidence: Evidence, seen: Bools, until: int) -> "Sent":
        """Of the exchanges `seen`, with objects that were shared before hour `until`."""
        n = len(evidence.accounts.ids)
        texts, carrying = np.zeros(n), np.zeros(n)
        keys, sizes = np.empty(len(evidence.tie_obj), np.int32), np.empty(n, np.int64)
        where = (evidence.ex_start, evidence.tie_start)
        read = (*where, evidence.tie_obj, evidence.obj_ready, until, seen, evidence.ex_text)
        in_pieces(n, lambda first, last: _pairs(*read, first, last, keys, texts, carrying, sizes))
        start = np.r_[0, np.cumsum(sizes)]
        # As wide as it has to be for the exchanges that are looked at.
        width = np.dtype(np.uint16 if carrying.max(initial=0) < 1 << 16 else np.int32)
        obj = np.empty(int(start[-1]), np.int32)
        count: Ints = np.empty(len(obj), width)
        half: Ints = np.empty(len(obj), width)
        in_pieces(n, lambda first, last: _counted(*where, keys, start, first, last, obj, count, half))
        return cls(texts, carrying, start, obj, count, half)
