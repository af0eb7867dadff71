"""Compiled loops over sparse vectors of accounts: sums and products, over no more rows than are asked for.

Vectors are the rows of a matrix in compressed form: where each row begins, columns, values. A scratch array has a place for
every column, is zero between uses, and holds a sum of rows in the meantime.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from stillwatch.detection.evidence import Bools, Floats, Ints
from stillwatch.detection.threads import in_pieces

Values = npt.NDArray[np.floating[Any]]
Rows = tuple[Ints, Ints, Values]
"""(where each row begins, columns, values)"""


@njit(nogil=True, cache=True)
def add(rows, chosen, total):  # type: ignore[no-untyped-def]
    """Add these rows to `total`, by column."""
    start, columns, values = rows
    for r in chosen:
        for at in range(start[r], start[r + 1]):
            total[columns[at]] += values[at]


@njit(nogil=True, cache=True)
def _clear(rows, chosen, total):  # type: ignore[no-untyped-def]
    start, columns, _ = rows
    for r in chosen:
        for at in range(start[r], start[r + 1]):
            total[columns[at]] = 0.0


@njit(nogil=True, cache=True)
def _product(rows, r, total):  # type: ignore[no-untyped-def]
    start, columns, values = rows
    found = 0.0
    for at in range(start[r], start[r + 1]):
        found += values[at] * total[columns[at]]
    return found


@njit(nogil=True, cache=True)
def products(rows, chosen, others, total):  # type: ignore[no-untyped-def]
    """Along `chosen`: product of each row with the sum of `others`."""
    add(rows, others, total)
    # A bit for each column of the sum: where there are few, these stay in the processor's cache, and the sum does not.
    start, columns, values = rows
    held = np.zeros((len(total) >> 6) + 1, np.uint64)
    for r in others:
        for at in range(start[r], start[r + 1]):
            held[columns[at] >> 6] |= np.uint64(1) << np.uint64(columns[at] & 63)
    found = np.zeros(len(chosen))
    for i in range(len(chosen)):
        for at in range(start[chosen[i]], start[chosen[i] + 1]):
            c = columns[at]
            if (held[c >> 6] >> np.uint64(c & 63)) & np.uint64(1):
                found[i] += values[at] * total[c]
    _clear(rows, others, total)
    return found


@njit(nogil=True, cache=True)
def pair_products(rows, one, other, total):  # type: ignore[no-untyped-def]
    """Product of row one[k] with row other[k], for every k; quickest where equal ones follow each other in `one`."""
    found = np.empty(len(one))
    for k in range(len(one)):
        if k == 0 or one[k] != one[k - 1]:
            if k:
                _clear(rows, one[k - 1 : k], total)
            add(rows, one[k : k + 1], total)
        found[k] = _product(rows, other[k], total)
    if len(one):
        _clear(rows, one[len(one) - 1 :], total)
    return found


@njit(nogil=True, cache=True)
def set_products(rows, members, ends, one, other, total):  # type: ignore[no-untyped-def]
    """Product of the sums of two sets of rows (`members[ends[k]:ends[k + 1]]`), for each pair of sets one[p], other[p].

    Quickest where equal ones follow each other in `one`.
    """
    found = np.zeros(len(one))
    for p in range(len(one)):
        k = one[p]
        if p == 0 or k != one[p - 1]:
            if p:
                _clear(rows, members[ends[one[p - 1]] : ends[one[p - 1] + 1]], total)
            add(rows, members[ends[k] : ends[k + 1]], total)
        for r in members[ends[other[p]] : ends[other[p] + 1]]:
            found[p] += _product(rows, r, total)
    if len(one):
        _clear(rows, members[ends[one[-1]] : ends[one[-1] + 1]], total)
    return found


@njit(nogil=True, cache=True)
def sums(rows, members, ends, total):  # type: ignore[no-untyped-def]
    """Sums of sets of rows (`members[ends[k]:ends[k + 1]]`) as rows: where each begins, columns in no order, values.

    Values of rows are positive.
    """
    start, columns, values = rows
    begin = np.zeros(len(ends), np.int64)
    for k in range(len(ends) - 1):
        chosen, n = members[ends[k] : ends[k + 1]], 0
        for r in chosen:
            for at in range(start[r], start[r + 1]):
                n += total[columns[at]] == 0.0
                total[columns[at]] = 1.0
        _clear(rows, chosen, total)
        begin[k + 1] = begin[k] + n
    held_by, held = np.empty(begin[-1], np.int32), np.empty(begin[-1])
    for k in range(len(ends) - 1):
        chosen, at_last = members[ends[k] : ends[k + 1]], begin[k]
        for r in chosen:
            for at in range(start[r], start[r + 1]):
                if total[columns[at]] == 0.0:
                    held_by[at_last] = columns[at]
                    at_last += 1
                total[columns[at]] += values[at]
        for at in range(begin[k], begin[k + 1]):
            held[at] = total[held_by[at]]
            total[held_by[at]] = 0.0
    return begin, held_by, held


@njit(nogil=True, cache=True)
def squares_and_products(rows, members, ends, pool, total, whole):  # type: ignore[no-untyped-def]
    """Of each set of rows (`members[ends[k]:ends[k + 1]]`): its sum's product with itself, and with the sum of `pool`."""
    add(rows, pool, whole)
    own, across = np.zeros(len(ends) - 1), np.zeros(len(ends) - 1)
    for k in range(len(ends) - 1):
        chosen = members[ends[k] : ends[k + 1]]
        add(rows, chosen, total)
        for r in chosen:
            own[k] += _product(rows, r, total)
            across[k] += _product(rows, r, whole)
        _clear(rows, chosen, total)
    _clear(rows, pool, whole)
    return own, across


@njit(nogil=True, cache=True)
def filled(columns, counts, width):  # type: ignore[no-untyped-def]
    """By column in how many rows its count is not 0."""
    found = np.zeros(width, np.int64)
    for i in range(len(columns)):
        found[columns[i]] += counts[i] > 0
    return found


@njit(nogil=True, cache=True)
def _sizes(rows, usable, first, last, sizes):  # type: ignore[no-untyped-def]
    """Of each row from `first` to `last`: how many usable columns it holds."""
    begin, obj, count = rows
    for r in range(first, last):
        sizes[r] = 0
        for i in range(begin[r], begin[r + 1]):
            sizes[r] += usable[obj[i]] and count[i] > 0


@njit(nogil=True, cache=True)
def _weightiest(rows, usable, weight, rank, sent, sizes, first, last, start, columns, kept, unit):  # type: ignore[no-untyped-def]
    """Of usable columns of each row from `first` to `last` those of largest count times weight, as many as have room.

    Of columns just as weighty those of lowest `rank`. `kept`: their shares, or where `unit` is asked for these times weight,
    as rows of length one.
    """
    begin, obj, count = rows
    worth = np.empty(sizes[first:last].max())
    ranks = np.empty(len(worth), np.int64)
    for r in range(first, last):
        n = 0
        for i in range(begin[r], begin[r + 1]):
            if usable[obj[i]] and count[i] > 0:
                worth[n] = count[i] * weight[obj[i]]
                n += 1
        least, highest, room = -1.0, -1, start[r + 1] - start[r]
        if n > room:
            least = np.partition(worth[:n], n - room)[n - room]
            level = 0
            for i in range(begin[r], begin[r + 1]):
                if usable[obj[i]] and count[i] > 0:
                    heavy = count[i] * weight[obj[i]]
                    room -= heavy > least
                    if heavy == least:
                        ranks[level] = rank[obj[i]]
                        level += 1
            highest = np.partition(ranks[:level], room - 1)[room - 1]
        length, at = 0.0, start[r]
        for i in range(begin[r], begin[r + 1]):
            heavy = count[i] * weight[obj[i]]
            if not usable[obj[i]] or count[i] == 0 or heavy < least:
                continue
            if heavy == least and rank[obj[i]] > highest:
                continue
            share = count[i] / sent[r]
            worthy = share * weight[obj[i]]
            columns[at], kept[at] = obj[i], worthy if unit else share
            length += worthy**2
            at += 1
        if unit:
            for i in range(start[r], at):
                # The sum runs in order of codes, which later exchanges change: that must not decide the last bit.
                kept[i] /= max(round(np.sqrt(length), 12), 1e-12)


def weightiest(
    rows: tuple[Ints, Ints, Ints],
    usable: Bools,
    weight: Floats,
    rank: Ints,
    sent: Floats,
    most: int,
    *,
    unit: bool,
) -> tuple[Ints, npt.NDArray[np.int32], Values]:
    """Rows of at most `most` columns: where each begins, columns, and shares (counts by `sent`), in eight bytes.

    Or, where `unit` is asked for, shares times weight, scaled to rows of length one, in four. `rows` are as ever, but hold
    counts. Left out are columns that are not usable, and of a longer row those of the smallest share times weight, and of
    equal ones those of the highest `rank` (by column, each another).
    """
    sizes = np.empty(len(rows[0]) - 1, np.int64)
    in_pieces(len(sizes), lambda first, last: _sizes(rows, usable, first, last, sizes))
    start = np.r_[0, np.cumsum(np.minimum(sizes, most))]
    columns = np.empty(int(start[-1]), np.int32)
    values: Values = np.empty(len(columns), np.float32 if unit else np.float64)
    kept = (start, columns, values, unit)
    in_pieces(
        len(sizes),
        lambda first, last: _weightiest(rows, usable, weight, rank, sent, sizes, first, last, *kept),
    )
    return start, columns, values


@njit(nogil=True, cache=True)
def lighter(rows, longest):  # type: ignore[no-untyped-def]
    """Along a row's columns: is it beside the `longest` largest of its row? Of equal ones all stay."""
    start, _, values = rows
    found = np.zeros(len(values), np.bool_)
    for r in range(len(start) - 1):
        n = start[r + 1] - start[r]
        if n > longest:
            own = values[start[r] : start[r + 1]]
            found[start[r] : start[r + 1]] = own < np.partition(own, n - longest)[n - longest]
    return found
