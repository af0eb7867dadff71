"""A fixed public hash of an exchange's id: which exchanges stand for the others, where there are too many to look at each.

Not keyed: ids are no secret, and the same exchanges stand for the others under every key, on every machine and in every
order of rows.
"""

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from stillwatch.records.sketches.arrow import pieces
from stillwatch.records.sketches.mixing import U, absorb, finish

_EIGHT = U(8)


@njit(nogil=True, cache=True)
def _lucks(data, offsets, valid, out):  # type: ignore[no-untyped-def]
    for row in range(len(valid)):
        begin, end = offsets[row], offsets[row + 1]
        state = U(end - begin)
        word, filled = U(0), 0
        for at in range(begin, end):
            word = (word << _EIGHT) | U(data[at])
            filled += 1
            if filled == 8:
                state = absorb(state, word)
                word, filled = U(0), 0
        out[row] = finish(absorb(state, word)) >> U(1) if valid[row] else U(0)


def luck(event_ids: pa.Array | pa.ChunkedArray) -> NDArray[np.int64]:
    """A whole number from 0 to 2^63-1 for each id, as if drawn at random; the same id has the same. 0 for null."""
    out = np.zeros(len(event_ids), np.uint64)
    at = 0
    for texts in pieces(event_ids):
        _lucks(*texts, out[at : at + len(texts.valid)])
        at += len(texts.valid)
    return out.view(np.int64)
