"""Texts, which intake lays apart from everything else, fetched again for the few exchanges that the report shows."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillwatch.detection.evidence import Ints
from stillwatch.records.schema import TEXT

Wanted = Mapping[str, Ints]
"""Row numbers by column of texts: "input_text", "system_text"."""
Found = Mapping[str, Mapping[int, str]]
"""The texts that there are, by column and row number."""

SCHEMA = pa.schema([pa.field("row", pa.int64()), pa.field("input_text", TEXT), pa.field("system_text", TEXT)])
ROW_GROUP = 1 << 12
"""Rows that have to be decompressed for one of them."""


def write_texts(table: pa.Table, path: Path) -> None:
    """Write a part, of `SCHEMA`, with rows in order of their numbers."""
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=1,
        use_dictionary=["system_text"],
        row_group_size=ROW_GROUP,
    )


class Texts:
    """Parts of texts, each of which tells between which row numbers its row groups lie."""

    def __init__(self, files: Sequence[Path], threads: int = 1) -> None:
        self.files, self.threads = list(files), threads

    @cached_property
    def _reach(self) -> list[list[tuple[int, int]]]:
        """Of each file, by row group: the first row number, and the last."""
        found = []
        for file in self.files:
            metadata = pq.read_metadata(file)
            groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
            # A part of which no row was kept has a row group, and no statistics.
            of_rows = [group.column(0).statistics if group.num_rows else None for group in groups]
            found.append([(0, -1) if one is None else (one.min, one.max) for one in of_rows])
        return found

    def fetch(self, wanted: Wanted) -> Found:
        """The texts of these rows. No row group is read twice, and none that holds nothing wanted."""
        sought = {column: np.unique(np.asarray(rows, dtype=np.int64)) for column, rows in wanted.items()}
        found: dict[str, dict[int, str]] = {column: {} for column in sought}
        with ThreadPoolExecutor(self.threads, thread_name_prefix="texts") as pool:
            for part in pool.map(lambda number: self._of_file(number, sought), range(len(self.files))):
                for column, texts in part:
                    found[column].update(texts)
        return found

    def _of_file(self, number: int, sought: Mapping[str, Ints]) -> list[tuple[str, dict[int, str]]]:
        found = []
        parquet: pq.ParquetFile | None = None
        for group, (first, last) in enumerate(self._reach[number]):
            here = {}
            for column, rows in sought.items():
                begin, end = np.searchsorted(rows, [first, last + 1])
                if begin < end:
                    here[column] = pa.array(rows[begin:end])
            if not here:
                continue
            parquet = parquet or pq.ParquetFile(self.files[number])
            table = parquet.read_row_group(group, columns=["row", *here], use_threads=False)
            for column, rows in here.items():
                texts = (
                    table.select(["row", column]).filter(pc.is_in(table["row"], value_set=rows)).drop_null()
                )
                found.append((column, dict(zip(*(c.to_pylist() for c in texts.columns), strict=True))))
        return found
