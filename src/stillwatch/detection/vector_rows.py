"""Compiled loops over sparse vectors of accounts: sums, products and nearest ones, over no more rows than are asked for.

Vectors are the rows of a matrix in compressed form: where each row begins, columns, values. A scratch array has a place for
every column, is zero between uses, and holds a sum of rows in the meantime.
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from numba import njit

from stillwatch.detection.evidence import Bools, Floats, Ints

Values = npt.NDArray[np.floating[Any]]
Rows = tuple[Ints, Ints, Values]
"""(where each row begins, columns, values)"""
DIGITS = 1e9
"""Cosines are compared to nine digits: the order of sums must not decide."""
EVERY = 1 << 62
"""As a number of visits: no bound."""


@njit(nogil=True, cache=True)
def _add(rows, chosen, total):  # type: ignore[no-untyped-def]
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
    _add(rows, others, total)
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
            _add(rows, one[k : k + 1], total)
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
            _add(rows, members[ends[k] : ends[k + 1]], total)
        for r in members[ends[other[p]] : ends[other[p] + 1]]:
            found[p] += _product(rows, r, total)
    if len(one):
        _clear(rows, members[ends[one[-1]] : ends[one[-1] + 1]], total)
    return found


@njit(nogil=True, cache=True)
def squares_and_products(rows, members, ends, pool, total, whole):  # type: ignore[no-untyped-def]
    """Of each set of rows (`members[ends[k]:ends[k + 1]]`): its sum's product with itself, and with the sum of `pool`."""
    _add(rows, pool, whole)
    own, across = np.zeros(len(ends) - 1), np.zeros(len(ends) - 1)
    for k in range(len(ends) - 1):
        chosen = members[ends[k] : ends[k + 1]]
        _add(rows, chosen, total)
        for r in chosen:
            own[k] += _product(rows, r, total)
            across[k] += _product(rows, r, whole)
        _clear(rows, chosen, total)
    _clear(rows, pool, whole)
    return own, across


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
def _sizes(rows, usable):  # type: ignore[no-untyped-def]
    """Of each row: how many usable columns it holds."""
    begin, obj, count = rows
    found = np.zeros(len(begin) - 1, np.int64)
    for r in range(len(found)):
        for i in range(begin[r], begin[r + 1]):
            found[r] += usable[obj[i]] and count[i] > 0
    return found


@njit(nogil=True, cache=True)
def _weightiest(rows, usable, weight, rank, sent, sizes, start, columns, share, value):  # type: ignore[no-untyped-def]
    """Of each row's usable columns those of largest count times weight, as many as there is room for from `start` on.

    Of columns just as weighty those of lowest `rank`.
    """
    begin, obj, count = rows
    worth = np.empty(sizes.max() if len(sizes) else 0)
    ranks = np.empty(len(worth), np.int64)
    for r in range(len(sizes)):
        n = 0
        for i in range(begin[r], begin[r + 1]):
            if usable[obj[i]] and count[i] > 0:
                worth[n] = count[i] * weight[obj[i]]
                n += 1
        least, last, room = -1.0, -1, start[r + 1] - start[r]
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
            last = np.partition(ranks[:level], room - 1)[room - 1]
        length, at = 0.0, start[r]
        for i in range(begin[r], begin[r + 1]):
            heavy = count[i] * weight[obj[i]]
            if not usable[obj[i]] or count[i] == 0 or heavy < least:
                continue
            if heavy == least and rank[obj[i]] > last:
                continue
            columns[at], share[at] = obj[i], count[i] / sent[r]
            worthy = share[at] * weight[obj[i]]
            value[at] = worthy
            length += worthy**2
            at += 1
        for i in range(start[r], at):
            # The sum runs in order of codes, which later exchanges change: that must not decide the last bit.
            value[i] /= max(round(np.sqrt(length), 12), 1e-12)


def weightiest(
    rows: tuple[Ints, Ints, Ints], usable: Bools, weight: Floats, rank: Ints, sent: Floats, most: int
) -> tuple[Ints, npt.NDArray[np.int32], Floats, Values]:
    """Rows of at most `most` columns: where each begins, columns, shares (counts by `sent`), and values of length one.

    `rows` are as ever, but hold counts; a value is share times weight. Left out are columns that are not usable, and of a
    longer row those of the smallest values, and of equal ones those of the highest `rank` (by column, each another).
    """
    sizes = _sizes(rows, usable)
    start = np.r_[0, np.cumsum(np.minimum(sizes, most))]
    columns = np.empty(int(start[-1]), np.int32)
    share, value = np.empty(len(columns)), np.empty(len(columns), np.float32)
    _weightiest(rows, usable, weight, rank, sent, sizes, start, columns, share, value)
    return start, columns, share, value


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
def _nearest(rows, order, begin, held_by, held, visits, first, last, who, near):  # type: ignore[no-untyped-def]
    """Of rows from `first` to `last` the most similar others among the holders of their columns, best first."""
    start, columns, values = rows
    count = who.shape[1]
    score = np.zeros(len(order))
    touched = np.empty(len(order) + 1, np.int32)
    for i in range(first, last):
        seen, each = 0, _from_each(rows, i, begin, visits)
        for at in range(start[i], start[i + 1]):
            # In eight bytes: the product of two numbers of four would be rounded to four.
            column, value = columns[at], np.float64(values[at])
            for h in range(begin[column], min(begin[column] + each, begin[column + 1])):
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
            if filled == count and (
                value < near[i, count - 1] or (value == near[i, count - 1] and j > who[i, count - 1])
            ):
                continue
            place = min(filled, count - 1)
            while place > 0 and (
                value > near[i, place - 1] or (value == near[i, place - 1] and j < who[i, place - 1])
            ):
                near[i, place], who[i, place] = near[i, place - 1], who[i, place - 1]
                place -= 1
            near[i, place], who[i, place] = value, j
            filled = min(filled + 1, count)
            if filled == count:
                least = near[i, count - 1] - 1.0 / DIGITS


def nearest(
    rows: Rows, order: Ints, begin: Ints, held_by: Ints, held: Floats, count: int, visits: int = EVERY
) -> tuple[npt.NDArray[np.int32], Floats]:
    """(rows x count: most similar other rows, best first; how similar, 0 where there are no more), on numba's threads.

    `begin`, `held_by`, `held`: as `holders` gives them for this order. A row meets `visits` holders at most, the first ones
    of each of its columns. Ties go to the lower row.
    """
    n = len(rows[0]) - 1
    who, near = np.zeros((n, count), np.int32), np.zeros((n, count))
    threads = numba.get_num_threads()
    # Many more parts than threads: accounts that ask much come together.
    cuts = np.linspace(0, n, 8 * threads + 1).astype(np.int64).tolist()
    with ThreadPoolExecutor(threads) as pool:
        work = [
            pool.submit(_nearest, rows, order, begin, held_by, held, visits, first, last, who, near)
            for first, last in pairwise(cuts)
            if first < last
        ]
        for done in work:
            done.result()
    return who, near


@njit(nogil=True, cache=True)
def _scores(rows, chosen, begin, held_by, held, total, score, longest):  # type: ignore[no-untyped-def]
    """Places that hold a column of the sum of `chosen`, with the products of the two over what `held` has.

    Of a longer sum its `longest` largest columns count.
    """
    start, columns, _ = rows
    _add(rows, chosen, total)
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


def nearest_to_sum(
    rows: Rows,
    chosen: Ints,
    order: Ints,
    begin: Ints,
    held_by: Ints,
    held: Floats,
    total: Floats,
    score: Floats,
    count: int,
    longest: int,
) -> Ints:
    """The `count` rows most similar to the sum of `chosen`, over what `holders` gave for `order`; ties go to the lower row.

    `score`: zeros, one for each row. Only the `longest` largest columns of the sum are looked at.
    """
    places, found = _scores(rows, chosen, begin, held_by, held, total, score, longest)
    touched = order[places]
    if len(touched) > count:
        least = np.partition(found, len(found) - count)[len(found) - count]
        sure = np.flatnonzero(found > least)
        level = np.flatnonzero(found == least)
        level = level[np.argsort(touched[level])][: count - len(sure)]
        touched = touched[np.concatenate([sure, level])]
    return np.asarray(touched, dtype=np.int64)
