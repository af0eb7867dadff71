"""Bodies of requests, inflated within bounds."""

import zlib

import pyarrow as pa

from stillwatch.collector.limits import MAX_GZIP_MEMBERS

ENCODINGS = ("identity", "gzip", "zstd")
_PIECE = 2**20
_GZIP = 16 + zlib.MAX_WBITS


class BadBody(Exception):  # noqa: N818 - a fault of the client's
    """A body that can't be read, with what is wrong."""


class TooLarge(Exception):  # noqa: N818 - a fault of the client's
    """A body that is too large once it is inflated, with what is too much."""


def inflate(data: bytes, encoding: str, limit: int) -> bytes:
    """A body without its Content-Encoding (one of ENCODINGS), of `limit` bytes at most.

    Never makes more than a piece beyond `limit`, whatever the body claims. Raises TooLarge and BadBody.
    """
    if encoding == "gzip":
        return _gunzip(data, limit)
    if encoding == "zstd":
        return _unzstd(data, limit)
    if len(data) > limit:
        raise TooLarge(_beyond(limit))
    return data


def _beyond(limit: int) -> str:
    return f"the body is larger than {limit:,} bytes"


def _gunzip(data: bytes, limit: int) -> bytes:
    out = bytearray()
    for _ in range(MAX_GZIP_MEMBERS):
        member = zlib.decompressobj(wbits=_GZIP)
        try:
            out += member.decompress(data, limit + 1 - len(out))
        except zlib.error:
            raise BadBody("the body is not gzip") from None
        if len(out) > limit:
            raise TooLarge(_beyond(limit))
        if not member.eof:
            raise BadBody("the gzip body breaks off")
        data = member.unused_data
        if not data:
            return bytes(out)
    raise BadBody(f"the gzip body has more than {MAX_GZIP_MEMBERS} members")


def _unzstd(data: bytes, limit: int) -> bytes:
    out = bytearray()
    try:
        with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
            while piece := stream.read(_PIECE):
                out += piece
                if len(out) > limit:
                    raise TooLarge(_beyond(limit))
    except (pa.ArrowException, OSError, ValueError):
        raise BadBody("the body is not zstd, or breaks off") from None
    return bytes(out)
