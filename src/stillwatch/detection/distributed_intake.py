"""Stage 0 where the engine's work is done: each share of the files is read, checked and sketched by itself."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from stillwatch.detection.intake import Intake, take_in
from stillwatch.engines import Engine
from stillwatch.records.errors import InputError
from stillwatch.records.rejects import RejectLog
from stillwatch.records.shares import shares
from stillwatch.records.sketches import Key
from stillwatch.records.sources import SourceFile
from stillwatch.records.tables import UsageReader

ROWS_A_SHARE = 1 << 40
"""Room for the row numbers of one share beside those of the next: no share has so many."""


@dataclass(frozen=True)
class _Share:
    """One share: its number, its files, and how large each of them is where they were found."""

    number: int
    files: list[SourceFile]
    sizes: dict[Path, int]


@dataclass(frozen=True)
class _Done:
    """What came of a share: its parts, and its reader with what it counted."""

    intake: Intake
    reader: UsageReader


@dataclass(frozen=True)
class _Work:
    """Reads one share, wherever that is; see `take_in`."""

    reader: UsageReader
    folder: Path
    key: Key
    threads: int
    since: int | None
    until: int | None
    first_row: int
    progress: Callable[[int, float], None]

    def __call__(self, share: _Share) -> _Done:
        _check_seen(share.sizes)
        # A name that no other attempt at this share has: whatever that left behind is never read.
        folder = self.folder / f"share-{share.number:06d}-{uuid4().hex[:8]}"
        reader = self.reader.part(share.files, RejectLog(folder / "rejected"))
        taken = take_in(
            reader,
            folder,
            key=self.key,
            threads=self.threads,
            since=self.since,
            until=self.until,
            progress=lambda rows: self.progress(rows, reader.share_read),
            first_row=self.first_row + share.number * ROWS_A_SHARE,
        )
        return _Done(taken, reader)


def take_in_shares(
    engine: Engine,
    reader: UsageReader,
    folder: Path,
    *,
    key: Key,
    threads: int,
    since: int | None,
    until: int | None,
    progress: Callable[[int, float], None],
    first_row: int = 0,
) -> Intake:
    """`take_in`, with the files of `reader` shared out to where `engine` works; the same rows, counts and rejects.

    `progress` is told the rows so far, and how much of the files is read (0 to 1). Shares come together in the order of the
    files. Row numbers have gaps between shares. `reader` has all counts
    afterwards. Raises InputError where files are not seen by those who are to read them.
    """
    here = engine.workers == 1
    work = _Work(
        reader.part([], RejectLog()),
        folder.resolve() / "intake",
        key,
        # Elsewhere each core has a share of its own.
        threads if here else 1,
        since,
        until,
        first_row,
        progress if here else _silent,
    )
    parts = [
        _Share(
            number,
            files,
            {} if here else {file.path: file.path.stat().st_size for file in files if file.path.exists()},
        )
        for number, files in enumerate(shares(reader.files, engine.workers))
    ]
    whole = Intake([], [], 0, 0, None, None)
    readers = []
    for done in engine.distribute(work, parts):
        _add(whole, done.intake)
        readers.append(done.reader)
        progress(whole.rows, len(readers) / len(parts))
    reader.absorb(readers)
    return whole


def _silent(rows: int, read: float) -> None:
    """Elsewhere nobody sees progress by the row; each share that is done is told here."""


def _check_seen(sizes: dict[Path, int]) -> None:
    """A file that is not seen here would pass for one that can't be read, and its rows would be missing."""
    for path, size in sizes.items():
        try:
            seen = path.stat().st_size
        except OSError as error:
            raise InputError(
                f"cannot be read on {socket.gethostname()} ({error.strerror})",
                where=str(path),
                mend="put the logs on storage that all executors share",
            ) from None
        if seen < size:
            raise InputError(
                f"has {seen} bytes on {socket.gethostname()} and {size} where it was found",
                where=str(path),
                mend="put the logs on storage that all executors share",
            )


def _add(whole: Intake, part: Intake) -> None:
    whole.exchange_files += part.exchange_files
    whole.text_files += part.text_files
    whole.rows += part.rows
    whole.outside_window += part.outside_window
    whole.reaches(part.first_us, part.last_us)
