"""Min-wise hashing of a text's shingles into bands.

A. Broder, "On the resemblance and containment of documents", 1997; bands: Leskovec, Rajaraman and Ullman, "Mining of
Massive Datasets", section 3.4. Two texts whose sets of shingles have Jaccard similarity s share at least one of
BANDS bands with probability 1 - (1 - s**ROWS)**BANDS.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stillwatch.records.sketches.mixing import absorb, finish, finished

BANDS = 42
ROWS = 3
LANES = 128  # BANDS * ROWS, filled up to whole vector registers

U = np.uint64
_32 = U(32)
_MOST = np.uint32(0xFFFFFFFF)
_ONE_WORD = U(0x6F6E6520776F7264)


def lanes() -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Multipliers (odd) and addends of the lanes' hash functions x -> a * x + b modulo 2**32; fixed and public."""
    values = [finished(0x9E3779B97F4A7C15 * (i + 1) & 0xFFFFFFFFFFFFFFFF) for i in range(2 * LANES)]
    words = (np.array(values, dtype=np.uint64) >> _32).astype(np.uint32)
    return words[:LANES] | np.uint32(1), words[LANES:]


@njit(nogil=True)
def minima(tokens, weights, count, a, b, least):  # type: ignore[no-untyped-def]
    """The least value of each lane over the text's shingles, into `least` (LANES uint32); False where there are none.

    Shingles are pairs of neighbouring tokens, and three neighbours where all three are characters of an unspaced
    script; the token itself where there is but one.
    """
    if count == 0:
        return False
    least[:] = _MOST
    for i in range(count):
        if i == 0:
            if count > 1:
                continue
            shingle = absorb(_ONE_WORD, tokens[0])
        else:
            shingle = absorb(tokens[i - 1], tokens[i])
            if i > 1 and weights[i] + weights[i - 1] + weights[i - 2] == 3:
                shingle = absorb(shingle, tokens[i - 2])
        x = np.uint32(finish(shingle) >> _32)
        for j in range(LANES):
            value = np.uint32(a[j] * x + b[j])
            least[j] = min(least[j], value)
    return True


@njit(nogil=True)
def band(least, k):  # type: ignore[no-untyped-def]
    """Band k's 64-bit value from the lanes' minima."""
    state = U(k)
    for r in range(ROWS):
        state = absorb(state, U(least[k * ROWS + r]))
    return finish(state)
