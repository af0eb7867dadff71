"""Finding concepts in tokens, and rules in concepts: the kernel's side of the marks."""

import numpy as np
from numba import njit

from stillwatch.records.sketches.normalise import CODE
from stillwatch.records.sketches.tokens import NUMBER
from stillwatch.records.sketches.unicode_table import DIGIT

U = np.uint64
BOUNDARY = np.uint32(0x1FFFFE)  # the end of a token
REST = np.uint32(0x1FFFFD)  # the rest of a token, whatever it is: `*`
NUMBER_CODE = np.uint32(0x1FFFFC)  # a run of digits
SLOTS = 4
_FAR = -(1 << 40)
_32, _33 = U(32), U(33)
EMPTY = U(0xFFFFFFFFFFFFFFFF)
STEP = U(0x9E3779B97F4A7C15)
FILTER_STEP = np.uint32(0x9E3779B1)
FILTER_BITS = 15
_FILTER_SHIFT = np.uint32(32 - FILTER_BITS)
_21, _7 = np.uint32(21), np.uint32(7)
_5, _31 = np.uint32(5), np.uint32(31)
_ONE = np.uint32(1)
_DEPTH = 16


@njit(nogil=True)
def filter_place(head):  # type: ignore[no-untyped-def]
    """Where the filter keeps the bit of a token with this head."""
    return np.uint32(head * FILTER_STEP) >> _FILTER_SHIFT


@njit(nogil=True)
def slot_of(keys, key):  # type: ignore[no-untyped-def]
    """Where `key` is, or would be, in the open-addressed table `keys` (a power of two of places)."""
    mask = U(len(keys) - 1)
    place = ((key * STEP) >> _33) & mask
    while keys[place] != key and keys[place] != EMPTY:
        place = (place + U(1)) & mask
    return place


@njit(nogil=True)
def _follow(keys, nodes, node, symbol):  # type: ignore[no-untyped-def]
    key = (U(node) << _32) | U(symbol)
    place = slot_of(keys, key)
    return nodes[place] if keys[place] == key else -1


@njit(nogil=True)
def _concepts_at(entries, tokens, starts, stops, count, t, keys, nodes, ends, ways):  # type: ignore[no-untyped-def]
    """Concepts of all phrases that begin at token t, and the last token of the longest of them."""
    found = U(0)
    last = t
    depth = 1
    ways[0, 0], ways[0, 1] = 0, t
    while depth > 0:
        depth -= 1
        node, token = ways[depth, 0], ways[depth, 1]
        if ends[node] != U(0):
            found |= ends[node]
            last = max(last, token - 1)
        if token >= count:
            continue
        if tokens[token] == NUMBER:
            node = _follow(keys, nodes, node, NUMBER_CODE)
        else:
            was_digit = False
            for i in range(starts[token], stops[token]):
                rest = _follow(keys, nodes, node, REST)
                if rest >= 0 and depth < _DEPTH - 1:
                    ways[depth, 0], ways[depth, 1] = rest, token + 1
                    depth += 1
                symbol = entries[i] & CODE
                digit = np.int64((entries[i] >> _21) & _7) == DIGIT
                if digit and was_digit:
                    continue
                was_digit = digit
                node = _follow(keys, nodes, node, NUMBER_CODE if digit else symbol)
                if node < 0:
                    break
            if node >= 0:
                rest = _follow(keys, nodes, node, REST)
                if rest >= 0 and depth < _DEPTH - 1:
                    ways[depth, 0], ways[depth, 1] = rest, token + 1
                    depth += 1
        if node >= 0:
            node = _follow(keys, nodes, node, BOUNDARY)
            if node >= 0 and depth < _DEPTH:
                ways[depth, 0], ways[depth, 1] = node, token + 1
                depth += 1
    return found, last


@njit(nogil=True)
def _silence(events, masks, n, verbs, reach, after_reach):  # type: ignore[no-untyped-def]
    """Take the verbs out of events that a negation stands beside; concept 0 is `not`, concept 1 `not_after`.

    A negation that begins a longer known phrase ("do not skip") says something else and silences nothing.
    """
    negated_until = _FAR
    for i in range(n):
        if masks[i] == U(1):
            negated_until = max(negated_until, events[i, 1] + reach)
        elif events[i, 0] <= negated_until:
            masks[i] &= ~verbs
    negated_from = -_FAR
    for i in range(n - 1, -1, -1):
        if masks[i] == U(2):
            negated_from = min(negated_from, events[i, 0] - after_reach)
        elif events[i, 1] >= negated_from:
            masks[i] &= ~verbs


@njit(nogil=True)
def find_marks(entries, tokens, weights, starts, stops, heads, count, block, lexicon, events, masks, ways):  # type: ignore[no-untyped-def]
    """The marks of one text as a bit mask; `block` says whether it holds an opaque block."""
    (keys, nodes, ends, bits, verbs, reach, after_reach, slots, windows, needs_block, marks) = lexicon
    n = 0
    seen = U(0)
    place = 0
    for t in range(count):
        bit = filter_place(heads[t])
        if (bits[bit >> _5] >> (bit & _31)) & _ONE:
            found, last = _concepts_at(entries, tokens, starts, stops, count, t, keys, nodes, ends, ways)
            if found != U(0):
                width = np.int64(0)
                for k in range(t, last + 1):
                    width += weights[k]
                events[n, 0], events[n, 1] = place, place + width
                masks[n] = found
                seen |= found
                n += 1
        place += weights[t]
    if n < 2:
        return np.int64(0)
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
            _silence(events, masks, n, verbs, reach, after_reach)
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
