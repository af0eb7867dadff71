"""Compiled search for the rows that are most alike: by what holds each column, over no more holders than are asked for.

Rows are those of `vector_rows.py`. Holders of columns are numbered by their places in an order of rows.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from stillwatch.detection.evidence import Floats, Ints
from stillwatch.detection.threads import in_pieces
from stillwatch.detection.vector_rows import Rows, add

DIGITS = 1e9
"""Cosines are compared to nine digits: the order of sums must not decide."""
EVERY = 1 << 62
"""As a number of visits: no bound."""


@njit(nogil=True, cache=True)
def holders(rows, order, width, most):  # type: ignore[no-untyped-def]
    """By column the first `most` of its rows in this order: where each column begins, places in `order`, values.

    Places, and not rows: of a column with many rows those kept lie close together, and so do what is summed up for them.
    """
    start, columns, values = rows
    held = np.zeros(width + 1, np.int64)
    for r in order:
        for at in range(start[r], start[r + 1]):
            if held[columns[at] + 1] < most:
                held[columns[at] + 1] += 1
    begin = np.cumsum(held)
    filled = begin[:-1].copy()
    who, value = np.empty(begin[-1], np.int32), np.empty(begin[-1], values.dtype)
    for place in range(len(order)):
        r = order[place]
        for at in range(start[r], start[r + 1]):
            c = columns[at]
            if filled[c] < begin[c + 1]:
                who[filled[c]], value[filled[c]] = place, values[at]
                filled[c] += 1
    return begin, who, value


@njit(nogil=True, cache=True)
def _from_each(rows, i, begin, visits):  # type: ignore[no-untyped-def]
    """The largest power of two of holders of each of a row's columns that are so many together at most."""
    start, columns, _ = rows
    most = 0
    for at in range(start[i], start[i + 1]):
        most = max(most, begin[columns[at] + 1] - begin[columns[at]])
    each = 1
    while each < most:
        each *= 2
    while each > 1:
        needed = 0
        for at in range(start[i], start[i + 1]):
            needed += min(begin[columns[at] + 1] - begin[columns[at]], each)
        if needed <= visits:
            break
        each //= 2
    return each


@njit(nogil=True, cache=True)
def _nearest(rows, order, begin, held_by, held, asked, place_of, visits, first, last, who, near):  # type: ignore[no-untyped-def]
    """Of the rows asked[first:last] the most similar others among the holders of their columns, best first."""
    start, columns, values = rows
    count = who.shape[1]
    score = np.zeros(len(order))
    touched = np.empty(len(order) + 1, np.int32)
    # By column the holder behind the last row that was asked for: rows are asked for in their order, so it only rises.
    behind = begin[:-1].copy() if visits < EVERY else begin[:0]
    # How far behind a row those found come in the order.
    far = np.zeros(count, np.int64)
    for i in asked[first:last]:
        seen, each = 0, _from_each(rows, i, begin, visits)
        for at in range(start[i], start[i + 1]):
            # In eight bytes: the product of two numbers of four would be rounded to four.
            column, value = columns[at], np.float64(values[at])
            low, high = begin[column], begin[column + 1]
            middle = low
            if high - low > each:
                middle = behind[column]
                while middle < high and held_by[middle] <= place_of[i]:
                    middle += 1
                behind[column] = middle
            above = min(middle + each, high)
            # From there to the end, and then from the beginning, until there are enough.
            for turn in range(2):
                one = middle if turn == 0 else low
                end = above if turn == 0 else min(low + each - (above - middle), middle)
                for h in range(one, end):
                    place = held_by[h]
                    # Without a branch, which would wait for the score.
                    touched[seen] = place
                    seen += score[place] == 0.0
                    score[place] += value * held[h]
        filled, least = 0, 0.5 / DIGITS
        for t in range(seen):
            value = score[touched[t]]
            score[touched[t]] = 0.0
            # Most are far off: told before anything is rounded.
            if value < least:
                continue
            j = order[touched[t]]
            value = np.round(value * DIGITS) / DIGITS
            if j == i or value <= 0.0:
                continue
            off = (np.int64(touched[t]) - place_of[i]) % len(order)
            if filled == count and (
                value < near[i, count - 1] or (value == near[i, count - 1] and off > far[count - 1])
            ):
                continue
            place = min(filled, count - 1)
            while place > 0 and (
                value > near[i, place - 1] or (value == near[i, place - 1] and off < far[place - 1])
            ):
                near[i, place], who[i, place], far[place] = (
                    near[i, place - 1],
                    who[i, place - 1],
                    far[place - 1],
                )
                place -= 1
            near[i, place], who[i, place], far[place] = value, j, off
            filled = min(filled + 1, count)
            if filled == count:
                least = near[i, count - 1] - 1.0 / DIGITS


def nearest(
    rows: Rows, order: Ints, begin: Ints, held_by: Ints, held: Floats, count: int, visits: int = EVERY
) -> tuple[npt.NDArray[np.int32], Floats]:
    """(rows x count: most similar other rows, best first; how similar, 0 where there are no more), on numba's threads.

    `begin`, `held_by`, `held`: as `holders` gives them for this order. A row meets `visits` holders at most, of each of its
    columns as many: those that come next to it in the order, which begins again after its end. Of equal ones those count
    that come first behind it, since the same for all would make a star of many equal rows; without a bound the first of all.
    """
    n = len(rows[0]) - 1
    who, near = np.zeros((n, count), np.int32), np.zeros((n, count))
    asked: Ints = np.arange(n)
    place_of = np.zeros(n, np.int32)
    if visits < EVERY:
        # One after the other in the order, they meet nearly the same holders, which are in the processor's cache then.
        asked, place_of[order] = order, np.arange(len(order))
    met = (order, begin, held_by, held, asked, place_of, visits)
    in_pieces(len(asked), lambda first, last: _nearest(rows, *met, first, last, who, near))
    return who, near


@njit(nogil=True, cache=True)
def _scores(rows, chosen, begin, held_by, held, total, score, longest):  # type: ignore[no-untyped-def]
    """Places that hold a column of the sum of `chosen`, with the products of the two over what `held` has.

    Of a longer sum its `longest` largest columns count.
    """
    start, columns, _ = rows
    add(rows, chosen, total)
    size = 0
    for r in chosen:
        size += start[r + 1] - start[r]
    own, worth, n = np.empty(size, np.int32), np.empty(size), 0
    for r in chosen:
        for at in range(start[r], start[r + 1]):
            value = total[columns[at]]
            if value != 0.0:
                own[n], worth[n] = columns[at], value
                total[columns[at]] = 0.0
                n += 1
    least = np.partition(worth[:n], n - longest)[n - longest] if n > longest else 0.0
    seen = 0
    touched = np.empty(len(score) + 1, np.int32)
    for k in range(n):
        if worth[k] < least:
            continue
        for h in range(begin[own[k]], begin[own[k] + 1]):
            j = held_by[h]
            touched[seen] = j
            seen += score[j] == 0.0
            score[j] += worth[k] * held[h]
    found = np.empty(seen)
    for t in range(seen):
        found[t] = np.round(score[touched[t]] * DIGITS)
        score[touched[t]] = 0.0
    return touched[:seen], found


def scored(
    rows: Rows,
    chosen: Ints,
    order: Ints,
    begin: Ints,
    held_by: Ints,
    held: Floats,
    total: Floats,
    score: Floats,
    longest: int,
) -> tuple[Ints, Floats]:
    """(Rows, in no order, and how similar each is to the sum of `chosen`), over what `holders` gave for `order`.

    `total` and `score`: zeros, one for each column and row. Only the `longest` largest columns of the sum are looked at.
    """
    places, found = _scores(rows, chosen, begin, held_by, held, total, score, longest)
    return order[places], found


def foremost(numbers: Ints, scores: Floats, count: int) -> Ints:
    """The `count` numbers of the highest scores, or all; of equal ones the lower numbers."""
    if len(numbers) > count:
        least = np.partition(scores, len(scores) - count)[len(scores) - count]
        sure = np.flatnonzero(scores > least)
        level = np.flatnonzero(scores == least)
        level = level[np.argsort(numbers[level])][: count - len(sure)]
        numbers = numbers[np.concatenate([sure, level])]
    return np.asarray(numbers, dtype=np.int64)
