"""Writing usage with sketches as Parquet files of useful size, each under its name only when it is whole."""

from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch.records.sketched.form import SKETCHED_SCHEMA, said
from stillwatch.records.sketches import Key

FILE_ROWS = 1 << 20
"""Rows of one file: some 100 to 300 MB."""
GROUP_ROWS = 1 << 17
"""Rows of one row group, which are held in memory while they are written."""

# Ids, times and hashes of whole texts hardly repeat, so a dictionary of them is as large as they are.
_APART = frozenset({"event_id", "time", "item_hash"})
# Names of columns as Parquet has them: the values of a list lie two levels deeper.
_LEAVES = {
    field.name: f"{field.name}.list.element" if pa.types.is_list(field.type) else field.name
    for field in SKETCHED_SCHEMA
}


def open_sketched(path: Path, key: Key) -> pq.ParquetWriter:
    """A writer of batches of SKETCHED_SCHEMA whose sketches stand under `key`; the file says so.

    Encodings are the smallest of those that benchmarks/sketched.py compared: logs come in order of time, and what
    many texts share, their phrases, first words and system prompts, repeats.
    """
    return pq.ParquetWriter(
        path,
        SKETCHED_SCHEMA.with_metadata(said(key)),
        compression="zstd",
        compression_level=3,
        use_dictionary=[_LEAVES[name] for name in SKETCHED_SCHEMA.names if name not in _APART],
        column_encoding={"time": "DELTA_BINARY_PACKED"},
        write_page_checksum=True,
    )


class SketchedWriter:
    """Writes batches of SKETCHED_SCHEMA to FOLDER/part-00000.parquet and on, in order.

    A file is written under another name, which readers pass over, and renamed when it is whole. After an error inside
    `with` the file in the making is removed; those that are whole stay. `files` and `rows` tell what was written.
    """

    def __init__(
        self, folder: Path, key: Key, *, file_rows: int = FILE_ROWS, group_rows: int = GROUP_ROWS
    ) -> None:
        self.folder, self.key = folder, key
        self.files: list[Path] = []
        self.rows = 0
        self._file_rows, self._group_rows = file_rows, min(group_rows, file_rows)
        self._held: list[pa.RecordBatch] = []
        self._held_rows = 0
        self._writer: pq.ParquetWriter | None = None
        self._aside = folder
        self._in_file = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Take a batch of any number of rows; what is not a whole row group yet is held."""
        while self._held_rows + batch.num_rows >= self._group_rows:
            fits = self._group_rows - self._held_rows
            self._hold(batch.slice(0, fits))
            self._group()
            batch = batch.slice(fits)
        self._hold(batch)

    def close(self) -> None:
        """Write what is held, and finish the last file."""
        if self._held_rows:
            self._group()
        self._finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        elif self._writer is not None:
            try:
                self._writer.close()
            finally:
                self._aside.unlink(missing_ok=True)

    def _hold(self, batch: pa.RecordBatch) -> None:
        if batch.num_rows:
            self._held.append(batch)
            self._held_rows += batch.num_rows

    def _group(self) -> None:
        table = pa.Table.from_batches(self._held, schema=SKETCHED_SCHEMA)
        self._held, self._held_rows = [], 0
        if self._writer is None:
            self._aside = self.folder / f".part-{len(self.files):05d}.parquet.partial"
            self._writer = open_sketched(self._aside, self.key)
        self._writer.write_table(table, row_group_size=self._group_rows)
        self.rows += table.num_rows
        self._in_file += table.num_rows
        if self._in_file + self._group_rows > self._file_rows:
            self._finish()

    def _finish(self) -> None:
        if self._writer is None:
            return
        self._writer.close()
        whole = self.folder / f"part-{len(self.files):05d}.parquet"
        self._aside.rename(whole)
        self.files.append(whole)
        self._writer, self._in_file = None, 0
