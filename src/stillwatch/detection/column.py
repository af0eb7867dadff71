"""Columns of numbers in little memory: that grow in their place, and of no wider type than their numbers want."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch.records.schema import TIME


class Column:
    """Numbers of one type that come part by part."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._data: npt.NDArray[Any] = np.empty(1 << 10, dtype)
        self._held = 0

    def __len__(self) -> int:
        return self._held

    def add(self, part: npt.NDArray[Any]) -> None:
        """Put a part behind the others, as numbers of the column's type."""
        end = self._held + len(part)
        if end > len(self._data):
            # The system moves large blocks without copying them, so small steps cost little and leave little unused.
            self._data.resize(max(end, len(self._data) // 8 * 9), refcheck=False)
        self._data[self._held : end] = part
        self._held = end

    def whole(self) -> npt.NDArray[Any]:
        """All of it. Nothing may be added after."""
        self._data.resize(self._held, refcheck=False)
        return self._data


def narrow(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same numbers, in the fewest bytes that hold all of them; signed, so that their differences are numbers, too."""
    low, high = (int(values.min()), int(values.max())) if len(values) else (0, 0)
    kinds = (np.int8, np.int16, np.int32, np.int64)
    fits = next(kind for kind in kinds if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max)
    return values.astype(fits, copy=False)


def microseconds(times: pa.Array) -> npt.NDArray[np.int64]:
    """Times as microseconds since the epoch."""
    found: npt.NDArray[np.int64] = times.cast(TIME).cast(pa.int64()).to_numpy(zero_copy_only=False)
    return found


def numbered(texts: pa.Array, names: dict[str, int]) -> npt.NDArray[np.int32]:
    """The number of each text in `names`, where those that it lacks are added."""
    encoded = texts.dictionary_encode()
    codes = [names.setdefault(name, len(names)) for name in encoded.dictionary.to_pylist()]
    found: npt.NDArray[np.int32] = np.array(codes, np.int32)[encoded.indices.to_numpy(zero_copy_only=False)]
    return found
