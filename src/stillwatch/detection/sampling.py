"""Which exchanges of an account stand for all of them, where there are more than are looked at one by one.

An exchange has a luck, a fixed number from 0 to 2^63-1 (`records/sketches/luck.py`), and is in the sample while that is
below its account's limit: 2^63 while the account has at most `most` exchanges, and half of it for each doubling beyond. An
account's exchanges are counted by the end of the hour in which one falls, so a sample of the past is what it was then
(Vitter 1985 needs the end; thresholds by powers of two do not: Gibbons and Tirthapura 2001).
"""

import numpy as np
import numpy.typing as npt
from numba import njit

EVERY = np.int64(np.iinfo(np.int64).max)
"""The limit below which every luck lies."""
_BITS = 63


def luck_limit(exchanges: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.int64]:
    """Limits of accounts with so many exchanges: about half of `most` to `most` of them lie below, where there are more."""
    found = np.full(len(exchanges), EVERY)
    for doublings in range(1, _BITS):
        more = exchanges > (most << (doublings - 1))
        if not more.any():
            break
        found[more] = np.int64(1) << (_BITS - doublings)
    return found


@njit(cache=True)
def _running(acc, n, out):  # type: ignore[no-untyped-def]
    total = 0
    for i in range(len(acc)):
        total = n[i] if i == 0 or acc[i] != acc[i - 1] else total + n[i]
        out[i] = total


def running(acc: npt.NDArray[np.int32], n: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Along a ledger in order of account and hour: the account's exchanges up to the end of that hour."""
    out = np.zeros(len(acc), np.int64)
    _running(acc, n.astype(np.int64), out)
    return out
