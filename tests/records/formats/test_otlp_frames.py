"""OTLP protobuf is cut into messages in each framing that is met."""

import struct

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, TracesData

from stillwatch.records.formats import otlp_frames as module
from stillwatch.records.formats.otlp_frames import otlp_frames, wire_fields
from stillwatch.records.rejects import NOT_PARSEABLE, TOO_LONG


def message(*names: str) -> bytes:
    data = TracesData()
    for name in names:
        data.resource_spans.add().scope_spans.add().spans.add(name=name)
    return data.SerializeToString()


def varint(value: int) -> bytes:
    return bytes([value & 0x7F | 0x80, value >> 7]) if value > 127 else bytes([value])


def names_of(data: bytes, size: int = 5) -> list[str]:
    found = []
    for frame in otlp_frames(data[i : i + size] for i in range(0, len(data), size)):
        assert frame.problem is None
        spans = (
            [ResourceSpans.FromString(frame.data)]
            if frame.bare
            else TracesData.FromString(frame.data).resource_spans
        )
        found += [span.name for about in spans for scope in about.scope_spans for span in scope.spans]
    return found


def test_the_framings() -> None:
    one, two = message("a", "b" * 200), message("c")
    assert names_of(one) == ["a", "b" * 200]
    assert names_of(one + two) == ["a", "b" * 200, "c"]
    assert names_of(varint(len(one)) + one + varint(len(two)) + two) == ["a", "b" * 200, "c"]
    assert names_of(struct.pack(">I", len(one)) + one + struct.pack(">I", len(two)) + two) == [
        "a",
        "b" * 200,
        "c",
    ]
    packed = pa.compress(one, "zstd", asbytes=True)
    assert names_of(struct.pack(">I", len(packed)) + packed) == ["a", "b" * 200]


def test_a_cut_file_gives_what_is_whole() -> None:
    one = message("a")
    framed = struct.pack(">I", len(one)) + one
    frames = list(otlp_frames(iter([framed + framed[:-3]])))
    assert [frame.problem for frame in frames] == [None, NOT_PARSEABLE]


def test_a_message_that_is_too_long_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FRAME_BYTES", 100)
    long, short = message("x" * 500), message("a")
    frames = list(otlp_frames(iter([struct.pack(">I", len(m)) + m for m in (long, short)])))
    assert [frame.problem for frame in frames] == [TOO_LONG, None]


@settings(max_examples=300)
@given(st.binary(max_size=120), st.integers(1, 40))
def test_no_bytes_make_it_fail(data: bytes, size: int) -> None:
    frames = list(otlp_frames(data[i : i + size] for i in range(0, len(data), size)))
    assert len(frames) <= len(data)
    list(wire_fields(data))


def test_fields_of_a_message_tell_whether_they_are_whole() -> None:
    one = message("a", "b")
    whole = list(wire_fields(one))
    assert [field[2] for field in whole] == [True, True]
    assert list(wire_fields(one[:-1])) == [whole[0], (1, whole[1][1][:-1], False)]
