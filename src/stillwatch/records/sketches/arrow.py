"""Arrow string arrays as the bytes and offsets that the kernels read."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from stillwatch.records.errors import InputError


class Texts(NamedTuple):
    """Some texts: row i is `data[offsets[i]:offsets[i + 1]]`, null where `valid[i]` is False."""

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    valid: NDArray[np.bool_]


def pieces(texts: pa.Array | pa.ChunkedArray) -> Iterator[Texts]:
    """The chunks of `texts`, in order. InputError when it does not hold strings (or their bytes)."""
    chunks = texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]
    for chunk in chunks:
        yield _piece(chunk)


def _piece(array: pa.Array) -> Texts:
    kind = array.type
    if pa.types.is_dictionary(kind):
        array, kind = array.dictionary_decode(), kind.value_type
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
        kind = array.type
    if pa.types.is_null(kind):
        n = len(array)
        return Texts(np.zeros(1, np.uint8), np.zeros(n + 1, np.int64), np.zeros(n, np.bool_))
    if kind == pa.string_view():
        array = array.cast(pa.large_string())
    elif kind == pa.binary_view():
        array = array.cast(pa.large_binary())
    kind = array.type
    wide = pa.types.is_large_string(kind) or pa.types.is_large_binary(kind)
    if not (wide or pa.types.is_string(kind) or pa.types.is_binary(kind)):
        raise InputError(f"texts of type {kind} cannot be sketched", mend="give a column of strings")
    _, places, values = array.buffers()
    dtype = np.int64 if wide else np.int32
    n = len(array)
    if n == 0 or places is None:
        return Texts(np.zeros(1, np.uint8), np.zeros(n + 1, np.int64), np.zeros(n, np.bool_))
    offsets = np.frombuffer(places, dtype=dtype, count=n + 1, offset=array.offset * np.dtype(dtype).itemsize)
    data = (
        np.frombuffer(values, dtype=np.uint8) if values is not None and values.size else np.zeros(1, np.uint8)
    )
    if array.null_count:
        valid = np.asarray(pc.is_valid(array).to_numpy(zero_copy_only=False), dtype=np.bool_)
    else:
        valid = np.ones(n, np.bool_)
    return Texts(data, offsets.astype(np.int64, copy=False), valid)
