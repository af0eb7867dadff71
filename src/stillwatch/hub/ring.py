"""Recent events, formatted once for all streams that may see them."""

import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stillwatch.hub.bounds import CHUNK_BYTES, RING_BYTES, RING_EVENTS, RING_SECONDS
from stillwatch.hub.model import Event

_ERASED = b'event: erased\ndata: {"erased":true}\n'


@dataclass(frozen=True, slots=True)
class Line:
    """An event in the form of the wire (WHATWG HTML, section 9.2), without the empty line that ends it.

    `receipt` is a field that other clients pass over.
    """

    seq: int
    collection: str
    event: bytes
    receipt: bytes
    at: float

    @property
    def size(self) -> int:
        """Its bytes."""
        return len(self.event) + len(self.receipt)


def line_of(event: Event, at: float = 0.0) -> Line:
    """Format an event. JCS has no line breaks, and so each field is one line."""
    data = _ERASED if event.body is None else b"data: %b\n" % event.body
    head = b"id: %d\n%b" % (event.seq, data)
    return Line(event.seq, event.collection, head, b"receipt: %b\n" % event.receipt, at)


def chunk_of(
    lines: Sequence[Line], start: int, wanted: frozenset[str] | None, *, receipts: bool
) -> tuple[bytes, int]:
    """As many lines from `start` as may be written at once, and where the next ones begin; `wanted`: collections, or all."""
    parts: list[bytes] = []
    size = 0
    while start < len(lines) and size < CHUNK_BYTES:
        line = lines[start]
        start += 1
        if wanted is None or line.collection in wanted:
            parts += (line.event, line.receipt, b"\n") if receipts else (line.event, b"\n")
            size += line.size if receipts else len(line.event)
    return b"".join(parts), start


class Ring:
    """Every event that some members may see with `tail` < seq <= `head`; bounded by number, bytes and age."""

    def __init__(self, head: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.tail = self.head = head
        self._clock = clock
        self._lines: list[Line] = []
        self._seqs: list[int] = []
        self._size = 0

    def add(self, events: Sequence[Event], head: int) -> None:
        """Take events after `head`, in order; with them everything up to the new head is known."""
        now = self._clock()
        for event in events:
            line = line_of(event, now)
            self._lines.append(line)
            self._seqs.append(line.seq)
            self._size += line.size
        self.head = head
        gone, size = max(0, len(self._lines) - RING_EVENTS), self._size
        size -= sum(line.size for line in self._lines[:gone])
        while size > RING_BYTES:
            size -= self._lines[gone].size
            gone += 1
        self._drop(gone)

    def expire(self) -> None:
        """Drop what is too old."""
        oldest = self._clock() - RING_SECONDS
        gone = 0
        while gone < len(self._lines) and self._lines[gone].at < oldest:
            gone += 1
        self._drop(gone)

    def forget(self) -> None:
        """Drop everything."""
        self._drop(len(self._lines))
        self.tail = self.head

    def _drop(self, gone: int) -> None:
        if gone:
            self.tail = self._seqs[gone - 1]
            self._size -= sum(line.size for line in self._lines[:gone])
            del self._lines[:gone], self._seqs[:gone]

    def after(self, cursor: int) -> list[Line] | None:
        """Events beyond a cursor; None where some of them are not here any more."""
        if cursor < self.tail:
            return None
        return self._lines[bisect_right(self._seqs, cursor) :]
