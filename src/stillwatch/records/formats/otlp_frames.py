"""OTLP protobuf files cut into pieces that can be parsed one at a time.

Three framings are met in the field: one TracesData or ExportTraceServiceRequest message (also several put
end to end, which protobuf reads as one); messages each preceded by their length as a varint; and the
OpenTelemetry Collector's file exporter, which puts a length of four bytes, big-endian, before each message
and compresses each by itself when told to (opentelemetry-collector-contrib, exporter/fileexporter, README).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from stillwatch.records.rejects import NOT_PARSEABLE, TOO_LONG

# One message or one ResourceSpans in it. The collector's default for a gRPC message is 4 MiB.
MAX_FRAME_BYTES = 256 * 1024 * 1024
_RESOURCE_SPANS_TAG = 0x0A  # field 1, length-delimited
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True, slots=True)
class Frame:
    """One message: a whole TracesData, or one ResourceSpans of it when `bare`; or as far as it goes, and its problem."""

    number: int
    data: bytes
    bare: bool = False
    problem: str | None = None


class _Reader:
    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self.data = bytearray()

    def ensure(self, size: int) -> bool:
        """Whether `size` bytes are there."""
        while len(self.data) < size:
            chunk = next(self._chunks, None)
            if chunk is None:
                return False
            self.data += chunk
        return True

    def take(self, size: int) -> bytes:
        taken = bytes(self.data[:size])
        del self.data[:size]
        return taken

    def skip(self, size: int) -> bool:
        while size > len(self.data):
            size -= len(self.data)
            self.data.clear()
            if not self.ensure(1):
                return False
        del self.data[:size]
        return True

    def varint(self, at: int) -> tuple[int, int] | None:
        """Value and length of the varint at `at`; None when there is none."""
        value = 0
        for i in range(10):
            if not self.ensure(at + i + 1):
                return None
            byte = self.data[at + i]
            value |= (byte & 0x7F) << (7 * i)
            if byte < 0x80:
                return value, i + 1
        return None


def has_length_prefix(head: bytes) -> bool:
    """Whether a file begins as the collector's length-prefixed messages do: protobuf, JSON or zstd after a length.

    For files whose name says otherwise; a stray zero byte before text is no such beginning.
    """
    if len(head) < 8 or head[0] != 0:
        return False
    size = struct.unpack_from(">I", head)[0]
    return 8 < size <= MAX_FRAME_BYTES and (head[4:8] == _ZSTD_MAGIC or head[4:6] == b'{"' or head[4] == 0x0A)


def otlp_frames(chunks: Iterator[bytes]) -> Iterator[Frame]:
    """Cut a stream into frames; holds one at a time. Whatever comes after damage to the framing is lost."""
    reader = _Reader(chunks)
    if not reader.ensure(1):
        return
    if reader.data[0] == _RESOURCE_SPANS_TAG:
        yield from _fields(reader)
    elif reader.data[0] == 0:
        yield from _fixed(reader)
    else:
        yield from _delimited(reader)


def _message(reader: _Reader, number: int, header: int, size: int, *, bare: bool) -> Frame:
    """The message of `size` bytes that follows `header` bytes of framing."""
    if size > MAX_FRAME_BYTES:
        start = bytes(reader.data[:64])
        reader.skip(header + size)
        return Frame(number, start, problem=TOO_LONG)
    if not reader.ensure(header + size):
        reader.take(header)
        return Frame(number, reader.take(len(reader.data)), bare=bare, problem=NOT_PARSEABLE)
    reader.take(header)
    return Frame(number, reader.take(size), bare=bare)


def _fields(reader: _Reader) -> Iterator[Frame]:
    number = 0
    while reader.ensure(1):
        number += 1
        length = reader.varint(1) if reader.data[0] == _RESOURCE_SPANS_TAG else None
        if length is None:
            yield Frame(number, reader.take(64), problem=NOT_PARSEABLE)
            return
        yield _message(reader, number, 1 + length[1], length[0], bare=True)


def _delimited(reader: _Reader) -> Iterator[Frame]:
    number = 0
    while reader.ensure(1):
        number += 1
        length = reader.varint(0)
        if length is None:
            yield Frame(number, reader.take(64), problem=NOT_PARSEABLE)
            return
        yield _message(reader, number, length[1], length[0], bare=False)


def _fixed(reader: _Reader) -> Iterator[Frame]:
    number = 0
    while reader.ensure(1):
        number += 1
        if not reader.ensure(4):
            yield Frame(number, reader.take(4), problem=NOT_PARSEABLE)
            return
        frame = _message(reader, number, 4, struct.unpack_from(">I", reader.data)[0], bare=False)
        if frame.data.startswith(_ZSTD_MAGIC) and frame.problem is None:
            frame = _decompressed(frame)
        yield frame


def _decompressed(frame: Frame) -> Frame:
    try:
        with pa.CompressedInputStream(pa.BufferReader(frame.data), "zstd") as stream:
            data = stream.read(MAX_FRAME_BYTES + 1)
    except (pa.ArrowException, OSError):
        return Frame(frame.number, frame.data[:64], problem=NOT_PARSEABLE)
    if len(data) > MAX_FRAME_BYTES:
        return Frame(frame.number, frame.data[:64], problem=TOO_LONG)
    return Frame(frame.number, data)


def wire_fields(data: bytes) -> Iterator[tuple[int, bytes, bool]]:
    """Number and bytes of each length-delimited field of a protobuf message, up to the first damage; whether whole.

    Only the last one may be cut short. Other fields are passed over (protobuf encoding guide, "Message structure").
    """
    reader = _Reader(iter(()))
    reader.data += data
    at = 0
    while at < len(data):
        tag = reader.varint(at)
        if tag is None:
            return
        number, kind = tag[0] >> 3, tag[0] & 7
        at += tag[1]
        if kind == 2:
            length = reader.varint(at)
            if length is None:
                return
            at += length[1]
            whole = at + length[0] <= len(data)
            yield number, data[at : at + length[0]], whole
            if not whole:
                return
            at += length[0]
        elif kind == 0:
            value = reader.varint(at)
            if value is None:
                return
            at += value[1]
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            return
