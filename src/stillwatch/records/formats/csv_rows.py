"""CSV as a stream of rows, one damaged row kept apart from the rest (RFC 4180)."""

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stillwatch.records.rejects import NOT_PARSEABLE, TOO_LONG

# A quoted field may span lines. When a quote is never closed, the reader runs on; it is called back after
# this many characters, the first line is rejected, and reading goes on at the second.
MAX_ROW_CHARACTERS = 1024 * 1024
_KEPT_OF_BROKEN = 4096
_DELIMITERS = (",", "\t", ";", "|")


@dataclass(frozen=True, slots=True)
class CsvRow:
    """One row: its values, or its text and why it can't be read. `number`: its first line, from 1."""

    number: int
    values: Sequence[str]
    text: str = ""
    problem: str | None = None


class _Lines:
    """Lines of text of which the reader can give back those it should not have taken."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._source = _text_lines(chunks)
        self._returned: deque[str] = deque()
        self.taken: list[str] = []
        self.size = 0
        self.number = 0
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.size > MAX_ROW_CHARACTERS:
            raise StopIteration
        line = self._returned.popleft() if self._returned else next(self._source, None)
        if line is None:
            self.ended = True
            raise StopIteration
        self.taken.append(line)
        self.size += len(line)
        self.number += 1
        return line

    def give_back_all_but_first(self) -> str:
        first, *rest = self.taken
        self._returned.extendleft(reversed(rest))
        self.ended = False
        self.number -= len(rest)
        return first

    @property
    def quote_is_open(self) -> bool:
        """Whether the file ended inside a quoted field."""
        return self.ended and sum(line.count('"') for line in self.taken) % 2 == 1

    def begin_row(self) -> None:
        self.taken.clear()
        self.size = 0


def _text_lines(chunks: Iterator[bytes]) -> Iterator[str]:
    """Lines with their ends; invalid UTF-8 as U+FFFD. A line beyond all measure is cut into pieces."""
    rest = bytearray()
    first = True
    for chunk in chunks:
        searched = len(rest)
        rest += chunk
        if first and len(rest) >= 3:
            first = False
            if rest.startswith(b"\xef\xbb\xbf"):
                del rest[:3]
                searched = 0
        end = rest.rfind(b"\n", searched) + 1
        if end == 0 and len(rest) > 4 * MAX_ROW_CHARACTERS:
            end = len(rest)
        if end:
            yield from _split(bytes(rest[:end]))
            del rest[:end]
    yield from _split(bytes(rest))


def _split(data: bytes) -> Iterator[str]:
    *whole, rest = data.split(b"\n")
    for line in whole:
        yield line.decode("utf-8", "replace") + "\n"
    if rest:
        yield rest.decode("utf-8", "replace")


def delimiter_of(header: str) -> str:
    """The delimiter that cuts the header into most pieces; a comma when none does."""
    return max(_DELIMITERS, key=lambda mark: (header.count(mark), mark == ","))


def csv_rows(chunks: Iterator[bytes]) -> Iterator[CsvRow]:
    """The header (number 1) and then each row of a stream of CSV.

    A row with another number of fields than the header is given with `problem`; when it had swallowed several
    lines, only its first line is lost and the others are read again.
    """
    lines = _Lines(chunks)
    header_line = next(lines, None)
    if header_line is None:
        return
    delimiter = delimiter_of(header_line)
    try:
        header = next(csv.reader([header_line], delimiter=delimiter), [])
    except csv.Error:
        header = header_line.strip().split(delimiter)
    yield CsvRow(1, [name.strip() for name in header])
    width = len(header)
    # The field limit belongs to the whole process; it only ever needs to be at least ours.
    csv.field_size_limit(max(csv.field_size_limit(), 8 * MAX_ROW_CHARACTERS))
    while True:
        lines.begin_row()
        reader = csv.reader(lines, delimiter=delimiter)
        try:
            for values in reader:
                if not values and lines.size <= MAX_ROW_CHARACTERS:
                    lines.begin_row()
                    continue
                if len(values) != width:
                    raise csv.Error("another number of fields")
                if lines.size > MAX_ROW_CHARACTERS or lines.quote_is_open:
                    raise csv.Error("a quoted field that does not end")
                yield CsvRow(lines.number - len(lines.taken) + 1, values)
                lines.begin_row()
            if not lines.taken:
                return
        except csv.Error:
            if not lines.taken:
                return
        number = lines.number - len(lines.taken) + 1
        problem = TOO_LONG if len(lines.taken[0]) > MAX_ROW_CHARACTERS else NOT_PARSEABLE
        first = lines.give_back_all_but_first()
        yield CsvRow(number, (), first[:_KEPT_OF_BROKEN].rstrip("\r\n"), problem)
