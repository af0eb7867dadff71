"""Compiled loops: features of texts, their minima, and how often they agree with those of signatures."""

import numpy as np
from numba import njit

from stillwatch.records.signatures.form import POSITIONS
from stillwatch.records.sketches.mixing import absorb, finish, finished

U = np.uint64
NONE = 0xFFFFFFFF
"""In the place of a minimum: of no features there is none."""
_SEED = finished(0x7374696C6C)
_FACTORS = np.array([int(finished(0x5157 + 2 * i)) >> 32 | 1 for i in range(POSITIONS)], np.uint32)
_SHIFTS = np.array([int(finished(0x5158 + 2 * i)) >> 32 for i in range(POSITIONS)], np.uint32)
_32, _60 = U(32), U(60)
WINDOW = 64
"""Words: of texts of more than twice as many, beginning and end are sketched apart, too."""
LONGEST = 1024
"""Words of a text after which nothing is read, but for its end."""


@njit(nogil=True)
def pair(first, second):  # type: ignore[no-untyped-def]
    """The feature of two neighbouring words, 32 bits; their order matters."""
    return np.uint32(finish(absorb(absorb(_SEED, first), second)) >> _32)


@njit(nogil=True, cache=True)
def pairs(words, found):  # type: ignore[no-untyped-def]
    """Features of neighbouring words into `found` (one fewer than words)."""
    for i in range(len(words) - 1):
        found[i] = pair(words[i], words[i + 1])


@njit(nogil=True, cache=True)
def _include(features, minima):  # type: ignore[no-untyped-def]
    for feature in features:
        for i in range(POSITIONS):
            # Without the cast the product would be one of 64 bits.
            minima[i] = min(minima[i], np.uint32(feature * _FACTORS[i] + _SHIFTS[i]))


@njit(nogil=True, cache=True)
def minima(features, found):  # type: ignore[no-untyped-def]
    """The least value of each permutation into `found` (uint32, of `POSITIONS`), `NONE` where there is no feature."""
    found[:] = np.uint32(NONE)
    _include(features, found)


@njit(nogil=True, cache=True)
def shortened(minima, found):  # type: ignore[no-untyped-def]
    """Four bits of each minimum, spread first: the least values themselves begin with zeros."""
    for i in range(len(minima)):
        found[i] = np.uint8(finish(U(minima[i]) + _SEED) >> _60)


@njit(nogil=True, cache=True)
def _agreements(places, starts, lists, found):  # type: ignore[no-untyped-def]
    """How many places of a sketch each signature agrees in, into `found`: only those listed under its values are met."""
    found[:] = 0
    for i in range(POSITIONS):
        at = 16 * i + np.int64(places[i])
        for k in range(starts[at], starts[at + 1]):
            found[lists[k]] += np.uint8(1)


@njit(nogil=True, cache=True)
def match_rows(offsets, words, first, stop, starts, lists, signatures, least, best):  # type: ignore[no-untyped-def]
    """The most places in which any window of rows first to stop agrees with each signature, where at least `least`.

    `best` (rows x signatures, uint8) has zeros and gets the counts.
    """
    features = np.empty(LONGEST, np.uint32)
    least_values, places = np.empty(POSITIONS, np.uint32), np.empty(POSITIONS, np.uint8)
    counts = np.empty(signatures, np.uint8)
    for row in range(first, stop):
        begin, end = offsets[row], offsets[row + 1]
        n = end - begin
        if n < 2:
            continue
        for window in range(3 if n > 2 * WINDOW else 1):
            a, b = begin, min(end, begin + LONGEST)
            if window == 1:
                b = begin + WINDOW
            elif window == 2:
                a, b = end - WINDOW, end
            pairs(words[a:b], features)
            minima(features[: b - a - 1], least_values)
            shortened(least_values, places)
            _agreements(places, starts, lists, counts)
            for s in range(signatures):
                if counts[s] >= least and counts[s] > best[row - first, s]:
                    best[row - first, s] = counts[s]
