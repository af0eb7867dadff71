"""Where the rows of a batch come from: number and content of each, for the log of rejected rows."""

import pyarrow as pa

from stillwatch.records.adapters.base import Row
from stillwatch.records.validation import python_values


class ArrowOrigin:
    """Rows of an Arrow batch: `numbers` are those in the file, or the first of them where they follow one another."""

    def __init__(self, batch: pa.RecordBatch, numbers: int | list[int]) -> None:
        self._batch = batch
        self._numbers = numbers

    def number(self, place: int) -> int:
        """The number in the file, from 1, of the row at this place of the batch."""
        return self._numbers + place if isinstance(self._numbers, int) else self._numbers[place]

    def content(self, place: int) -> object:
        """The row at this place as it was read."""
        return record_of(self._batch, place)


class AdapterOrigin:
    """Rows that an adapter made of records."""

    def __init__(self, rows: list[Row], numbers: list[int]) -> None:
        self._rows = rows
        self._numbers = numbers

    def number(self, place: int) -> int:
        """The number in the file, from 1, of the record behind the row at this place."""
        return self._numbers[place]

    def content(self, place: int) -> object:
        """The record behind the row at this place."""
        return self._rows[place].raw


def record_of(batch: pa.RecordBatch, place: int) -> dict[str, object]:
    """One row of a batch as Python values."""
    row = batch.slice(place, 1)
    return {name: python_values(array)[0] for name, array in zip(row.schema.names, row.columns, strict=True)}
