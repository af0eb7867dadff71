"""Min-wise hashing of a text's shingles into bands.

A. Broder, "On the resemblance and containment of documents", 1997; bands: Leskovec, Rajaraman and Ullman, "Mining of
Massive Datasets", section 3.4. Two texts whose sets of shingles have Jaccard similarity s share at least one of
BANDS bands with probability 1 - (1 - s**ROWS)**BANDS.

Pairs of tokens in 42 bands of 3 were kept after a comparison at about equal cost (benchmarks/sketches.py: 600 pairs of
texts from one template with 10, 20, 35 and 50 percent of the words in slots; then unrelated prompts that share a
band, in a million pairs):
pairs 42x3 find 1.00/1.00/.83/.39 at 1,025; triples 32x4 .99/.75/.14/.03 at 31; single words 32x4
1.00/.98/.82/.44 at 4,556; words and pairs together 32x4 1.00/.97/.57/.17 at 489, 42x3 1.00/1.00/.93/.61 at 7,883.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stillwatch.records.sketches.mixing import absorb, finish, finished

BANDS = 42
ROWS = 3
LANES = 128  # BANDS * ROWS, filled up to whole vector registers
GROUP = 4  # shingles that go through the lanes together, so that multipliers and minima are read once for all

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
def _shingles(tokens, weights, count, shingles):  # type: ignore[no-untyped-def]
    """The text's shingles into `shingles` (room for count + GROUP), filled up to whole groups; returns how many.

    Shingles are pairs of neighbouring tokens, and three neighbours where all three are characters of an unspaced
    script; the token itself where there is but one.
    """
    if count == 0:
        return 0
    if count == 1:
        shingles[0] = np.uint32(finish(absorb(_ONE_WORD, tokens[0])) >> _32)
        n = 1
    else:
        n = count - 1
        for i in range(n):
            shingle = absorb(tokens[i], tokens[i + 1])
            if i > 0 and weights[i - 1] + weights[i] + weights[i + 1] == 3:
                shingle = absorb(shingle, tokens[i - 1])
            shingles[i] = np.uint32(finish(shingle) >> _32)
    while n % GROUP:  # the same shingle once more changes no minimum
        shingles[n] = shingles[n - 1]
        n += 1
    return n


@njit(nogil=True)
def minima(tokens, weights, count, a, b, shingles, least):  # type: ignore[no-untyped-def]
    """The least value of each lane over the text's shingles, into `least` (LANES uint32); False where there are none."""
    n = _shingles(tokens, weights, count, shingles)
    if n == 0:
        return False
    least[:] = _MOST
    for i in range(0, n, GROUP):
        w, x, y, z = shingles[i], shingles[i + 1], shingles[i + 2], shingles[i + 3]
        for j in range(LANES):
            one = min(np.uint32(a[j] * w + b[j]), np.uint32(a[j] * x + b[j]))
            other = min(np.uint32(a[j] * y + b[j]), np.uint32(a[j] * z + b[j]))
            least[j] = min(least[j], one, other)
    return True


@njit(nogil=True)
def band(least, k):  # type: ignore[no-untyped-def]
    """Band k's 64-bit value from the lanes' minima."""
    state = U(k)
    for r in range(ROWS):
        state = absorb(state, U(least[k * ROWS + r]))
    return finish(state)
