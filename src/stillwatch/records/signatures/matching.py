"""Texts held against signatures: many of each at once."""

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from stillwatch.records.signatures import kernel
from stillwatch.records.signatures.form import POSITIONS, Signature
from stillwatch.records.sketches import Key, words

AGREE = 36
"""Places in which a text has to agree with a signature to be taken for one of its template."""
_ROWS = 1024


@dataclass(frozen=True)
class _Index:
    """Signatures of one key, by the value in each place."""

    key: Key
    numbers: NDArray[np.int64]
    starts: NDArray[np.int64]
    lists: NDArray[np.int32]

    @classmethod
    def of(cls, key: Key, numbers: Sequence[int], signatures: Sequence[Signature]) -> "_Index":
        values = np.array([signature.places for signature in signatures], np.int64)
        at = (values + 16 * np.arange(POSITIONS)).T.ravel()
        which = np.tile(np.arange(len(signatures), dtype=np.int32), POSITIONS)
        starts = np.r_[0, np.cumsum(np.bincount(at, minlength=16 * POSITIONS))]
        return cls(key, np.asarray(numbers), starts, which[np.argsort(at, kind="stable")])


class Matcher:
    """Holds texts against signatures, each under its key: `signatures` are (signature, key)."""

    def __init__(self, signatures: Sequence[tuple[Signature, Key]], agree: int = AGREE) -> None:
        by_key: defaultdict[tuple[str, bytes], list[int]] = defaultdict(list)
        for number, (signature, key) in enumerate(signatures):
            by_key[signature.part, key.secret].append(number)
        self.agree = agree
        self._of_part: defaultdict[str, list[_Index]] = defaultdict(list)
        for (part, secret), numbers in sorted(by_key.items()):
            own = [signatures[number][0] for number in numbers]
            self._of_part[part].append(_Index.of(Key(secret), numbers, own))

    @property
    def parts(self) -> frozenset[str]:
        """Which texts of an exchange there are signatures of."""
        return frozenset(self._of_part)

    def match(
        self, texts: pa.Array | pa.ChunkedArray, part: str, threads: int = 1
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """(row, number of the signature, places that agree) of each match, in order of rows, then of signatures.

        Texts that are equal are looked at once. Null texts match nothing.
        """
        none = np.zeros(0, np.int64)
        if part not in self._of_part or not len(texts):
            return none, none, none
        # Distinct texts once: a system text stands under thousands of exchanges.
        coded = pc.dictionary_encode(texts)
        coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
        number = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
        found = [self._of(index, coded.dictionary, threads) for index in self._of_part[part]]
        text, which, agreed = (np.concatenate(column) for column in zip(*found, strict=True))
        order = np.argsort(text, kind="stable")
        text, which, agreed = text[order], which[order], agreed[order]
        first, last = np.searchsorted(text, number), np.searchsorted(text, number, side="right")
        count = np.where(number < 0, 0, last - first)
        row = np.repeat(np.arange(len(number)), count)
        at = np.repeat(first - np.r_[0, np.cumsum(count)[:-1]], count) + np.arange(len(row))
        order = np.lexsort((which[at], row))
        return row[order], which[at][order], agreed[at][order]

    def _of(
        self, index: _Index, texts: pa.Array, threads: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        offsets, hashes = words(texts, index.key, threads)
        size = len(index.numbers)

        def some(first: int) -> tuple[NDArray[np.int64], ...]:
            stop = min(first + _ROWS, len(texts))
            best = np.zeros((stop - first, size), np.uint8)
            kernel.match_rows(offsets, hashes, first, stop, index.starts, index.lists, size, self.agree, best)
            row, own = np.nonzero(best)
            return row + first, index.numbers[own], best[row, own].astype(np.int64)

        none = np.zeros(0, np.int64)
        with ThreadPoolExecutor(threads, thread_name_prefix="signatures") as pool:
            parts = [(none, none, none), *pool.map(some, range(0, len(texts), _ROWS))]
        row, own, agreed = (np.concatenate(column) for column in zip(*parts, strict=True))
        return row, own, agreed
