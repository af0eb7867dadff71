"""Writing the usage table of an exercise to files, with texts or with sketches in their place, beside the rendering."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch.records.schema import USAGE
from stillwatch.records.sketched import SketchedWriter, sketched
from stillwatch.records.sketches import Key

GROUP = 131_072  # rows of a row group
PART = 8 * GROUP  # rows of a file; tables that are written must not straddle its multiples


class UsageFiles:
    """Takes the usage table piece by piece and writes FOLDER/part-00000.parquet and on.

    With a `key` the texts are sketched under it, on `threads` threads (None: all), and never written. One thread of its
    own writes what came last while the next piece is rendered; at most two pieces are in memory. Errors in it come out
    of the next call.
    """

    def __init__(self, folder: Path, key: Key | None = None, threads: int | None = None) -> None:
        self._folder, self._key, self._threads = folder, key, threads
        self._pool = ThreadPoolExecutor(1)
        self._last: Future[None] | None = None
        self._sketches = (
            None if key is None else SketchedWriter(folder, key, file_rows=PART, group_rows=GROUP)
        )
        self._texts: pq.ParquetWriter | None = None
        self._rows = 0

    def write(self, table: pa.Table) -> None:
        """Take a table of the usage schema; returns once the one before is written."""
        self._settle()
        self._last = self._pool.submit(self._write, table)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._settle()
        finally:
            self._pool.shutdown()  # whatever is under way ends before files are closed
            if self._sketches is not None:
                self._sketches.__exit__(kind, error, trace)
            elif self._texts is not None:
                self._texts.close()

    def _settle(self) -> None:
        if self._last is not None:
            self._last.result()

    def _write(self, table: pa.Table) -> None:
        if self._sketches is not None and self._key is not None:
            for batch in table.combine_chunks().to_batches():
                self._sketches.write(sketched(batch, self._key, self._threads))
            return
        if self._rows % PART == 0:
            if self._texts is not None:
                self._texts.close()
            path = self._folder / f"part-{self._rows // PART:05d}.parquet"
            self._texts = pq.ParquetWriter(path, USAGE.schema, compression="zstd")
        assert self._texts is not None
        self._texts.write_table(table, row_group_size=GROUP)
        self._rows += table.num_rows
