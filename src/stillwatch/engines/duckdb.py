"""DuckDB inside this process: the default engine."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa

from stillwatch.engines.ahead import ahead
from stillwatch.engines.base import Done, Engine, Share

BATCH_ROWS = 1 << 17
AHEAD = 2
"""Batches that wait while one is worked on."""


class DuckDBEngine(Engine):
    """One in-memory DuckDB that spills to `scratch` beyond `memory` bytes and uses `threads` threads."""

    name = "duckdb"
    version = duckdb.__version__
    workers = 1

    def __init__(self, *, scratch: Path, threads: int, memory: int) -> None:
        scratch.mkdir(parents=True, exist_ok=True)
        self.memory, self._threads = memory, threads
        self._connection = ibis.duckdb.connect(
            threads=threads,
            memory_limit=f"{max(memory, 64 << 20) // (1 << 20)}MiB",
            temp_directory=str(scratch),
        )
        # Order costs memory, and every result that needs one asks for it.
        self._connection.raw_sql("SET preserve_insertion_order = false")
        self._connection.raw_sql("SET TimeZone = 'UTC'")
        self._connection.raw_sql("SET enable_progress_bar = false")

    def parquet(self, files: Sequence[Path]) -> ir.Table:
        """See `Engine.parquet`."""
        return self._connection.read_parquet([str(file) for file in files])

    def table(self, name: str, data: pa.Table) -> ir.Table:
        """See `Engine.table`."""
        self.drop(name)
        return self._connection.create_table(name, data, temp=True)

    def keep(self, name: str, expression: ir.Table) -> ir.Table:
        """See `Engine.keep`."""
        # Dropped first: overwriting would hold the old and the new table, and a copy, at once.
        self.drop(name)
        return self._connection.create_table(name, expression, temp=True)

    def drop(self, name: str) -> None:
        """See `Engine.drop`."""
        self._connection.drop_table(name, force=True)

    def fetch(self, expression: ir.Table) -> pa.Table:
        """See `Engine.fetch`."""
        table: pa.Table = self._connection.to_pyarrow(expression)
        return table

    def batches(self, expression: ir.Table) -> Iterator[pa.RecordBatch]:
        """See `Engine.batches`."""
        # Not by Ibis' to_pyarrow_batches: it asks the connection for what only a relation has in DuckDB 2.
        found = self._connection.con.sql(self._connection.compile(expression)).to_arrow_reader(BATCH_ROWS)
        return ahead(found, AHEAD) if self._threads > 1 else iter(found)

    def distribute(self, work: Callable[[Share], Done], shares: Sequence[Share]) -> Iterator[Done]:
        """See `Engine.distribute`. One share after the other, in this process."""
        return map(work, shares)

    def close(self) -> None:
        """See `Engine.close`."""
        self._connection.disconnect()
