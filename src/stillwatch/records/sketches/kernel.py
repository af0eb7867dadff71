"""The compiled entry points: all columns of a range of rows in one pass.

Numba keeps compiled code beside the sources and renews it when the file with the entry point changes, but not when only a
function that it calls in another file does. So the entry points carry a digest of all files of this package,
which is part of what numba compares.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from stillwatch.records.sketches.blocks import find_block
from stillwatch.records.sketches.marks.match import SYMBOLS, WAYS, find_marks
from stillwatch.records.sketches.mixing import finished
from stillwatch.records.sketches.normalise import MOST, normalise
from stillwatch.records.sketches.phrases import MOST as PHRASES
from stillwatch.records.sketches.phrases import SYSTEM_MOST, fewest, phrases
from stillwatch.records.sketches.siphash import siphash24
from stillwatch.records.sketches.tokens import edges, scan
from stillwatch.records.sketches.unicode_table import SCRIPTS

U = np.uint64
HASHES = 5  # columns of `hashes`, in this order:
SYSTEM, ITEM, PREFIX, SUFFIX, BLOCK = range(HASHES)
REACH = 16  # weight of a prefix or suffix: eight words, or sixteen ideographs
LEAST = 24  # below twelve words, prefix and suffix would be most of the text and of each other
# Told apart before the key, so that equal texts in different columns do not show as equal.
_TAGS = np.array([finished(i + 1) for i in range(HASHES)], dtype=np.uint64)
_TOKEN_TAG = finished(HASHES + 1)
_PHRASE_TAG = finished(HASHES + 2)
_SCRIPT_CODES = len(SCRIPTS)
_MEMORY = 256  # system texts that a range of rows remembers
_WORD = 8


def _stamp() -> int:
    digest = hashlib.blake2b(digest_size=8)
    here = Path(__file__).parent
    for path in sorted([*here.glob("*.py"), *here.glob("marks/*.py")]):
        digest.update(path.read_bytes())
    return int.from_bytes(digest.digest(), "little") >> 1


@njit(nogil=True)
def _most_letters(scripts):  # type: ignore[no-untyped-def]
    best = 0
    for k in range(1, len(scripts)):
        if scripts[k] > (scripts[best] if best else 0):
            best = k
    return best


@njit(nogil=True)
def _same_text(data, a, a_end, b, b_end):  # type: ignore[no-untyped-def]
    if a_end - a != b_end - b:
        return False
    same = True
    for i in range(a_end - a):  # without a way out, so that it can use vector registers
        same &= data[a + i] == data[b + i]
    return same


@njit(nogil=True)
def _raw_hash(data, i, end):  # type: ignore[no-untyped-def]
    """A quick hash of raw bytes, to find an earlier equal text; never leaves this module."""
    state = U(end - i)
    step = U(0x9E3779B97F4A7C15)
    while i < end:
        word = U(0)
        for k in range(min(_WORD, end - i)):
            word |= U(data[i + k]) << U(8 * k)
        state = (state ^ word) * step
        state ^= state >> U(29)
        i += _WORD
    return state


def _entry_points(stamp: int) -> tuple[Any, Any, Any]:
    @njit(nogil=True, cache=True)
    def sketch_rows(data, offsets, valid, first, stop, table, key, lexicon, names, out):  # type: ignore[no-untyped-def]
        """Everything about the input texts of rows first to stop (not included); see `sketch.py` for `out`."""
        (
            word_counts,
            chars,
            script,
            marks,
            hashes,
            known,
            phrase,
            phrase_counts,
            digit_share,
            symbol_share,
        ) = out
        index, blocks, expansions = table
        k0, k1 = key
        (
            (words, pairs, heads, stems, keys, values, ends),
            (verbs, objects, reach, after_reach, object_reach, slots, windows, needs_block, bits),
        ) = lexicon
        if stamp < 0:  # never; makes the digest part of the compiled function
            return
        most = 0
        for row in range(first, stop):
            most = max(most, offsets[row + 1] - offsets[row])
        room = MOST * most + 16  # memory that is never touched costs nothing
        entries = np.empty(room, np.uint32)
        places = np.empty(1, np.int64)
        tokens = np.empty(room, np.uint64)
        weights = np.empty(room, np.uint8)
        starts = np.empty(room, np.int64)
        stops = np.empty(room, np.int64)
        events = np.empty((room, 2), np.int64)
        masks = np.empty(room, np.uint64)
        ways = np.empty((WAYS, 2), np.int64)
        signs = np.empty((2, SYMBOLS), np.int64)
        sampled = np.empty(PHRASES, np.uint64)
        scripts = np.zeros(_SCRIPT_CODES, np.int64)
        for row in range(first, stop):
            if not valid[row]:
                continue
            n, codes = normalise(
                data, offsets[row], offsets[row + 1], index, blocks, expansions, entries, places, False
            )
            scripts[:] = 0
            count, whole, digits, symbols, look = scan(
                entries, n, True, tokens, weights, starts, stops, scripts
            )
            word_counts[row] = count
            chars[row] = codes
            script[row] = _most_letters(scripts)
            if n > 0:
                digit_share[row] = digits / n
                symbol_share[row] = symbols / n
            block = find_block(entries, n, names) if look else U(0)
            start, end = edges(tokens, weights, count, REACH, LEAST)
            for column, value in ((ITEM, whole), (PREFIX, start), (SUFFIX, end), (BLOCK, block)):
                if value != U(0):
                    hashes[column, row] = siphash24(k0, k1, value ^ _TAGS[column])
                    known[column, row] = True
            marks[row] = find_marks(
                entries,
                tokens,
                weights,
                starts,
                stops,
                count,
                block != U(0),
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
                bits,
                events,
                masks,
                ways,
                signs,
            )
            kept = phrases(tokens, weights, count, sampled)
            phrase_counts[row] = kept
            for k in range(kept):
                phrase[row, k] = siphash24(k0, k1, sampled[k] ^ _PHRASE_TAG)

    @njit(nogil=True, cache=True)
    def system_rows(data, offsets, valid, first, stop, table, key, lexicon, names, out):  # type: ignore[no-untyped-def]
        """Hash, marks and phrases of the system texts of rows first to stop; equal texts are worked out once."""
        marks, hashes, known, phrase, phrase_counts = out
        index, blocks, expansions = table
        k0, k1 = key
        (
            (words, pairs, heads, stems, keys, values, ends),
            (verbs, objects, reach, after_reach, object_reach, slots, windows, needs_block, bits),
        ) = lexicon
        if stamp < 0:
            return
        most = 0
        for row in range(first, stop):
            most = max(most, offsets[row + 1] - offsets[row])
        room = MOST * most + 16
        entries = np.empty(room, np.uint32)
        places = np.empty(1, np.int64)
        tokens = np.empty(room, np.uint64)
        weights = np.empty(room, np.uint8)
        starts = np.empty(room, np.int64)
        stops = np.empty(room, np.int64)
        events = np.empty((room, 2), np.int64)
        masks = np.empty(room, np.uint64)
        ways = np.empty((WAYS, 2), np.int64)
        signs = np.empty((2, SYMBOLS), np.int64)
        scripts = np.zeros(_SCRIPT_CODES, np.int64)
        sampled = np.empty(PHRASES, np.uint64)
        memory = np.full(_MEMORY, -1, np.int64)
        for row in range(first, stop):
            if not valid[row]:
                continue
            i, end = offsets[row], offsets[row + 1]
            place = np.int64(_raw_hash(data, i, end) & U(_MEMORY - 1))
            before = memory[place]
            if before >= 0 and _same_text(data, offsets[before], offsets[before + 1], i, end):
                marks[row] = marks[before]
                hashes[SYSTEM, row] = hashes[SYSTEM, before]
                known[SYSTEM, row] = known[SYSTEM, before]
                phrase_counts[row] = phrase_counts[before]
                for k in range(phrase_counts[row]):
                    phrase[row, k] = phrase[before, k]
                continue
            memory[place] = row
            n, _ = normalise(data, i, end, index, blocks, expansions, entries, places, False)
            count, whole, _, _, look = scan(entries, n, False, tokens, weights, starts, stops, scripts)
            block = look and find_block(entries, n, names) != U(0)
            marks[row] = find_marks(
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
                bits,
                events,
                masks,
                ways,
                signs,
            )
            if whole != U(0):
                hashes[SYSTEM, row] = siphash24(k0, k1, whole ^ _TAGS[SYSTEM])
                known[SYSTEM, row] = True
            kept = fewest(sampled, phrases(tokens, weights, count, sampled), SYSTEM_MOST)
            phrase_counts[row] = kept
            for k in range(kept):
                phrase[row, k] = siphash24(k0, k1, sampled[k] ^ _PHRASE_TAG)

    @njit(nogil=True, cache=True)
    def token_rows(data, offsets, valid, first, stop, table, key, counts, hashes, spans, fill):  # type: ignore[no-untyped-def]
        """Tokens of rows first to stop: their number into `counts`; with `fill`, into `hashes` from counts' running sums.

        With room in `spans`, also where each token begins and ends, in code points.
        """
        index, blocks, expansions = table
        k0, k1 = key
        if stamp < 0:
            return
        want = len(spans) > 0
        most = 0
        for row in range(first, stop):
            most = max(most, offsets[row + 1] - offsets[row])
        room = MOST * most + 16
        entries = np.empty(room, np.uint32)
        places = np.empty(room, np.int64)
        tokens = np.empty(room, np.uint64)
        weights = np.empty(room, np.uint8)
        starts = np.empty(room, np.int64)
        stops = np.empty(room, np.int64)
        scripts = np.zeros(_SCRIPT_CODES, np.int64)
        for row in range(first, stop):
            if not valid[row]:
                continue
            n, codes = normalise(
                data, offsets[row], offsets[row + 1], index, blocks, expansions, entries, places, want
            )
            count, _, _, _, _ = scan(entries, n, False, tokens, weights, starts, stops, scripts)
            if not fill:
                counts[row + 1] = count
                continue
            at = counts[row]
            for t in range(count):
                hashes[at + t] = siphash24(k0, k1, tokens[t] ^ _TOKEN_TAG)
                if want:
                    begin = places[starts[t]]
                    until = places[stops[t]] if stops[t] < n else codes
                    spans[at + t, 0] = begin
                    spans[at + t, 1] = max(until, begin + 1)

    return sketch_rows, system_rows, token_rows


sketch_rows, system_rows, token_rows = _entry_points(_stamp())
