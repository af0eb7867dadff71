"""From normalised characters to tokens, and what is counted on the way.

A token is a run of letters, marks and digits; in scripts that are written without spaces (ideographs, kana, Thai,
Lao, Khmer, Myanmar) each character with its marks. A run of digits counts as one sign, whatever the digits, and
neighbouring numbers as one number, so that a template with numbers in its slots keeps its tokens. Punctuation, symbols
and emoji only separate.

Distances between tokens are measured in weights: a word weighs 2, a character of an unspaced script 1.
"""

import numpy as np
from numba import njit

from stillwatch.records.sketches.mixing import absorb, finish
from stillwatch.records.sketches.normalise import CODE
from stillwatch.records.sketches.unicode_table import DIGIT, LETTER, MARK, SEPARATOR, SINGLE, SPACE

U = np.uint64
SEED = U(0x5354494C4C574154)
NUMBER_SIGN = U(0x110000)  # outside Unicode: no character hashes like a run of digits
NUMBER = U(0x1CEB00DA5EEDF00D)  # the token of a number
WORD_WEIGHT, SINGLE_WEIGHT = np.uint8(2), np.uint8(1)
HEAD = 3  # characters of a token that the filter for marks looks at
HEAD_STEP = np.uint32(0x01000193)
NUMBER_HEAD = np.uint32(0x110000)
LONG_RUN = 60  # characters without a break, from which a text is looked through for opaque blocks
_SPACE = U(0x20)
_PLUS, _HYPHEN, _SLASH, _LESS, _EQUALS, _LOW_LINE = (np.uint32(ord(c)) for c in "+-/<=_")
_21, _24 = np.uint32(21), np.uint32(24)
_7, _15 = np.uint32(7), np.uint32(15)


@njit(nogil=True)
def scan(entries, n, keep_digits, tokens, weights, starts, stops, heads, scripts):  # type: ignore[no-untyped-def]
    """Split `entries[:n]` into tokens and hash the whole text.

    Fills, for each token, `tokens` (uint64 hash), `weights`, `starts` and `stops` (places in entries) and `heads`
    (hash of its first characters), and adds letters to `scripts` (one count for each script). Returns (number of
    tokens, hash of the whole normalised text or 0 where there is nothing but space, digits, separators that are no
    space, whether the text may hold an opaque block). With `keep_digits` the hash of the whole tells numbers apart.
    """
    count = 0
    whole = SEED
    something = False
    gap = False
    digits = 0
    symbols = 0
    look = False
    run = 0
    inside = False  # a token
    single = False
    number = False
    was_digit = False
    length = 0
    state = SEED
    head = np.uint32(0)
    begin = 0
    script = np.int64(0)
    for i in range(n + 1):
        if i < n:
            e = entries[i]
            kind = np.int64((e >> _21) & _7)
            code = e & CODE
        else:  # the end of the text ends the last token
            e = np.uint32(0)
            kind = np.int64(SPACE)
            code = np.uint32(0)
        if kind == SPACE:
            gap = something
        else:
            if gap:
                whole = absorb(whole, _SPACE)
                gap = False
            if kind != DIGIT or keep_digits:
                whole = absorb(whole, U(code))
            elif not was_digit:
                whole = absorb(whole, NUMBER_SIGN)
            something = True
        joins = inside and (kind == MARK or (kind in (LETTER, DIGIT) and not single))
        if inside and not joins:
            inside = False
            if number:
                if count > 0 and tokens[count - 1] == NUMBER:
                    stops[count - 1] = i
                else:
                    tokens[count] = NUMBER
                    weights[count] = WORD_WEIGHT
                    starts[count] = begin
                    stops[count] = i
                    heads[count] = NUMBER_HEAD
                    count += 1
            else:
                tokens[count] = finish(state)
                weights[count] = SINGLE_WEIGHT if single else WORD_WEIGHT
                starts[count] = begin
                stops[count] = i
                heads[count] = head
                scripts[script] += length
                count += 1
        if kind in (SEPARATOR, SPACE):
            if kind == SEPARATOR:
                symbols += 1
                if code == _LESS:
                    look = True
            if code not in (_PLUS, _HYPHEN, _SLASH, _EQUALS, _LOW_LINE):
                if i - run >= LONG_RUN:
                    look = True
                run = i + 1
            was_digit = False
            continue
        if not joins:
            inside = True
            single = kind == SINGLE
            number = True
            was_digit = False
            begin = i
            length = 0
            state = SEED
            head = np.uint32(0)
            script = np.int64((e >> _24) & _15)
            if single:
                run = i + 1
        if kind == DIGIT:
            digits += 1
            if not was_digit:
                state = absorb(state, NUMBER_SIGN)
            was_digit = True
        else:
            state = absorb(state, U(code))
            number = False
            was_digit = False
        if length < HEAD:
            head = np.uint32((head ^ code) * HEAD_STEP)
        length += 1
    return count, (finish(whole) if something else U(0)), digits, symbols, look


@njit(nogil=True)
def edges(tokens, weights, count, reach, least):  # type: ignore[no-untyped-def]
    """Hashes of the first and the last tokens up to a weight of `reach`; zeros where the text weighs less than `least`."""
    total = 0
    for i in range(count):
        total += weights[i]
        if total >= least:
            break
    if total < least:
        return U(0), U(0)
    first, last = SEED, SEED
    weight, i = 0, 0
    while weight < reach:
        first = absorb(first, tokens[i])
        weight += weights[i]
        i += 1
    weight, i = 0, count - 1
    while weight < reach:
        last = absorb(last, tokens[i])
        weight += weights[i]
        i -= 1
    return finish(first), finish(last)
