"""A fixed sample of a text's phrases: what texts of one template share, however its sentences are put together.

A phrase is a run of neighbouring tokens of weight WEIGHT or just above: three words, or six characters of a script
without spaces. Of all phrases those stay whose hash falls into one of RATE equal parts, the same in every text ("0 mod p":
Manber 1994, "Finding similar files in a large file system"; Broder 1997): so two texts that share a phrase both keep it or
both drop it. Only the first and the last REACH of weight are read, where instructions stand; a book in the slot would
drown them.

Banded minima of whole texts were measured beside it (benchmarks/sketches.py) and left: they find a text whose slots are
a third of it, and lose one whose sentences come in another order or in other company.
"""

import numpy as np
from numba import njit

from stillwatch.records.sketches.mixing import finish

WEIGHT = 6
RATE = 4
REACH = 96
MOST = 32
"""Phrases kept of a text, half of them from its first REACH: about 12 are expected there, more than 16 are rare."""
_HALF = MOST // 2
SYSTEM_MOST = 8
"""Phrases kept of a system text: enough to know it again with other sentences in it; clients' prompts are long and the same
for thousands."""
_NONE = np.uint64(0)
_SHIFT = np.uint64(64 - (RATE - 1).bit_length())
_STEP = np.uint64(0x9E3779B97F4A7C15)  # odd, from the golden ratio (Knuth, TAOCP 3, 6.4)


@njit(nogil=True)
def _phrase(tokens, weights, count, i):  # type: ignore[no-untyped-def]
    """Hash of the phrase that begins at token i; zero where the text ends before.

    A polynomial in the tokens' hashes, which are mixed already: its high bits choose the sample, and only what is chosen is
    mixed again.
    """
    state, weight = _NONE, 0
    while i < count:
        state = state * _STEP + tokens[i]
        weight += weights[i]
        i += 1
        if weight >= WEIGHT:
            return state
    return _NONE


@njit(nogil=True)
def _keep(found, n, most, state):  # type: ignore[no-untyped-def]
    """Add a sampled phrase that is not yet there; returns how many there are."""
    if state >> _SHIFT != _NONE or state == _NONE or n >= most:
        return n
    value = finish(state)
    for k in range(n):
        if found[k] == value:
            return n
    found[n] = value
    return n + 1


@njit(nogil=True)
def phrases(tokens, weights, count, found):  # type: ignore[no-untyped-def]
    """The sampled phrases of a text into `found` (MOST uint64), each once; returns how many."""
    n, weight, i = 0, 0, 0
    while i < count and weight < REACH:
        n = _keep(found, n, _HALF, _phrase(tokens, weights, count, i))
        weight += weights[i]
        i += 1
    head, weight = i, 0
    i = count - 1
    while i >= head and weight < REACH:
        n = _keep(found, n, MOST, _phrase(tokens, weights, count, i))
        weight += weights[i]
        i -= 1
    return n


@njit(nogil=True)
def fewest(found, n, most):  # type: ignore[no-untyped-def]
    """Put the `most` smallest of the first n first, in rising order; returns how many. Much the same in like texts."""
    for k in range(min(n, most)):
        least = k
        for i in range(k + 1, n):
            if found[i] < found[least]:
                least = i
        found[k], found[least] = found[least], found[k]
    return min(n, most)


@njit(nogil=True, cache=True)
def pack(rows, counts, out):  # type: ignore[no-untyped-def]
    """Put the first `counts[i]` of each row of `rows` one behind the other into `out`."""
    at = 0
    for i in range(len(counts)):
        for k in range(counts[i]):
            out[at] = rows[i, k]
            at += 1
