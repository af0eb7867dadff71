"""A draw of accounts that stands for everybody: what these sent, found by what it carries."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from stillwatch.detection.evidence import Bools, Floats, Ints

DRAWN = 1 << 12
"""So many accounts; where there are no more, these are all."""


@njit(nogil=True, cache=True)
def _posted(accounts, ex_start, seen, tie_start, tie_obj, objects, start):  # type: ignore[no-untyped-def]
    """Seen exchanges of these accounts by the objects that they carry, exchange after exchange for each object.

    Fills `start` (zeros, one more than `objects`), from where on each object's exchanges lie.
    """
    for a in accounts:
        for e in range(ex_start[a], ex_start[a + 1]):
            if seen[e]:
                for t in range(tie_start[e], tie_start[e + 1]):
                    start[tie_obj[t] + 1] += 1
    for o in range(objects):
        start[o + 1] += start[o]
    at = start[:-1].copy()
    exchanges = np.empty(start[objects], np.int32)
    for a in accounts:
        for e in range(ex_start[a], ex_start[a + 1]):
            if seen[e]:
                for t in range(tie_start[e], tie_start[e + 1]):
                    exchanges[at[tie_obj[t]]] = e
                    at[tie_obj[t]] += 1
    return exchanges


@njit(nogil=True, cache=True)
def _weighed(start, exchanges, objects, weight, alone, score):  # type: ignore[no-untyped-def]
    """(Exchanges that carry any of these objects, sum of the weights of those that each carries), in no order.

    Of objects that count `alone` only the weightiest, which have to come first. `score`: zeros, one for each exchange.
    """
    most = 0
    for o in objects:
        most += start[o + 1] - start[o]
    touched = np.empty(min(most, len(score)), np.int64)
    found = 0
    for k in range(len(objects)):
        for at in range(start[objects[k]], start[objects[k] + 1]):
            e = exchanges[at]
            if score[e] == 0.0:
                touched[found] = e
                found += 1
            if alone[k]:
                score[e] = max(score[e], weight[k])
            else:
                score[e] += weight[k]
    total = np.empty(found)
    for i in range(found):
        total[i] = score[touched[i]]
        score[touched[i]] = 0.0
    return touched[:found], total


@dataclass(frozen=True)
class Drawn:
    """Exchanges of drawn `accounts` (rising) by text object: object o is on `exchanges[start[o]:start[o + 1]]`."""

    accounts: Ints
    start: Ints
    exchanges: Ints
    score: Floats

    @classmethod
    def of(
        cls, texts: Floats, ex_start: Ints, seen: Bools, tie_start: Ints, tie_obj: Ints, objects: int
    ) -> "Drawn":
        """Of the accounts that sent `texts` (by code), and their exchanges that are `seen`.

        The draw depends on which accounts these are, and on nothing else.
        """
        known = np.flatnonzero(texts > 0)
        accounts = np.sort(np.random.default_rng(0).permutation(known)[:DRAWN])
        start = np.zeros(objects + 1, np.int64)
        exchanges = _posted(accounts, ex_start, seen, tie_start, tie_obj, objects, start)
        return cls(accounts, start, exchanges, np.zeros(len(seen)))

    def weighed(self, objects: Ints, weight: Floats, alone: Bools, least: float) -> Ints:
        """Exchanges, rising, the weights of whose objects add up to `least` (positive), to nine digits.

        Of those objects that count `alone` only the weightiest on the exchange is in the sum.
        """
        order = np.lexsort((objects, ~alone))
        exchanges, total = _weighed(
            self.start, self.exchanges, objects[order], weight[order], alone[order], self.score
        )
        return np.sort(exchanges[np.round(total, 9) >= least])
