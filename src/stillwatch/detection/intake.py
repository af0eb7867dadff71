"""Stage 0: usage rows become narrow exchange rows with sketches; texts lie apart and are read only for examples."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillwatch.detection.texts import SCHEMA as TEXTS
from stillwatch.detection.texts import write_texts
from stillwatch.records.schema import TIME
from stillwatch.records.sketched import sketches_of
from stillwatch.records.sketches import SKETCH_SCHEMA, Key, luck
from stillwatch.records.tables import UsageReader

KEPT = (
    "event_id", "time", "account_id", "credential_id", "end_user_id", "model", "turn", "client_address",
    "client_network", "user_agent", "tls_ja4", "tool_count", "status",
)  # fmt: skip

HOUR_US = 3_600_000_000
NUMBERS = (pa.field("row", pa.int64()), pa.field("luck", pa.int64()), pa.field("hour", pa.int32()))
"""Columns that stand before those that are kept: the row's number, the luck of its id, its hour since 1970."""


FEW = ("model", "client_network", "user_agent", "tls_ja4", "status")
"""Columns of few different texts: with dictionaries they are smaller, and cheaper to write and to read."""


def write_exchanges(table: pa.Table, path: Path, *, lasting: bool = True) -> None:
    """Write a part of the exchange rows: small where it is kept, and else quickly, half as large again."""
    how = {"compression": "zstd", "compression_level": 1} if lasting else {"compression": "snappy"}
    pq.write_table(
        table, path, use_dictionary=list(FEW), row_group_size=1 << 16, write_statistics=lasting, **how
    )


@dataclass
class Intake:
    """What stage 0 left in the work folder: Parquet parts, and what it counted."""

    exchange_files: list[Path]
    text_files: list[Path]
    rows: int
    outside_window: int
    first_us: int | None
    last_us: int | None

    def reaches(self, first_us: int | None, last_us: int | None) -> None:
        """Take note that it holds exchanges from here to there; None for none."""
        self.first_us = min((us for us in (self.first_us, first_us) if us is not None), default=None)
        self.last_us = max((us for us in (self.last_us, last_us) if us is not None), default=None)


def _in_window(batch: pa.RecordBatch, since: int | None, until: int | None) -> pa.RecordBatch:
    time = batch.column("time")
    keep = None
    if since is not None:
        keep = pc.greater_equal(time, pa.scalar(since, pa.int64()).cast(TIME))
    if until is not None:
        before = pc.less(time, pa.scalar(until, pa.int64()).cast(TIME))
        keep = before if keep is None else pc.and_(keep, before)
    return batch if keep is None else batch.filter(keep)


@dataclass(frozen=True)
class _Part:
    """One batch on its way into the work folder."""

    batch: pa.RecordBatch
    first_row: int
    exchange_file: Path
    text_file: Path

    def write(self, key: Key, *, lasting: bool) -> tuple[int, int]:
        """Sketch the texts, and write what there is of both files; (earliest, latest) time in microseconds."""
        batch = self.batch
        row = pa.array(np.arange(self.first_row, self.first_row + batch.num_rows, dtype=np.int64))
        drawn = sketches_of(batch, key, threads=1)
        fields = [*NUMBERS, *(batch.schema.field(name) for name in KEPT), *SKETCH_SCHEMA]
        times = batch.column("time").cast(pa.int64())
        hour = (times.to_numpy() // HOUR_US).astype(np.int32)
        columns = [
            row,
            luck(batch.column("event_id")),
            hour,
            *(batch.column(name) for name in KEPT),
            *drawn.columns,
        ]
        table = pa.Table.from_arrays(columns, schema=pa.schema([f.with_nullable(True) for f in fields]))
        write_exchanges(table, self.exchange_file, lasting=lasting)
        # A prompt may be logged without what was asked under it, and is shown in the report then, too.
        has_text = pc.or_(pc.is_valid(batch.column("input_text")), pc.is_valid(batch.column("system_text")))
        words = pa.Table.from_arrays(
            [row, batch.column("input_text"), batch.column("system_text")], schema=TEXTS
        ).filter(has_text)
        if words.num_rows:  # of exchanges that came as sketches there are none
            write_texts(words, self.text_file)
        return pc.min(times).as_py(), pc.max(times).as_py()


def take_in(
    reader: UsageReader,
    folder: Path,
    *,
    key: Key,
    threads: int,
    since: int | None,
    until: int | None,
    progress: Callable[[int], None],
    first_row: int = 0,
    lasting: bool = False,
) -> Intake:
    """Stream `reader` into `folder`/exchanges and `folder`/texts, one part for each batch.

    `since` and `until` are microseconds since the epoch (from, inclusive; to, exclusive). Batches are read one after the
    other, and sketched and written on `threads`, each of which holds one. `row` numbers the rows in reading order, from
    `first_row` on; it joins the two folders and nothing else, so results do not depend on it. `lasting`: files are kept.
    """
    exchanges, texts = folder / "exchanges", folder / "texts"
    exchanges.mkdir(parents=True)
    texts.mkdir()
    taken = Intake([], [], 0, 0, None, None)
    under_way: deque[tuple[_Part, Future[tuple[int, int]]]] = deque()

    def finish_first() -> None:
        part, done = under_way.popleft()
        taken.reaches(*done.result())
        taken.exchange_files.append(part.exchange_file)
        if part.text_file.exists():
            taken.text_files.append(part.text_file)
        progress(part.first_row - first_row + part.batch.num_rows)

    with ThreadPoolExecutor(threads, thread_name_prefix="intake") as pool:
        try:
            for number, whole in enumerate(reader):
                batch = _in_window(whole, since, until)
                taken.outside_window += whole.num_rows - batch.num_rows
                if batch.num_rows == 0:
                    continue
                name = f"part-{number:06d}.parquet"
                part = _Part(batch, first_row + taken.rows, exchanges / name, texts / name)
                taken.rows += batch.num_rows
                if len(under_way) >= threads:
                    finish_first()
                under_way.append((part, pool.submit(part.write, key, lasting=lasting)))
            while under_way:
                finish_first()
        finally:
            # After an error or an interrupt what has not begun is left.
            pool.shutdown(cancel_futures=True)
    return taken
