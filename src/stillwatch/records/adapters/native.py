"""Records that already have our own columns (usage-records, version 1)."""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from stillwatch.records.adapters.base import Adapter, AdapterSettings, Row, Sample
from stillwatch.records.schema import USAGE, Table


class NativeAdapter(Adapter):
    """A table's own columns under their own names; others are ignored."""

    name = "native"

    def __init__(self, settings: AdapterSettings | None = None, table: Table = USAGE) -> None:
        super().__init__(settings)
        self._names = [column.name for column in table.columns]
        self._required = [column.name for column in table.columns if column.required]

    def missing(self, sample: Sample) -> list[str]:
        """The required columns that a sample lacks."""
        return [name for name in self._required if name not in sample.columns]

    def recognises(self, sample: Sample) -> int:
        """Tabular: whether all required columns are there. Records: how many have the first of them."""
        if self.missing(sample):
            return 0
        return 1 if sample.tabular else sum(1 for r in sample.records if any(n in r for n in self._required))

    def row(self, record: Mapping[str, object]) -> Row:
        """The record as it is."""
        return Row(record, record)

    def columns(self, batch: pa.RecordBatch) -> Mapping[str, pa.Array]:
        """The batch's columns under their own names; of two with the same name the first."""
        found: dict[str, pa.Array] = {}
        for name, array in zip(batch.schema.names, batch.columns, strict=True):
            found.setdefault(name, array)
        return found

    def source_columns(self, names: Sequence[str]) -> list[str]:
        """Those that the table has."""
        return [name for name in names if name in self._names]
