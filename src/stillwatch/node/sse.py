"""Server-sent events, read as the WHATWG HTML standard says (section 9.2.6, interpreting an event stream).

One thing is added: fields that the standard has readers ignore are kept, since a hub tells receipts in one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from stillwatch.records.errors import InputError

MOST_LINE = 8 << 20
"""Bytes of one line, and of the data of one event: the largest object with its receipt, and far from all memory."""


@dataclass(frozen=True)
class Event:
    """One event: its id as the stream gave it last, its name, its data, and fields that the standard does not know."""

    id: str
    name: str
    data: str
    more: dict[str, str] = field(default_factory=dict)


class Reader:
    """Takes the stream in pieces of any size, and gives the events that are whole."""

    def __init__(self) -> None:
        self._rest = b""
        self._begun = False
        self._id = self._name = ""
        self._data: list[str] = []
        self._more: dict[str, str] = {}
        self._size = 0
        self.retry_s: float | None = None
        """How long to wait before a new connection, where the stream has said so."""

    def feed(self, piece: bytes) -> Iterator[Event]:
        """The events that end in this piece. Raises InputError for one that is too long."""
        held = self._rest + piece
        # A carriage return at the end may be the first half of a line's end.
        waiting = held.endswith(b"\r")
        lines = (held[:-1] if waiting else held).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop() + (b"\r" if waiting else b"")
        if len(self._rest) > MOST_LINE:
            raise InputError("a line of the stream is too long", mend="ask the forum what its hub sends")
        for line in lines:
            event = self._line(line.decode("utf-8", "replace"))
            if event is not None:
                yield event

    def _line(self, line: str) -> Event | None:
        if not self._begun:
            self._begun = True
            line = line.removeprefix("\ufeff")
        if not line:
            return self._dispatch()
        name, colon, value = line.partition(":")
        value = value.removeprefix(" ") if colon else ""
        if name == "data":
            self._grow(name, value)
            self._data.append(value)
        elif name == "event":
            self._name = value
        elif name == "id":
            if "\0" not in value:
                self._id = value
        elif name == "retry":
            if value.isascii() and value.isdecimal() and len(value) < 9:
                self.retry_s = int(value) / 1000
        elif name:
            self._grow(name, value)
            self._more[name] = value
        return None

    def _grow(self, *texts: str) -> None:
        self._size += sum(map(len, texts))
        if self._size > MOST_LINE:
            raise InputError("an event of the stream is too large", mend="ask the forum what its hub sends")

    def _dispatch(self) -> Event | None:
        data, name, more = self._data, self._name, self._more
        self._data, self._name, self._more, self._size = [], "", {}, 0
        return Event(self._id, name or "message", "\n".join(data), more) if data else None


def events(pieces: Iterable[bytes]) -> Iterator[Event]:
    """All events of a stream."""
    reader = Reader()
    for piece in pieces:
        yield from reader.feed(piece)
