"""Which of the text objects that several accounts sent does each exchange carry?"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from stillwatch.detection.sharers import hashed, slot_shift

TEXT_KINDS = ("system", "block", "prefix", "suffix", "item")
"""Whole-text objects, by the sketch column that holds them; sampled phrases follow them."""
PHRASE_KINDS = {"phrase": "phrases", "system_phrase": "system_phrases"}
CONTENT_KINDS = (*TEXT_KINDS, *PHRASE_KINDS)
_FREE = np.int64(-1)


@njit(nogil=True, cache=True)
def _fill(values, first, slots):  # type: ignore[no-untyped-def]
    shift, mask = slot_shift(slots), len(slots) - 1
    for i in range(len(values)):
        at = np.int64(hashed(values[i]) >> shift)
        while slots[at, 1] != _FREE:
            at = (at + 1) & mask
        slots[at, 0], slots[at, 1] = values[i], first + i


@njit(nogil=True, cache=True)
def _find(values, slots, out):  # type: ignore[no-untyped-def]
    shift, mask = slot_shift(slots), len(slots) - 1
    for i in range(len(values)):
        at = np.int64(hashed(values[i]) >> shift)
        while slots[at, 1] != _FREE and slots[at, 0] != values[i]:
            at = (at + 1) & mask
        out[i] = slots[at, 1]


@njit(nogil=True, cache=True)
def _joined(found, starts, counts, out):  # type: ignore[no-untyped-def]
    """Of each row what was found, kind after kind; returns how many in all."""
    n = 0
    for row in range(len(counts)):
        before = n
        for kind in range(len(found)):
            for at in range(starts[kind, row], starts[kind, row + 1]):
                if found[kind][at] != _FREE:
                    out[n] = found[kind][at]
                    n += 1
        counts[row] = n - before
    return n


def column_of(kind: str) -> str:
    """The column of exchanges that holds a kind of text objects."""
    return PHRASE_KINDS.get(kind, f"{kind}_hash")


def sent(batch: pa.RecordBatch, kind: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(values, start): row i of a batch holds the objects `values[start[i]:start[i + 1]]` of this kind."""
    array = batch.column(column_of(kind))
    if kind in PHRASE_KINDS:
        sizes, array = array.value_lengths().fill_null(0), array.flatten()
    else:
        sizes = array.is_valid()
    start = np.zeros(batch.num_rows + 1, np.int64)
    np.cumsum(sizes.to_numpy(zero_copy_only=False), out=start[1:])
    return array.drop_null().to_numpy(), start


@dataclass(frozen=True)
class Lookup:
    """Finds the row of an object by its kind and value: for each kind a hash table with open addressing, at most half full.

    A slot is a value and a row, side by side.
    """

    slots: tuple[npt.NDArray[np.int64], ...]

    @classmethod
    def of(cls, objects: pa.Table) -> "Lookup":
        """Of a table with the columns kind (place in CONTENT_KINDS, rising) and value; no pair of these twice."""
        kinds = objects["kind"].to_numpy()
        values = objects["value"].to_numpy()
        bounds = np.searchsorted(kinds, np.arange(len(CONTENT_KINDS) + 1))
        tables = []
        for first, end in pairwise(bounds.tolist()):
            slots = np.full((1 << max(2 * (end - first), 2).bit_length(), 2), _FREE)
            _fill(values[first:end], first, slots)
            tables.append(slots)
        return cls(tuple(tables))

    def carried(self, batch: pa.RecordBatch) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
        """(objects on each row, their rows in the table one behind the other), of a batch with columns of sketches."""
        found, starts = [], np.empty((len(CONTENT_KINDS), batch.num_rows + 1), np.int64)
        for code, (kind, slots) in enumerate(zip(CONTENT_KINDS, self.slots, strict=True)):
            values, starts[code] = sent(batch, kind)
            found.append(np.empty(len(values), np.int32))
            _find(values, slots, found[code])
        counts = np.zeros(batch.num_rows, np.int64)
        out = np.empty(sum(map(len, found)), np.int32)
        n = _joined(tuple(found), starts, counts, out)
        return counts, out[:n]
