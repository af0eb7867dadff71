"""Rows that can't be used: counted by reason and kept aside, with secrets masked."""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from stillwatch.records.masking import mask

NOT_PARSEABLE = "not parseable"
TIME_NOT_READABLE = "time not readable"
TIME_OUT_OF_RANGE = "time out of range"
TOO_LONG = "too long"
UNREADABLE_PART = "in a part of a file that is not readable"
DUPLICATE_EVENT = "duplicate event_id"
DUPLICATE_ACCOUNT = "duplicate account_id"
DUPLICATE_RELEASE = "duplicate release"
DUPLICATE_AGREEMENT = "duplicate agreement"

FILE_NOT_READABLE = "file not readable"
FILE_CUT_SHORT = "file ends in the middle"
FILE_NO_ADAPTER = "no adapter fits"


# Ends of lines to some readers though not to JSON Lines; inside JSON they stand in strings only.
_LINE_ENDS = str.maketrans({mark: f"\\u{ord(mark):04x}" for mark in "\x85\u2028\u2029"})


def missing(column: str) -> str:
    """The reason for a row whose required `column` is absent or empty."""
    return f"missing {column}"


def why(reason: str, detail: str) -> str:
    """Why a file was not read, or not to its end, in words."""
    return ": ".join(filter(None, (reason, detail.rstrip("."))))


def commonest(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Names with their counts, the largest first; of equal ones in the order of names."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def in_words(by_reason: Mapping[str, int], most: int = 6) -> str:
    """The commonest reasons with their counts, for one line: `12 time not readable, 3 missing model`."""
    ranked = commonest(by_reason)
    told = [f"{n:,} {reason}" for reason, n in ranked[:most]]
    if len(ranked) > most:
        told.append(f"{sum(n for _, n in ranked[most:]):,} for other reasons")
    return ", ".join(told)


@dataclass(frozen=True)
class RejectedFile:
    """A file, or the rest of one, that could not be read."""

    table: str
    source: str
    reason: str
    detail: str


class RejectLog:
    """Counts rejected rows by table and reason; with a folder, writes each to DIR/<table>.jsonl.

    A line there has `source` (file name), `row` (number in the file, from 1), `reason` and `content` (the
    row, masked). Rows that repeat another are found later, when files are no longer told apart: of them
    `source` is what was asked for and `row` is null; of a repeated event id `content` holds that, account and time.
    `dropped` counts values of the small tables that could not be used, by table, column and reason; their rows
    were kept. The folder is made at the first rejected row, and a file of an earlier run is replaced. At most
    `buffer_rows` rows are held in memory.
    """

    def __init__(self, directory: Path | None = None, *, buffer_rows: int = 256) -> None:
        self.directory = directory
        self.counts: Counter[tuple[str, str]] = Counter()
        self.files: list[RejectedFile] = []
        self.dropped: Counter[tuple[str, str, str]] = Counter()
        self._buffer_rows = buffer_rows
        self._pending: dict[str, list[str]] = {}
        self._started: set[str] = set()

    def add(self, table: str, reason: str, source: str, row: int | None, content: object) -> None:
        """Count one row and keep it aside. `content` may be any value, of any type."""
        self.counts[table, reason] += 1
        if self.directory is None:
            return
        line = json.dumps(
            {"source": source, "row": row, "reason": reason, "content": mask(content)}, ensure_ascii=False
        )
        lines = self._pending.setdefault(table, [])
        lines.append(line.translate(_LINE_ENDS))
        if len(lines) >= self._buffer_rows:
            self._write(table)

    def add_many(
        self, table: str, reason: str, source: str, rows: list[int], content: Callable[[int], object]
    ) -> None:
        """Count rows that share a reason; `content(i)`, the i-th of `rows`, is called only if kept aside."""
        if self.directory is None:
            self.counts[table, reason] += len(rows)
            return
        for i, row in enumerate(rows):
            self.add(table, reason, source, row, content(i))

    def count(self, table: str, reason: str, rows: int = 1) -> None:
        """Count rows of which no content can be shown."""
        if rows:
            self.counts[table, reason] += rows

    def file(self, table: str, source: str, reason: str, detail: str = "") -> None:
        """Note a file, or the rest of one, that could not be read. Counts no rows."""
        entry = RejectedFile(table, source, reason, " ".join(str(mask(detail)).split()))
        if entry not in self.files:
            self.files.append(entry)

    def total(self, table: str) -> int:
        """How many rows of a table were rejected so far."""
        return sum(n for (name, _), n in self.counts.items() if name == table)

    def by_reason(self, table: str) -> dict[str, int]:
        """Counts of a table by reason, sorted by reason."""
        return {reason: n for (name, reason), n in sorted(self.counts.items()) if name == table}

    def absorb(self, other: "RejectLog") -> None:
        """Take over what a closed log counted and kept aside; its file is gone afterwards."""
        self.counts.update(other.counts)
        self.dropped.update(other.dropped)
        self.files += [entry for entry in other.files if entry not in self.files]
        if self.directory is None or other.directory is None:
            return
        for table in sorted(other._started):
            self._write(table)
            kept = other.directory / f"{table}.jsonl"
            with kept.open("rb") as lines, self._opened(table) as out:
                shutil.copyfileobj(lines, out.buffer)
            kept.unlink()

    def close(self) -> None:
        """Write what is still held. May be called again."""
        for table in list(self._pending):
            self._write(table)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, table: str) -> None:
        lines = self._pending.pop(table, [])
        if not lines or self.directory is None:
            return
        with self._opened(table) as out:
            out.write("\n".join(lines) + "\n")

    def _opened(self, table: str) -> TextIOWrapper:
        assert self.directory is not None  # nothing is kept aside without one
        self.directory.mkdir(parents=True, exist_ok=True)
        mode: Literal["a", "w"] = "a" if table in self._started else "w"
        self._started.add(table)
        return (self.directory / f"{table}.jsonl").open(mode, encoding="utf-8")
