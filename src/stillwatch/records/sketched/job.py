"""The whole way: usage logs of any form in, files with sketches in place of texts out, in bounded memory."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from stillwatch.records.sketched.batches import sketched
from stillwatch.records.sketched.writer import SketchedWriter
from stillwatch.records.sketches import Key
from stillwatch.records.tables import UsageReader

WAITING = 2
"""Batches that are read before those being sketched are written: one at work, one that waits."""


@dataclass(frozen=True)
class Written:
    """What was written: the files in order, their rows and their bytes."""

    files: list[Path]
    rows: int
    bytes: int


def write_sketched(
    reader: UsageReader,
    folder: Path,
    key: Key,
    *,
    threads: int | None = None,
    progress: Callable[[int, float], None] = lambda rows, share: None,
) -> Written:
    """Write all that `reader` gives into `folder` with sketches under `key` in place of texts, rows in the same order.

    Reading goes on while `threads` threads (None: as many as there are cores) sketch what was read; memory holds a few
    batches and one row group. `progress` is told the rows that were read so far, and how much that is of the files. Raises
    what the reader raises.
    """
    with ThreadPoolExecutor(1) as pool, SketchedWriter(folder, key) as writer:
        under_way: deque[Future[pa.RecordBatch]] = deque()
        for batch in reader:
            under_way.append(pool.submit(sketched, batch, key, threads))
            if len(under_way) > WAITING:
                writer.write(under_way.popleft().result())
            progress(reader.rows_read, reader.share_read)
        for done in under_way:
            writer.write(done.result())
        writer.close()
        return Written(writer.files, writer.rows, sum(file.stat().st_size for file in writer.files))
