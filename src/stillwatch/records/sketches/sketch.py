"""Sketches of texts: everything that a scan needs to know of a text without keeping it."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stillwatch.records.errors import InputError
from stillwatch.records.sketches import kernel
from stillwatch.records.sketches.arrow import Texts, pieces
from stillwatch.records.sketches.blocks import tag_names
from stillwatch.records.sketches.key import Key
from stillwatch.records.sketches.marks.lexicon import lexicon
from stillwatch.records.sketches.phrases import MOST, SYSTEM_MOST, pack
from stillwatch.records.sketches.unicode_table import unicode_table

SKETCH_SCHEMA = pa.schema(
    [
        pa.field("text_words", pa.int32()),
        pa.field("text_chars", pa.int32()),
        pa.field("script", pa.int8()),
        pa.field("marks", pa.int64()),
        pa.field("system_marks", pa.int64()),
        pa.field("digit_share", pa.float32()),
        pa.field("symbol_share", pa.float32()),
        pa.field("system_hash", pa.int64()),
        pa.field("item_hash", pa.int64()),
        pa.field("prefix_hash", pa.int64()),
        pa.field("suffix_hash", pa.int64()),
        pa.field("block_hash", pa.int64()),
        pa.field("phrases", pa.list_(pa.int64())),
        pa.field("system_phrases", pa.list_(pa.int64())),
    ]
)
"""Columns of a sketch; all but the system columns are null where `input_text` is null.

- `text_words`: tokens (runs of digits count, neighbouring numbers count as one); `text_chars`: code points
  of the text as it came.
- `script`: code of the script that most letters have, see SCRIPTS.
- `marks`, `system_marks`: bit masks, see MARKS, of the input text and of the system text.
- `digit_share`, `symbol_share`: shares of digits, and of punctuation and symbols, among normalised characters.
- `system_hash`: the whole system text, normalised, each run of digits taken as one sign (dates in it change).
- `item_hash`: the whole input text, normalised, digits kept; null where it has nothing but white space.
- `prefix_hash`, `suffix_hash`: the first and last eight words (sixteen characters in scripts without spaces); null in
  texts of fewer than twelve words, where they would be most of the text and of each other.
- `block_hash`: a long opaque or marked reasoning block in the text (see `blocks.py`); null where there is none.
- `phrases`, `system_phrases`: a fixed sample of the phrases of the input text and, fewer, of the system text (see
  `phrases.py`), each once; empty where none is sampled.
"""

_HASHES = ("system_hash", "item_hash", "prefix_hash", "suffix_hash", "block_hash")
_ROWS = 4096  # rows of one task: some milliseconds of work, and enough tasks to keep threads even
_BYTES = 1 << 22


class _Tables(NamedTuple):
    unicode: tuple[Any, Any, Any]
    lexicon: tuple[Any, ...]
    names: NDArray[np.uint32]


@cache
def _tables() -> _Tables:
    table = unicode_table()
    return _Tables((table.pages, table.blocks, table.expansions), lexicon(), tag_names())


def _threads(threads: int | None) -> int:
    if threads is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if threads < 1:
        raise InputError(f"{threads} threads cannot sketch", mend="give 1 or more")
    return threads


def _ranges(texts: Texts) -> Iterator[tuple[int, int]]:
    """Cut the rows into tasks of at most _ROWS rows and, single rows apart, _BYTES bytes."""
    first, rows = 0, len(texts.valid)
    while first < rows:
        limit = texts.offsets[first] + _BYTES
        stop = int(np.searchsorted(texts.offsets, limit, side="right")) - 1
        stop = min(max(stop, first + 1), first + _ROWS, rows)
        yield first, stop
        first = stop


def _in_parallel(pool: ThreadPoolExecutor, texts: Texts, work: Callable[[int, int], None]) -> None:
    for done in [pool.submit(work, first, stop) for first, stop in _ranges(texts)]:
        done.result()


def _lists(values: NDArray[np.uint64], counts: NDArray[np.int32], known: NDArray[np.bool_]) -> pa.ListArray:
    """The first `counts` of each row of values; null where not known."""
    offsets = np.r_[0, np.cumsum(counts, dtype=np.int64)].astype(np.int32)
    filled = np.empty(int(offsets[-1]), np.uint64)
    pack(values, counts, filled)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(filled.view(np.int64)), mask=pa.array(~known))


def sketch(
    input_text: pa.Array | pa.ChunkedArray,
    system_text: pa.Array | pa.ChunkedArray | None,
    key: Key,
    threads: int | None = None,
) -> pa.RecordBatch:
    """Sketch every row of `input_text` and `system_text` (same length; None: no system texts).

    Takes any Arrow string type, sliced, chunked or dictionary-encoded, and bytes, which need not be valid UTF-8.
    `threads`: how many to use (None: as many as there are cores). Returns one row for each row, in order, after
    SKETCH_SCHEMA. Raises InputError for other types and for lengths that differ.
    """
    rows = len(input_text)
    if system_text is not None and len(system_text) != rows:
        raise InputError(
            f"{rows} input texts but {len(system_text)} system texts", mend="give one for each row"
        )
    workers = _threads(threads)
    tables = _tables()
    words, chars = np.zeros(rows, np.int32), np.zeros(rows, np.int32)
    script, marks = np.zeros(rows, np.int8), np.zeros(rows, np.int64)
    system_marks = np.zeros(rows, np.int64)
    hashes = np.zeros((kernel.HASHES, rows), np.uint64)
    known = np.zeros((kernel.HASHES, rows), np.bool_)
    # Never read beyond the counts.
    phrases, phrase_counts = np.empty((rows, MOST), np.uint64), np.zeros(rows, np.int32)
    system_phrases, system_counts = np.empty((rows, SYSTEM_MOST), np.uint64), np.zeros(rows, np.int32)
    digit_share, symbol_share = np.zeros(rows, np.float32), np.zeros(rows, np.float32)
    has_text, has_system = np.zeros(rows, np.bool_), np.zeros(rows, np.bool_)
    with ThreadPoolExecutor(workers) as pool:
        at = 0
        for texts in pieces(input_text):
            part = slice(at, at + len(texts.valid))
            at = part.stop
            has_text[part] = texts.valid
            out = (
                words[part],
                chars[part],
                script[part],
                marks[part],
                hashes[:, part],
                known[:, part],
                phrases[part],
                phrase_counts[part],
                digit_share[part],
                symbol_share[part],
            )

            def inputs(first: int, stop: int, texts: Texts = texts, out: tuple[Any, ...] = out) -> None:
                kernel.sketch_rows(
                    *texts,
                    first,
                    stop,
                    tables.unicode,
                    key.words,
                    tables.lexicon,
                    tables.names,
                    out,
                )

            _in_parallel(pool, texts, inputs)
        at = 0
        for texts in pieces(system_text) if system_text is not None else ():
            part = slice(at, at + len(texts.valid))
            at = part.stop
            has_system[part] = texts.valid
            target = (
                system_marks[part],
                hashes[:, part],
                known[:, part],
                system_phrases[part],
                system_counts[part],
            )

            def systems(
                first: int, stop: int, texts: Texts = texts, target: tuple[Any, ...] = target
            ) -> None:
                kernel.system_rows(
                    *texts, first, stop, tables.unicode, key.words, tables.lexicon, tables.names, target
                )

            _in_parallel(pool, texts, systems)
    columns = [pa.array(values, mask=~has_text) for values in (words, chars, script, marks)]
    columns.append(pa.array(system_marks, mask=~has_system))
    columns.extend(pa.array(values, mask=~has_text) for values in (digit_share, symbol_share))
    columns.extend(pa.array(hashes[k].view(np.int64), mask=~known[k]) for k in range(len(_HASHES)))
    columns.append(_lists(phrases, phrase_counts, has_text))
    columns.append(_lists(system_phrases, system_counts, has_system))
    return pa.RecordBatch.from_arrays(columns, schema=SKETCH_SCHEMA)


def _tokens(
    texts: pa.Array | pa.ChunkedArray, key: Key, threads: int, spans: bool
) -> tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.int64]]:
    table = _tables().unicode
    offsets = np.zeros(len(texts) + 1, np.int64)
    none, nowhere = np.zeros(0, np.uint64), np.zeros((0, 2), np.int64)
    parts = list(pieces(texts))
    with ThreadPoolExecutor(threads) as pool:

        def run(hashes: NDArray[np.uint64], where: NDArray[np.int64], fill: bool) -> None:
            at = 0
            for part in parts:
                own = offsets[at : at + len(part.valid) + 1]
                at += len(part.valid)

                def work(first: int, stop: int, part: Texts = part, own: NDArray[np.int64] = own) -> None:
                    kernel.token_rows(*part, first, stop, table, key.words, own, hashes, where, fill)

                _in_parallel(pool, part, work)

        run(none, nowhere, False)
        np.cumsum(offsets, out=offsets)
        hashes = np.zeros(int(offsets[-1]), np.uint64)
        where = np.zeros((len(hashes), 2), np.int64) if spans else nowhere
        run(hashes, where, True)
    return offsets, hashes, where


def words(
    texts: pa.Array | pa.ChunkedArray, key: Key, threads: int | None = None
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """The tokens that phrases are made of, as keyed hashes.

    Returns offsets (one more than rows) and hashes: row i has `hashes[offsets[i]:offsets[i + 1]]`. Null texts
    have none. All numbers have the same hash; see `tokens.py` for what a token is.
    """
    offsets, hashes, _ = _tokens(texts, key, _threads(threads), False)
    return offsets, hashes


def split_words(text: str, key: Key) -> list[tuple[int, int, int]]:
    """The tokens of one text: (start, stop, hash), so that `text[start:stop]` shows each as it was written.

    Hashes are those of `words`. Tokens that one character expands to (such as a ligature of several words) share its span.
    """
    data = text.encode("utf-8", errors="replace")
    _, hashes, spans = _tokens(pa.array([data], pa.large_binary()), key, 1, True)
    return [(int(a), int(b), int(h)) for (a, b), h in zip(spans, hashes, strict=True)]
