"""JSON as logs hold it: one value a line, or a document (pretty-printed, an array, or values in a row).

Values are cut out of the stream as bytes, not parsed as a whole, so that a file may be larger than memory and
one broken value does not spoil its neighbours.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from stillwatch.records.rejects import NOT_PARSEABLE, TOO_LONG

# The longest value that is one record. A longer line is damage, and would have to be held whole.
MAX_VALUE_BYTES = 16 * 1024 * 1024
_KEPT_OF_BROKEN = 4096
_PEEK = 1024 * 1024
_SPACE = b" \t\r\n"
_CLOSING = bytes.maketrans(b"{[", b"}]")

_decoder = msgspec.json.Decoder()
_raw_list = msgspec.json.Decoder(list[msgspec.Raw])
# What ends a run of plain bytes: a whole string (escapes included), or one character of structure.
_TOKEN = re.compile(rb'"(?:[^"\\\n]|\\[^\n])*"|["{}\[\],\n]', re.DOTALL)


class BadJson(ValueError):  # noqa: N818 - not an error of the program
    """Bytes that are no JSON value, even read leniently."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a stream: its bytes, or as far as they go (a start, when too long) and why it can't be read.

    `number` is the line, or in a document the place among its values, from 1.
    """

    number: int
    data: bytes
    problem: str | None = None


def decode(data: bytes) -> object:
    """One JSON value, read leniently: NaN, Infinity, lone surrogates and invalid UTF-8 pass.

    RFC 8259 leaves these to the reader (sections 6, 8.1 and 8.2). Raises BadJson for anything else that is
    not JSON.
    """
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        pass
    try:
        return json.loads(data.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError) as error:
        raise BadJson(str(error)) from None


def last_element(data: bytes, nesting: bytes) -> tuple[bytes, bytes] | None:
    """A value that breaks off, up to the last whole element that lies inside `nesting`, and the rest.

    `nesting` names the brackets around an element, such as `{[`. The first part has its brackets closed, so that it
    parses where what it holds does. None when there is no such element, or the value does not break off.
    """
    open_brackets = bytearray()
    end = -1
    for match in _TOKEN.finditer(data):
        token = match.group()
        if token in (b"{", b"["):
            open_brackets += token
        elif token in (b"}", b"]"):
            if not open_brackets:
                return None
            del open_brackets[-1:]
            if open_brackets == nesting:
                end = match.end()
    if not open_brackets or end < 0:
        return None
    closed = nesting[::-1].translate(_CLOSING)
    return data[:end] + closed, data[end:]


class _Buffer:
    """A window on a stream of chunks."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self.data = bytearray()
        self.ended = False

    def more(self) -> bool:
        """Take in another chunk; False at the end of the stream."""
        for chunk in self._chunks:
            if chunk:
                self.data += chunk
                return True
        self.ended = True
        return False

    def fill(self, size: int) -> None:
        while len(self.data) < size and self.more():
            pass


def split_values(chunks: Iterator[bytes], limit: int = MAX_VALUE_BYTES) -> Iterator[Value]:
    """Cut a stream into JSON values of at most `limit` bytes each; an array at the top gives its elements.

    Whether a file is lines or a document is told by its first lines. Lines may be dressed as an array, with
    brackets on lines of their own and commas at the ends. Holds at most about `limit` bytes.
    """
    buffer = _Buffer(chunks)
    buffer.fill(len(b"\xef\xbb\xbf"))
    if buffer.data.startswith(b"\xef\xbb\xbf"):
        del buffer.data[:3]
    if _is_lines(buffer, limit):
        return _lines(buffer, limit)
    return _document(buffer, limit)


def _complete(line: bytes) -> bool:
    """Whether a line is an object or array by itself."""
    if line[:1] not in (b"{", b"["):
        return False
    try:
        return isinstance(decode(line), dict | list)
    except BadJson:
        return False


def _undressed(line: bytes) -> bytes:
    return line.strip(_SPACE).removesuffix(b",").rstrip(_SPACE)


def _is_lines(buffer: _Buffer, limit: int) -> bool:
    """Whether some early line holds a value by itself, the first one above all."""
    buffer.fill(_PEEK)
    start = 0
    while start < _PEEK:
        end = buffer.data.find(b"\n", start)
        while end < 0 and len(buffer.data) - start <= limit and buffer.more():
            end = buffer.data.find(b"\n", start)
        if end < 0 and not buffer.ended:
            return False  # a value longer than any line
        line = bytes(buffer.data[start : end if end >= 0 else len(buffer.data)])
        # A line that begins with space is a part of something larger, complete or not.
        if line[:1] not in (b" ", b"\t") and _complete(_undressed(line)):
            return not (end < 0 and start == 0 and line.lstrip(_SPACE)[:1] == b"[")
        if end < 0:
            break
        start = end + 1
    first = bytes(buffer.data[:_PEEK]).lstrip(_SPACE)[:1]
    return first not in (b"{", b"[")


def _lines(buffer: _Buffer, limit: int) -> Iterator[Value]:
    number, start = 0, 0
    while True:
        end = buffer.data.find(b"\n", start)
        if end < 0:
            del buffer.data[:start]
            start = 0
            if len(buffer.data) > limit:
                number += 1
                yield Value(number, bytes(buffer.data[:_KEPT_OF_BROKEN]), TOO_LONG)
                if not _skip_line(buffer):
                    return
                continue
            known = len(buffer.data)
            if not buffer.more():
                last = _undressed(bytes(buffer.data))
                if last not in (b"", b"[", b"]"):
                    yield Value(number + 1, last)
                return
            # Look only at what is new, or a long line would be searched again for every chunk of it.
            if buffer.data.find(b"\n", known) < 0:
                continue
            end = buffer.data.find(b"\n", known)
        line = bytes(buffer.data[start:end])
        start = end + 1
        number += 1
        if len(line) > limit:
            yield Value(number, line[:_KEPT_OF_BROKEN], TOO_LONG)
            continue
        line = _undressed(line)
        if line not in (b"", b"[", b"]"):
            yield Value(number, line)


def _skip_line(buffer: _Buffer) -> bool:
    """Drop everything up to the next line; False when there is none."""
    while True:
        end = buffer.data.find(b"\n")
        if end >= 0:
            del buffer.data[: end + 1]
            return True
        buffer.data.clear()
        if not buffer.more():
            return False


def _document(buffer: _Buffer, limit: int) -> Iterator[Value]:
    buffer.fill(limit + 1)
    if buffer.ended or len(buffer.data) <= limit:
        whole = bytes(buffer.data).strip(_SPACE)
        if whole[:1] == b"[":
            try:
                elements = _raw_list.decode(whole)
            except (msgspec.DecodeError, UnicodeError, RecursionError):
                elements = None
            if elements is not None:
                buffer.data.clear()
                for number, element in enumerate(elements, 1):
                    yield Value(number, bytes(element))
                return
        elif _complete(whole):
            buffer.data.clear()
            yield Value(1, whole)
            return
    yield from _scan(buffer, limit)


def _scan(buffer: _Buffer, limit: int) -> Iterator[Value]:
    """Cut by counting brackets. After a value that breaks off inside a string, go on at the next line."""
    number, depth, begin, at = 0, 0, -1, 0
    top: int | None = None  # depth of the elements: 1 inside a top-level array, else 0
    while True:
        match = _TOKEN.search(buffer.data, at)
        if match is None or (match.group() == b'"' and buffer.data.find(b"\n", match.start()) < 0):
            # Nothing more here, or a string whose end is yet to come.
            keep = begin if begin >= 0 else (match.start() if match else len(buffer.data))
            at = (match.start() if match else len(buffer.data)) - keep
            del buffer.data[:keep]
            begin = 0 if begin >= 0 else -1
            oversize = begin >= 0 and len(buffer.data) > limit
            if oversize or not buffer.more():
                if begin >= 0:
                    number += 1
                    if oversize:
                        yield Value(number, bytes(buffer.data[:_KEPT_OF_BROKEN]), TOO_LONG)
                    else:
                        yield Value(number, bytes(buffer.data), NOT_PARSEABLE)
                if not oversize or not _skip_line(buffer):
                    return
                depth, begin, at = top or 0, -1, 0
            continue
        token, at = match.group(), match.end()
        if token == b'"':
            # A line break inside a string: the value was cut off here.
            if begin >= 0:
                number += 1
                yield Value(number, bytes(buffer.data[begin : match.start()]), NOT_PARSEABLE)
            at = buffer.data.find(b"\n", match.start()) + 1
            depth, begin = top or 0, -1
        elif token in (b"{", b"["):
            if top is None:
                top = 1 if token == b"[" else 0
                if top:
                    depth = 1
                    continue
            if depth == top and begin < 0:
                begin = match.start()
            depth += 1
        elif token in (b"}", b"]"):
            depth -= 1
            if begin >= 0 and depth <= top if top is not None else False:
                number += 1
                yield Value(number, bytes(buffer.data[begin:at]))
                begin, depth = -1, top or 0
            elif depth < 0 or (top == 1 and depth < 1):
                depth, top = 0, None  # the array is over; another value may follow
        if begin >= 0 and at - begin > limit:
            number += 1
            yield Value(number, bytes(buffer.data[begin : begin + _KEPT_OF_BROKEN]), TOO_LONG)
            del buffer.data[:at]
            if not _skip_line(buffer):
                return
            depth, begin, at = top or 0, -1, 0
        elif begin < 0 and at > _PEEK:
            del buffer.data[:at]
            at = 0
