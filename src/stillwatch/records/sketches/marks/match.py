"""Finding concepts in tokens, and rules in concepts: the kernel's side of the marks.

A phrase is a path of symbols from the root of a tree. A symbol is a whole token or a token's beginning (an open end,
`*`); tokens and beginnings are known by their hashes, so that most tokens are put aside by one look into a bit
filter. One open-addressed table holds tokens, beginnings and the tree's edges.
"""

import numpy as np
from numba import njit

from stillwatch.records.sketches.mixing import absorb, finish
from stillwatch.records.sketches.normalise import CODE
from stillwatch.records.sketches.tokens import HEAD, SEED, head_of

U = np.uint64
SLOTS = 4
SYMBOLS = 8  # of one token: itself and its known beginnings, at most
WAYS = 64  # open branches while following phrases from one token, at most
FILTER_BITS = 10  # of the number of a filter's words, of 64 bits each: 8 KiB, so that all three stay near
EMPTY = U(0xFFFFFFFFFFFFFFFF)
OPEN = U(0xA5A5A5A55A5A5A5A)  # sets beginnings apart from whole tokens
STEP = U(0x9E3779B97F4A7C15)
_FAR = -(1 << 40)
_32, _33 = U(32), U(33)
_ONE = U(1)
_SHIFT, _HIGH, _NEXT, _63 = U(64 - FILTER_BITS), U(64 - FILTER_BITS - 6), U(64 - FILTER_BITS - 12), U(63)
_NOT, _NOT_AFTER, _NEGATIONS = U(1), U(2), U(3)


@njit(nogil=True)
def look_up(keys, values, key):  # type: ignore[no-untyped-def]
    """The value of `key` in the open-addressed table (a power of two of places), or -1."""
    mask = U(len(keys) - 1)
    place = ((key * STEP) >> _33) & mask
    while keys[place] != key:
        if keys[place] == EMPTY:
            return np.int64(-1)
        place = (place + U(1)) & mask
    return values[place]


@njit(nogil=True)
def _may_hold(words, key):  # type: ignore[no-untyped-def]
    """Whether a Bloom filter may know `key`: two bits of one of its words, so that one look is enough."""
    bits = _ONE << (key >> _HIGH & _63) | _ONE << (key >> _NEXT & _63)
    return words[key >> _SHIFT] & bits == bits


@njit(nogil=True)
def pair(first, second):  # type: ignore[no-untyped-def]
    """What the filter of pairs knows two neighbouring tokens by."""
    return (first * STEP) ^ second


@njit(nogil=True)
def _symbols(entries, token, start, stop, heads, stems, keys, values, found, row):  # type: ignore[no-untyped-def]
    """The symbols of one token into `found[row]`; returns how many."""
    n = 0
    symbol = look_up(keys, values, token)
    if symbol >= 0:
        found[row, n] = symbol
        n += 1
    if stop - start >= HEAD and _may_hold(heads, head_of(entries, start, stop) * STEP):
        state = SEED
        for i in range(start, stop):
            state = absorb(state, U(entries[i] & CODE))
            if i - start >= HEAD - 1:
                beginning = finish(state) ^ OPEN
                if not _may_hold(stems, beginning):
                    continue
                symbol = look_up(keys, values, beginning)
                if symbol >= 0 and n < SYMBOLS:
                    found[row, n] = symbol
                    n += 1
    return n


@njit(nogil=True)
def _silence(events, masks, n, verbs, objects, reach, after_reach, object_reach):  # type: ignore[no-untyped-def]
    """Take out verbs that a negation stands beside, with their objects; concept 0 is `not`, concept 1 `not_after`.

    A negation that is part of a longer known phrase ("do not skip") says something else and silences nothing.
    """
    negated_until, object_until, covered = _FAR, _FAR, _FAR
    for i in range(n):
        if masks[i] & ~_NEGATIONS == U(0):
            if events[i, 0] < covered:
                masks[i] = U(0)
            elif masks[i] & _NOT:
                negated_until = max(negated_until, events[i, 1] + reach)
            continue
        covered = max(covered, events[i, 1])
        if events[i, 0] <= negated_until and masks[i] & verbs:
            masks[i] &= ~verbs
            object_until = max(object_until, events[i, 1] + object_reach)
        if events[i, 0] <= object_until:
            masks[i] &= ~objects
    negated_from = -_FAR
    for i in range(n - 1, -1, -1):
        if masks[i] & _NOT_AFTER and masks[i] & ~_NEGATIONS == U(0):
            negated_from = min(negated_from, events[i, 0] - after_reach)
        elif events[i, 1] >= negated_from:
            masks[i] &= ~(verbs | objects)


@njit(nogil=True)
def _find_events(  # type: ignore[no-untyped-def]
    entries,
    tokens,
    weights,
    starts,
    stops,
    count,
    words,
    pairs,
    heads,
    stems,
    keys,
    values,
    ends,
    events,
    masks,
    ways,
    symbols,
):
    """Where phrases begin and end (in weights from the text's start), and their concepts; returns how many."""
    n = 0
    place = 0
    for t in range(count):
        # Most tokens begin no phrase: three looks into filters say so.
        token = tokens[t]
        possible = _may_hold(words, token)
        if t + 1 < count:
            possible |= _may_hold(pairs, pair(token, tokens[t + 1]))
        possible |= _may_hold(heads, head_of(entries, starts[t], stops[t]) * STEP)
        if possible:
            concepts = U(0)
            last = t
            depth = 0
            known = _symbols(entries, token, starts[t], stops[t], heads, stems, keys, values, symbols, 0)
            for s in range(known):
                node = look_up(keys, values, U(symbols[0, s]))  # an edge from the root, whose number is 0
                if node >= 0:
                    ways[depth, 0], ways[depth, 1] = node, t + 1
                    depth += 1
            while depth > 0:
                depth -= 1
                node, after = ways[depth, 0], ways[depth, 1]
                end = ends[node]
                if end >> U(1):
                    concepts |= end >> U(1)
                    last = max(last, after - 1)
                if after < count and end & U(1):  # the tree goes on
                    more = _symbols(
                        entries,
                        tokens[after],
                        starts[after],
                        stops[after],
                        heads,
                        stems,
                        keys,
                        values,
                        symbols,
                        1,
                    )
                    for s in range(more):
                        child = look_up(keys, values, U(node) << _32 | U(symbols[1, s]))
                        if child >= 0 and depth < WAYS:
                            ways[depth, 0], ways[depth, 1] = child, after + 1
                            depth += 1
            if concepts != U(0):
                width = np.int64(0)
                for k in range(t, last + 1):
                    width += weights[k]
                events[n, 0], events[n, 1] = place, place + width
                masks[n] = concepts
                n += 1
        place += weights[t]
    return n


@njit(nogil=True)
def find_marks(  # type: ignore[no-untyped-def]
    entries,
    tokens,
    weights,
    starts,
    stops,
    count,
    block,
    words,
    pairs,
    heads,
    stems,
    keys,
    values,
    ends,
    verbs,
    objects,
    reach,
    after_reach,
    object_reach,
    slots,
    windows,
    needs_block,
    marks,
    events,
    masks,
    ways,
    symbols,
):
    """The marks of one text as a bit mask; `block` says whether it holds an opaque block.

    The arguments from `words` to `ends` and from `verbs` to `marks` are the two tuples of `lexicon.lexicon`, one by one:
    taking a tuple of arrays apart costs more, for each text, than the whole search.
    """
    n = _find_events(
        entries,
        tokens,
        weights,
        starts,
        stops,
        count,
        words,
        pairs,
        heads,
        stems,
        keys,
        values,
        ends,
        events,
        masks,
        ways,
        symbols,
    )
    if n < 2:
        return np.int64(0)
    seen = U(0)
    for i in range(n):
        seen |= masks[i]
    result = np.int64(0)
    silenced = False
    for r in range(len(windows)):
        if result & marks[r] or (needs_block[r] and not block):
            continue
        possible = True
        for s in range(SLOTS):
            possible = possible and (slots[r, s] == U(0) or (slots[r, s] & seen) != U(0))
        if not possible:
            continue
        if not silenced:
            _silence(events, masks, n, verbs, objects, reach, after_reach, object_reach)
            silenced = True
        p0, p1, p2, p3 = _FAR, _FAR, _FAR, _FAR
        for i in range(n):
            at, mask = events[i, 0], masks[i]
            if mask & slots[r, 0]:
                p0 = at
            if mask & slots[r, 1]:
                p1 = at
            if mask & slots[r, 2]:
                p2 = at
            if mask & slots[r, 3]:
                p3 = at
            oldest = p0
            if slots[r, 1] != U(0):
                oldest = min(oldest, p1)
            if slots[r, 2] != U(0):
                oldest = min(oldest, p2)
            if slots[r, 3] != U(0):
                oldest = min(oldest, p3)
            if oldest > _FAR and at - oldest <= windows[r]:
                result |= marks[r]
                break
    return result
