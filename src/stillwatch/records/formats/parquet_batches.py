"""Parquet by row groups and batches of bounded size, damaged row groups kept apart from the rest."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

MAX_BATCH_BYTES = 64 * 1024 * 1024
_READ_BUFFER = 1024 * 1024
# Everything that a damaged file makes Arrow raise; MemoryError from lengths that are not true.
READ_ERRORS = (
    pa.ArrowException,
    OSError,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    MemoryError,
    OverflowError,
)


@dataclass(frozen=True, slots=True)
class LostRows:
    """Rows of a row group that could not be read."""

    number: int
    rows: int
    detail: str


def open_parquet(path: Path) -> pq.ParquetFile:
    """Open a file for reading piece by piece. Raises one of READ_ERRORS when it can't be read as a whole."""
    source: Path | pa.OSFile = path
    try:
        str(path).encode()
    except UnicodeEncodeError:
        source = pa.OSFile(os.fsencode(path))  # Arrow takes names that are not UTF-8 as bytes alone
    return pq.ParquetFile(
        source, pre_buffer=False, buffer_size=_READ_BUFFER, page_checksum_verification=True, memory_map=False
    )


def parquet_batches(
    file: pq.ParquetFile, columns: list[str] | None, batch_rows: int, groups: range | None = None
) -> Iterator[tuple[int, pa.RecordBatch] | LostRows]:
    """Batches with the number of their first row (from 1); what can't be read of a row group as LostRows.

    A batch has at most `batch_rows` rows and about `MAX_BATCH_BYTES` bytes, unless one row alone is larger.
    `columns`: names at the top to read; None for all. `groups`: row groups to read, one after the other; None for all.
    """
    chosen = range(file.metadata.num_row_groups) if groups is None else groups
    number = 1 + sum(max(file.metadata.row_group(group).num_rows, 0) for group in range(chosen.start))
    for group in chosen:
        about = file.metadata.row_group(group)
        rows = max(about.num_rows, 0)
        mean = max(1, about.total_byte_size // max(1, rows))
        size = max(1, min(batch_rows, MAX_BATCH_BYTES // mean))
        done = 0
        try:
            for batch in file.iter_batches(batch_size=size, row_groups=[group], columns=columns):
                for piece in _pieces(batch):
                    yield number + done, piece
                    done += piece.num_rows
        except READ_ERRORS as error:
            if rows > done:
                yield LostRows(number + done, rows - done, str(error))
            rows = max(rows, done)
        number += rows


def _pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """A batch cut until each piece is small enough: sizes on disk tell little of repeated text."""
    if batch.num_rows <= 1 or batch.nbytes <= MAX_BATCH_BYTES:
        yield batch
        return
    half = batch.num_rows // 2
    yield from _pieces(batch.slice(0, half))
    yield from _pieces(batch.slice(half))
