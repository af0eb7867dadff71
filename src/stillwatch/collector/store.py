"""DIR on disk: the journal's segments, and the Parquet files that they become.

    DIR/journal/20261122T155241.123456Z.journal            what is not Parquet yet; only its owner may read it
    DIR/usage/day=2026-11-22/20261122T155241.123456Z.parquet
    DIR/rejected/20261122T155200.000000Z/usage.jsonl       rejected rows, masked, by run

A file has the name of its segment: the moment (UTC) at which the first of its rows arrived. Files appear whole, in the
order of their names, and are never touched again. A segment goes when its file is there, so that after a crash in between
no row is written twice.
"""

import fcntl
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch.collector.journal import SegmentReader, SegmentWriter
from stillwatch.collector.limits import MAX_SEGMENT_BYTES
from stillwatch.collector.writing import DICTIONARIES
from stillwatch.records.durable import sync_folder
from stillwatch.records.errors import InputError, plainly
from stillwatch.serving.events import Events

_STAMP = "%Y%m%dT%H%M%S.%fZ"
_SEGMENT, _FILE = ".journal", ".parquet"
# Rows and bytes of one row group: what is held in memory while a file is written.
_GROUP_ROWS = 65_536
_GROUP_BYTES = 64 * 2**20


@dataclass(frozen=True)
class FileWritten:
    """A Parquet file that has appeared: its path, and how many rows it holds."""

    path: Path
    rows: int


class Store:
    """The folder of one collector. `append` and `rotate` belong to one thread, `seal` to another."""

    def __init__(self, folder: Path, schema: pa.Schema, events: Events, *, rows: int, seconds: float) -> None:
        self.folder = folder
        self.journal, self.usage = folder / "journal", folder / "usage"
        self.started = _stamp(datetime.now(UTC))
        self.rejected = folder / "rejected" / self.started
        self._schema = schema
        self._events = events
        self._rows, self._seconds = rows, seconds
        self._guard = threading.Lock()
        self._current: SegmentWriter | None = None
        self._opened = 0.0
        self._closed: list[tuple[Path, int]] = []
        self._pending = 0
        self._lock = _owned(folder, self.journal, self.usage)
        self._last = self._last_name()

    @property
    def pending(self) -> int:
        """Rows that are acknowledged and not in a file yet."""
        with self._guard:
            return self._pending

    @property
    def waiting(self) -> bool:
        """Whether there are segments to be sealed."""
        with self._guard:
            return bool(self._closed)

    def recover(self, told: Callable[[FileWritten], None] = lambda file: None) -> int:
        """Turn what an earlier run left in the journal into files; how many rows. Raises OSError when the disk refuses.

        `told` hears of each file.
        """
        for aside in self.usage.glob(f"day=*/.*{_FILE}"):
            aside.unlink(missing_ok=True)
        left = sorted(self.journal.glob(f"*{_SEGMENT}"))
        self._closed += [(path, 0) for path in left]
        rows = 0
        while self.waiting:
            written = self.seal()
            if written is not None:
                rows += written.rows
                told(written)
        if left:
            self._events.say("recovered", segments=len(left), rows=rows)
        return rows

    def append(self, batch: pa.RecordBatch) -> None:
        """Add a batch of this store's schema to the journal; on return it is on disk.

        After an OSError nothing of it counts as written, and the next call begins a new segment.
        """
        if self._current is None:
            self._open()
        assert self._current is not None
        try:
            self._current.append(batch)
        except OSError:
            self.rotate()
            raise
        with self._guard:
            self._pending += batch.num_rows

    def _open(self) -> None:
        name = self._next_name()
        self._current = SegmentWriter(self.journal / f"{name}{_SEGMENT}", self._schema)
        self._opened = time.monotonic()

    def seconds_left(self) -> float | None:
        """How long the current segment may still grow; None when there is none, 0 when it is full."""
        if self._current is None:
            return None
        if self._current.rows >= self._rows or self._current.size >= MAX_SEGMENT_BYTES:
            return 0.0
        return max(0.0, self._opened + self._seconds - time.monotonic())

    def rotate(self) -> None:
        """End the current segment, so that it can be sealed."""
        if self._current is None:
            return
        segment, self._current = self._current, None
        segment.close()
        with self._guard:
            self._closed.append((segment.path, segment.rows))

    def seal(self) -> FileWritten | None:
        """Turn the oldest segment that has ended into a file; None where it held nothing, or its file was there already.

        Raises OSError when the disk refuses: the segment stays, and the next call tries again.
        """
        with self._guard:
            path, rows = self._closed[0]
        name = path.name.removesuffix(_SEGMENT)
        day = self.usage / f"day={name[:4]}-{name[4:6]}-{name[6:8]}"
        final = day / f"{name}{_FILE}"
        written = None
        if not final.exists():
            reader = SegmentReader(path)
            day.mkdir(exist_ok=True)
            sync_folder(self.usage)
            aside = day / f".{name}{_FILE}"
            if _write(reader, aside):
                aside.rename(final)
                sync_folder(day)
                written = FileWritten(final, reader.rows)
            if reader.damaged:
                self._set_aside(path, reader)
            elif reader.torn:
                self._events.say("journal_cut", segment=path.name, bytes=reader.torn, rows=reader.rows)
        path.unlink(missing_ok=True)
        with self._guard:
            self._closed.pop(0)
            self._pending -= rows
        if written is not None:
            self._events.say("file", path=str(written.path.relative_to(self.folder)), rows=written.rows)
        return written

    def _set_aside(self, path: Path, reader: SegmentReader) -> None:
        """Keep a damaged segment: somebody may be able to save more of it."""
        damaged = self.journal / "damaged"
        damaged.mkdir(exist_ok=True)
        path.rename(damaged / path.name)
        self._events.say(
            "journal_damaged", segment=f"damaged/{path.name}", rows_read=reader.rows, bytes_lost=reader.torn
        )

    def close(self) -> None:
        """Let go of the folder. What is in the journal stays for the next run."""
        self.rotate()
        self._lock.close()

    def _next_name(self) -> str:
        now = _stamp(datetime.now(UTC))
        if now <= self._last:
            # The clock was set back: names still go up, or whoever follows the folder would miss a file.
            now = _stamp(datetime.strptime(self._last, _STAMP) + timedelta(microseconds=1))
        self._last = now
        return now

    def _last_name(self) -> str:
        """The last name that an earlier run gave."""
        days = sorted(self.usage.glob("day=*"))
        names = [path.name.removesuffix(_FILE) for path in (days[-1].glob(f"[0-9]*{_FILE}") if days else ())]
        names += [path.name.removesuffix(_SEGMENT) for path in self.journal.glob(f"[0-9]*{_SEGMENT}")]
        return max(filter(_is_stamp, names), default="")


def _stamp(moment: datetime) -> str:
    return moment.strftime(_STAMP)


def _is_stamp(name: str) -> bool:
    try:
        return _stamp(datetime.strptime(name, _STAMP)) == name
    except ValueError:
        return False


def _owned(folder: Path, journal: Path, usage: Path) -> IO[str]:
    """Make the folders and take the lock that keeps a second collector out."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        usage.mkdir(exist_ok=True)
        journal.mkdir(mode=0o700, exist_ok=True)
        lock = (journal / "lock").open("w")
    except OSError as error:
        raise InputError(
            f"cannot write there ({plainly(error)})", where=str(folder), mend="give another folder with --dir"
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise InputError(
            "another collector writes there",
            where=str(folder),
            mend="stop it, or give another folder with --dir",
        ) from None
    return lock


def _write(reader: SegmentReader, aside: Path) -> bool:
    """Write the batches of a segment to a Parquet file that survives a loss of power; whether there were any."""
    writer: pq.ParquetWriter | None = None
    held: list[pa.RecordBatch] = []
    size = rows = 0
    try:
        for batch in reader:
            if writer is None:
                writer = _parquet(aside, batch.schema)
            held.append(batch)
            size += batch.nbytes
            rows += batch.num_rows
            if size >= _GROUP_BYTES or rows >= _GROUP_ROWS:
                writer.write_table(pa.Table.from_batches(held))
                held, size, rows = [], 0, 0
        if writer is not None and held:
            writer.write_table(pa.Table.from_batches(held))
    except BaseException:
        if writer is not None:
            with suppress(OSError, pa.ArrowException):
                writer.close()
        aside.unlink(missing_ok=True)
        raise
    if writer is None:
        return False
    writer.close()
    with aside.open("rb+") as file:
        os.fsync(file.fileno())
    return True


def _parquet(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    repeated = [name for name in DICTIONARIES if name in schema.names]
    return pq.ParquetWriter(
        path, schema, compression="zstd", use_dictionary=repeated, write_page_checksum=True
    )
