"""The journal: what was acknowledged and is not in a Parquet file yet.

A segment is one file: a line that names the format, then frames. A frame is a header (length of the payload as 64 bits,
CRC-32 of the payload, CRC-32 of those twelve bytes; little-endian) and the payload, an Arrow IPC message: the schema first,
then record batches. A frame counts when it is whole; what a crash left of one was not acknowledged.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from stillwatch.records.durable import sync_folder

MAGIC = b"stillwatch journal 1\n"
_SIZES = struct.Struct("<QI")
_CHECK = struct.Struct("<I")
_HEADER = _SIZES.size + _CHECK.size


def _frame(payload: pa.Buffer) -> bytes:
    sizes = _SIZES.pack(payload.size, zlib.crc32(payload))
    return sizes + _CHECK.pack(zlib.crc32(sizes))


class SegmentWriter:
    """A segment that is being written. Raises OSError where the disk refuses; then only `close` is of use."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path = path
        self.rows = 0
        self.size = 0
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            head = schema.serialize()
            self._write(MAGIC, _frame(head), head)
            sync_folder(path.parent)
        except BaseException:
            os.close(self._handle)
            path.unlink(missing_ok=True)
            raise

    def append(self, batch: pa.RecordBatch) -> None:
        """Add a batch of the segment's schema; on return it is on disk. After an OSError it counts as never written."""
        payload = batch.serialize()
        self._write(_frame(payload), payload)
        self.rows += batch.num_rows

    def _write(self, *parts: bytes | pa.Buffer) -> None:
        try:
            written = self.size
            for part in parts:
                view = memoryview(part)
                while view:
                    count = os.write(self._handle, view)
                    written += count
                    view = view[count:]
            os.fsync(self._handle)
        except OSError:
            # After a failed fsync nobody knows which pages are on disk, and asking again would not tell (PostgreSQL
            # learnt this in 2018): nothing more goes into this file, and what was not acknowledged is cut off.
            with suppress(OSError):
                os.ftruncate(self._handle, self.size)
            raise
        self.size = written

    def close(self) -> None:
        """Close the file. What was appended stays."""
        os.close(self._handle)


class SegmentReader:
    """The batches of a segment, one at a time. After that: `rows`, `torn` and `damaged`.

    `torn`: bytes at the end that are no whole frame, as a crash leaves them. `damaged`: something is wrong that no crash
    explains, so rows that were acknowledged may be lost.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self.torn = 0
        self.damaged = False

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        with self.path.open("rb") as file:
            left = os.fstat(file.fileno()).st_size
            magic = file.read(len(MAGIC))
            if magic != MAGIC:
                self.torn, self.damaged = left, not MAGIC.startswith(magic.rstrip(b"\0"))
                return
            left -= len(MAGIC)
            schema: pa.Schema | None = None
            while left:
                head = file.read(_HEADER)
                length, check = _SIZES.unpack_from(head) if _is_header(head) else (None, 0)
                whole = length is not None and length <= left - _HEADER
                payload = file.read(length) if whole and length is not None else b""
                if not whole or zlib.crc32(payload) != check:
                    self.torn = left
                    # Of the last write any part may have reached the disk, with zeros for the rest.
                    rest = (head + payload + file.read()).rstrip(b"\0")
                    self.damaged = len(rest) > _HEADER + (length or 0)
                    return
                try:
                    if schema is None:
                        schema = pa.ipc.read_schema(pa.py_buffer(payload))
                    else:
                        batch = pa.ipc.read_record_batch(pa.py_buffer(payload), schema)
                        self.rows += batch.num_rows
                        yield batch
                except (pa.ArrowException, OSError):
                    self.torn, self.damaged = left, True
                    return
                left -= _HEADER + len(payload)


def _is_header(head: bytes) -> bool:
    return len(head) == _HEADER and _CHECK.unpack_from(head, _SIZES.size)[0] == zlib.crc32(
        head[: _SIZES.size]
    )
