"""Inflating: what was sent comes out, and a bomb does not."""

import gzip
import tracemalloc
import zlib

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.collector.bodies import BadBody, TooLarge, inflate
from stillwatch.collector.limits import MAX_GZIP_MEMBERS

BOMB = 512 * 2**20


def zstd(data: bytes) -> bytes:
    return pa.compress(data, "zstd", asbytes=True)


def bomb(encoding: str) -> bytes:
    """Half a gigabyte of zeros, in half a megabyte or less."""
    if encoding == "zstd":
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, "zstd") as out:
            for _ in range(BOMB >> 20):
                out.write(bytes(2**20))
        return sink.getvalue().to_pybytes()
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(bytes(2**20)) for _ in range(BOMB >> 20)) + packer.flush()


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5))
def test_what_was_sent_comes_out(parts):
    data = b"".join(parts)
    assert inflate(data, "identity", 2000) == data
    assert inflate(zstd(data), "zstd", 2000) == data
    assert inflate(b"".join(map(gzip.compress, parts)), "gzip", 2000) == data


@given(st.binary(min_size=1, max_size=500), st.integers(-2, 2))
def test_the_limit_is_exact(data, more):
    limit = max(0, len(data) + more)
    for encoding, packed in (("identity", data), ("gzip", gzip.compress(data)), ("zstd", zstd(data))):
        if len(data) <= limit:
            assert inflate(packed, encoding, limit) == data
        else:
            with pytest.raises(TooLarge, match=f"larger than {limit:,} bytes"):
                inflate(packed, encoding, limit)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_bomb_is_never_inflated(encoding):
    packed = bomb(encoding)
    assert len(packed) < 2**20
    arrow = pa.total_allocated_bytes()
    tracemalloc.start()
    with pytest.raises(TooLarge):
        inflate(packed, encoding, 2**20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 * 2**20
    assert pa.total_allocated_bytes() - arrow < 2**20


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
@given(data=st.binary(min_size=20, max_size=300), cut=st.integers(1, 8))
def test_what_breaks_off_is_told(encoding, data, cut):
    packed = gzip.compress(data) if encoding == "gzip" else zstd(data)
    with pytest.raises(BadBody, match="breaks off"):
        inflate(packed[:-cut], encoding, 10_000)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_something_else_is_told(encoding):
    with pytest.raises(BadBody, match=f"not {encoding}"):
        inflate(b'{"resourceSpans": []}', encoding, 10_000)


def test_a_body_of_very_many_members_is_refused():
    assert inflate(gzip.compress(b"") * MAX_GZIP_MEMBERS, "gzip", 10) == b""
    with pytest.raises(BadBody, match="more than 64 members"):
        inflate(gzip.compress(b"") * (MAX_GZIP_MEMBERS + 1), "gzip", 10)
