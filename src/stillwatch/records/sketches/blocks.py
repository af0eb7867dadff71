"""Long opaque or marked reasoning blocks that were pasted into a text.

Two kinds: a run of at least 200 letters and digits such as base64 or hexadecimal (it may be broken into lines), and what
stands between tags such as <thinking> and </thinking> when it has at least 200 characters that are no space. The
longest one counts; the same block gives the same hash in whatever text it was pasted.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stillwatch.records.sketches.mixing import absorb, finish
from stillwatch.records.sketches.normalise import CODE
from stillwatch.records.sketches.tokens import LONG_RUN, SEED
from stillwatch.records.sketches.unicode_table import DIGIT, LETTER, SPACE

U = np.uint64
LEAST = (
    200  # a signature of a reasoning block has several hundred characters; a digest or an address has fewer
)
TAGS = (
    "think",
    "thinking",
    "thought",
    "thoughts",
    "reasoning",
    "reasoning_content",
    "reasoning_trace",
    "scratchpad",
    "redacted_thinking",
    "encrypted_reasoning",
    "internal_monologue",
    "chain_of_thought",
    "antml:thinking",
    "cot",
)
_STEP = np.uint32(0x01000193)
_LESS, _GREATER, _SLASH, _NEW_LINE = (np.uint32(ord(c)) for c in "<>/\n")
_A, _Z = np.uint32(ord("a")), np.uint32(ord("z"))
_PLUS, _HYPHEN, _EQUALS, _LOW_LINE = (np.uint32(ord(c)) for c in "+-=_")
_WIDEST = 128  # characters of a line in a block that is broken into lines
_REST, _REST_OF_LETTERS = (
    8,
    20,
)  # from how many characters its last line belongs to it, with digits and without
_21, _7 = np.uint32(21), np.uint32(7)
_LONGEST_TAG = max(len(t) for t in TAGS) + 2


def tag_names() -> NDArray[np.uint32]:
    """Hashes of TAGS as the kernel computes them from a text."""
    values = []
    for tag in TAGS:
        name = 0
        for char in tag:
            name = ((name ^ ord(char)) * int(_STEP)) & 0xFFFFFFFF
        values.append(name)
    return np.array(values, dtype=np.uint32)


@njit(nogil=True)
def _tag(entries, i, n, names):  # type: ignore[no-untyped-def]
    """What begins at the '<' at i: (1 opening, -1 closing, 0 no tag that counts; where it ends)."""
    way = 1
    j = i + 1
    if j < n and (entries[j] & CODE) == _SLASH:
        way = -1
        j += 1
    name = np.uint32(0)
    stop = min(n, j + _LONGEST_TAG)
    while j < stop:
        code = entries[j] & CODE
        if code == _GREATER or np.int64((entries[j] >> _21) & _7) == SPACE:
            break
        name = np.uint32((name ^ code) * _STEP)
        j += 1
    known = False
    for candidate in names:
        known = known or candidate == name
    if not known:
        return 0, i + 1
    while j < n and (entries[j] & CODE) != _GREATER and (entries[j] & CODE) != _LESS:
        j += 1
    return way, j + 1


@njit(nogil=True)
def find_block(entries, n, names):  # type: ignore[no-untyped-def]
    """The hash of the longest block of `entries[:n]`; 0 where there is none."""
    best, best_length = U(0), LEAST - 1
    # What stands between tags.
    opened = -1
    i = 0
    while i < n:
        if (entries[i] & CODE) != _LESS:
            i += 1
            continue
        way, after = _tag(entries, i, n, names)
        if way == 1 and opened < 0:
            opened = after
        elif way == -1 and opened >= 0:
            state, length = SEED, 0
            for k in range(opened, i):
                if np.int64((entries[k] >> _21) & _7) != SPACE:
                    state = absorb(state, U(entries[k] & CODE))
                    length += 1
            if length > best_length:
                best, best_length = finish(state), length
            opened = -1
        i = after
    # Runs that look like base64 or hexadecimal.
    state, length, digits, changes, line = SEED, 0, 0, 0, 0
    kept, kept_length, kept_digits, kept_changes = SEED, 0, 0, 0  # as they were at the last line's end
    was_digit = False
    for i in range(n + 1):
        code = entries[i] & CODE if i < n else np.uint32(0)
        kind = np.int64((entries[i] >> _21) & _7) if i < n else SPACE
        digit = kind == DIGIT
        if (
            digit
            or (kind == LETTER and _A <= code <= _Z)
            or code in (_PLUS, _SLASH, _EQUALS, _HYPHEN, _LOW_LINE)
        ):
            state = absorb(state, U(code))
            changes += length > 0 and digit != was_digit
            digits += digit
            was_digit = digit
            length += 1
            line += 1
            continue
        if kept_length > 0 and line < (_REST if digits > kept_digits else _REST_OF_LETTERS):
            # A short piece after the last whole line: a word of the text that follows, or nothing.
            state, length, digits, changes = kept, kept_length, kept_digits, kept_changes
        if i < n and code == _NEW_LINE and (LONG_RUN <= line <= _WIDEST or (line == 0 and kept_length > 0)):
            kept, kept_length, kept_digits, kept_changes = state, length, digits, changes
            line = 0  # broken into lines of one width, as mail and PEM files are
            continue
        # Base64 changes between digit and other signs about 27 times in 100, paths and long words hardly ever.
        if length > best_length and changes * 10 >= length and digits * 20 >= length:
            best, best_length = finish(state), length
        state, length, digits, changes, line = SEED, 0, 0, 0, 0
        kept_length = 0
        was_digit = False
    return best
