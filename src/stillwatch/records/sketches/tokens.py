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
HEAD = 4  # characters of a token that the filter for open-ended phrases looks at
LONG = 7
HEAD_SHIFTS = (0, 16, 32, 46)
LONG_SHIFT = 63
_LONG_SHIFT = U(LONG_SHIFT)
_ONE, _TWO, _THREE = U(1), U(2), U(3)
_H1, _H2, _H3 = (U(shift) for shift in HEAD_SHIFTS[1:])
LONG_RUN = 60  # characters without a break, from which a text is looked through for opaque blocks
_SPACE = U(0x20)
_LESS = np.uint32(ord("<"))
_INSIDE_BLOCKS = tuple(np.uint32(ord(c)) for c in "+-/=_")
_21, _24 = np.uint32(21), np.uint32(24)
_7, _15 = np.uint32(7), np.uint32(15)


@njit(nogil=True)
def head_of(entries, start, stop):  # type: ignore[no-untyped-def]
    """The HEAD characters from `entries[start]` on, and whether the token has LONG characters, in one number.

    The token may be shorter than HEAD: then characters behind it count too.
    """
    at = U(start)  # an unsigned index needs no test for negative ones
    return (
        U(entries[at] & CODE)
        ^ U(entries[at + _ONE] & CODE) << _H1
        ^ U(entries[at + _TWO] & CODE) << _H2
        ^ U(entries[at + _THREE] & CODE) << _H3
        ^ U(stop - start >= LONG) << _LONG_SHIFT
    )


@njit(nogil=True)
def scan(entries, n, keep_digits, tokens, weights, starts, stops, scripts):  # type: ignore[no-untyped-def]
    """Split `entries[:n]` into tokens and hash the whole text.

    Fills, for each token, `tokens` (uint64 hash), `weights`, and `starts` and `stops` (places in entries), and adds
    letters to `scripts` (one count for each script). Returns (number of tokens, hash of the whole normalised text or 0
    where there is nothing but space, digits, separators that are no space, whether the text may hold an opaque
    block). With `keep_digits` the hash of the whole tells numbers apart.
    """
    count = 0
    whole = SEED
    something = False
    gap = False
    digits = 0
    symbols = 0
    look = False
    run = 0
    i = 0
    while i < n:
        e = entries[i]
        kind = np.int64((e >> _21) & _7)
        if kind == SPACE:
            gap = something
            if i - run >= LONG_RUN:
                look = True
            i += 1
            run = i
            continue
        if gap:
            whole = absorb(whole, _SPACE)
            gap = False
        something = True
        if kind == SEPARATOR:
            code = e & CODE
            whole = absorb(whole, U(code))
            symbols += 1
            if code not in _INSIDE_BLOCKS:
                if i - run >= LONG_RUN or code == _LESS:
                    look = True
                run = i + 1
            i += 1
            continue
        # A token.
        begin = i
        script = np.int64((e >> _24) & _15)
        state = SEED
        letters = 0
        figures = 0
        single = kind == SINGLE
        if single:
            state = absorb(state, U(e & CODE))
            letters = 1
            i += 1
            while i < n and np.int64((entries[i] >> _21) & _7) == MARK:
                state = absorb(state, U(entries[i] & CODE))
                i += 1
            run = i
        else:
            while i < n:
                e = entries[i]
                kind = np.int64((e >> _21) & _7)
                if kind == DIGIT:
                    state = absorb(state, NUMBER_SIGN)
                    while i < n and np.int64((entries[i] >> _21) & _7) == DIGIT:
                        figures += 1
                        i += 1
                    continue
                if kind not in (LETTER, MARK):
                    break
                state = absorb(state, U(e & CODE))
                letters += 1
                i += 1
        digits += figures
        if figures and keep_digits:
            exact = SEED
            for k in range(begin, i):
                exact = absorb(exact, U(entries[k] & CODE))
            whole = absorb(whole, exact)
        else:
            whole = absorb(whole, state)
        number = letters == 0
        if number and count > 0 and tokens[count - 1] == NUMBER:
            stops[count - 1] = i
            continue
        tokens[count] = NUMBER if number else finish(state)
        weights[count] = SINGLE_WEIGHT if single else WORD_WEIGHT
        starts[count] = begin
        stops[count] = i
        scripts[script] += letters
        count += 1
    if n - run >= LONG_RUN:
        look = True
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
