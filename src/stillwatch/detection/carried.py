"""Which of the text objects that several accounts sent does each exchange carry?"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from stillwatch.records.sketches.mixing import U, absorb, finish

TEXT_KINDS = ("system", "block", "prefix", "suffix", "item")
"""Whole-text objects, by the sketch column that holds them; sampled phrases follow them."""
PHRASE_KINDS = {"phrase": "phrases", "system_phrase": "system_phrases"}
CONTENT_KINDS = (*TEXT_KINDS, *PHRASE_KINDS)
_FREE = np.int32(-1)


@njit(nogil=True, inline="always")
def _slot(kind, value, mask):  # type: ignore[no-untyped-def]
    return np.int64(finish(absorb(U(kind + 1), U(value)))) & mask


@njit(nogil=True, cache=True)
def _fill(kinds, values, slots):  # type: ignore[no-untyped-def]
    mask = len(slots) - 1
    for i in range(len(values)):
        at = _slot(kinds[i], values[i], mask)
        while slots[at] != _FREE:
            at = (at + 1) & mask
        slots[at] = i


@njit(nogil=True, cache=True)
def _find(kind, values, valid, kinds, known, slots, out):  # type: ignore[no-untyped-def]
    mask = len(slots) - 1
    for i in range(len(values)):
        out[i] = _FREE
        if not valid[i]:
            continue
        at = _slot(kind, values[i], mask)
        while slots[at] != _FREE:
            found = slots[at]
            if known[found] == values[i] and kinds[found] == kind:
                out[i] = found
                break
            at = (at + 1) & mask


@njit(nogil=True, cache=True)
def _joined(single, lists, offsets, counts, out):  # type: ignore[no-untyped-def]
    """Of each row: objects of whole texts, then those of its lists; returns how many in all."""
    n = 0
    for row in range(len(counts)):
        before = n
        for kind in range(len(single)):
            if single[kind, row] != _FREE:
                out[n] = single[kind, row]
                n += 1
        for k in range(len(offsets)):
            for at in range(offsets[k, row], offsets[k, row + 1]):
                if lists[k][at] != _FREE:
                    out[n] = lists[k][at]
                    n += 1
        counts[row] = n - before
    return n


@dataclass(frozen=True)
class Lookup:
    """Finds the row of an object by its kind and value: a hash table with open addressing, at most half full."""

    kinds: npt.NDArray[np.int8]
    values: npt.NDArray[np.int64]
    slots: npt.NDArray[np.int32]

    @classmethod
    def of(cls, objects: pa.Table) -> "Lookup":
        """Of a table with the columns kind (place in CONTENT_KINDS) and value; no pair of these twice."""
        kinds = objects["kind"].to_numpy().astype(np.int8)
        values = objects["value"].to_numpy().astype(np.int64)
        slots = np.full(1 << max(2 * len(values), 2).bit_length(), _FREE)
        _fill(kinds, values, slots)
        return cls(kinds, values, slots)

    def _find(self, kind: int, array: pa.Array) -> npt.NDArray[np.int32]:
        values = array.fill_null(0).to_numpy(zero_copy_only=False)
        valid = (
            array.is_valid().to_numpy(zero_copy_only=False)
            if array.null_count
            else np.ones(len(array), np.bool_)
        )
        out = np.empty(len(values), np.int32)
        _find(kind, values, valid, self.kinds, self.values, self.slots, out)
        return out

    def carried(self, batch: pa.RecordBatch) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
        """(objects on each row, their rows in the table one behind the other), of a batch with columns of sketches."""
        rows = batch.num_rows
        single = np.empty((len(TEXT_KINDS), rows), np.int32)
        for kind, name in enumerate(TEXT_KINDS):
            single[kind] = self._find(kind, batch.column(f"{name}_hash"))
        offsets = np.zeros((len(PHRASE_KINDS), rows + 1), np.int64)
        lists = []
        for k, (name, column) in enumerate(PHRASE_KINDS.items()):
            array = batch.column(column)
            flat = array.flatten()
            sizes = array.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
            np.cumsum(sizes, out=offsets[k, 1:])
            lists.append(self._find(CONTENT_KINDS.index(name), flat))
        counts = np.zeros(rows, np.int64)
        out = np.empty(int(np.count_nonzero(single != _FREE)) + sum(map(len, lists)), np.int32)
        n = _joined(single, tuple(lists), offsets, counts, out)
        return counts, out[:n]
