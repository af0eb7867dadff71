"""Columns of text made without a Python loop over rows: vocabularies, frames with slots, digests, addresses."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.drill.randomness import U64, Arr, mix

TEXT = pa.large_string()
_HEX = np.frombuffer("".join(f"{i:02x}" for i in range(256)).encode(), dtype=np.uint8).reshape(256, 2)
_SLOT = re.compile(r"\{(\w+)\}")


def column(values: Sequence[str | None]) -> pa.Array:
    """An Arrow column of text."""
    return pa.array(values, TEXT)


def take(vocabulary: pa.Array, index: Arr) -> pa.Array:
    """`vocabulary[index]`; index -1 gives null."""
    index = np.asarray(index)
    if (index < 0).any():
        return vocabulary.take(pa.array(index, mask=index < 0))
    return vocabulary.take(pa.array(index))


def join(*parts: pa.Array | str) -> pa.Array:
    """Rows of `parts` written one after the other, with nothing between."""
    ready = [pa.scalar(p, TEXT) if isinstance(p, str) else p for p in parts]
    return pc.binary_join_element_wise(*ready, pa.scalar("", TEXT))


def nothing(n: int) -> pa.Array:
    """`n` nulls."""
    return pa.nulls(n, TEXT)


def scatter(pieces: Sequence[tuple[Arr, pa.Array]], n: int) -> pa.Array:
    """One column of `n` rows from pieces, each (row numbers, their values); the row numbers cover 0..n-1."""
    if not pieces:
        return nothing(n)
    order = np.empty(n, np.int64)
    at = np.concatenate([rows for rows, _ in pieces])
    order[at] = np.arange(n)
    return pa.concat_arrays([values.cast(TEXT) for _, values in pieces]).take(pa.array(order))


def choose(mask: Arr, yes: pa.Array, no: pa.Array) -> pa.Array:
    """`yes` where `mask`, else `no`."""
    return pc.if_else(pa.array(mask), yes, no)


@dataclass(frozen=True)
class Frames:
    """Sentences with slots, such as "Explain {aspect} of {topic}.", compiled for whole columns."""

    parts: tuple[tuple[str, ...], ...]  # literal, slot, literal, slot, ..., literal

    @classmethod
    def compile(cls, sentences: Sequence[str]) -> "Frames":
        """From sentences whose slots are written {name}."""
        return cls(tuple(tuple(_SLOT.split(s)) for s in sentences))

    def __len__(self) -> int:
        return len(self.parts)

    def render(self, frame: Arr, slots: Mapping[str, pa.Array]) -> pa.Array:
        """One text a row: sentence number `frame[i]` with row i of each slot; `slots` holds whole columns."""
        n = len(frame)
        pieces = []
        order = np.argsort(frame, kind="stable")
        bounds = np.searchsorted(frame[order], np.arange(len(self.parts) + 1))
        for f, part in enumerate(self.parts):
            rows = order[bounds[f] : bounds[f + 1]]
            if not len(rows):
                continue
            if len(part) == 1:
                pieces.append((rows, pa.repeat(pa.scalar(part[0], TEXT), len(rows))))
                continue
            at = pa.array(rows)
            filled = [p if i % 2 == 0 else slots[p].take(at) for i, p in enumerate(part) if i % 2 or p]
            pieces.append((rows, join(*filled)))
        return scatter(pieces, n)


def hex_digests(numbers: Arr, secret: np.uint64, digits: int = 32) -> pa.Array:
    """Keyed digests as lower-case hexadecimal, `digits` (8 to 32) long: equal numbers give equal digests."""
    words = [mix(mix(numbers, secret), 0x51ED + i) for i in range((digits + 15) // 16)]
    return _hex(np.stack(words, axis=1), digits)


def _hex(words: U64, digits: int) -> pa.Array:
    n = len(words)
    raw = np.ascontiguousarray(words.astype(">u8")).view(np.uint8).reshape(n, -1)[:, : digits // 2]
    text = np.ascontiguousarray(_HEX[raw].reshape(n, digits))
    offsets = np.arange(n + 1, dtype=np.int64) * digits
    return pa.Array.from_buffers(TEXT, n, [None, pa.py_buffer(offsets), pa.py_buffer(text)])


_OCTETS = column([str(i) for i in range(256)])


def addresses(codes: U64) -> pa.Array:
    """Internet addresses from codes: below 2**32 IPv4; above, IPv6 under 2a00::/12 with the code's bits."""
    v4 = codes < np.uint64(1 << 32)
    low = codes.astype(np.uint32)
    four = [take(_OCTETS, ((low >> np.uint32(s)) & np.uint32(255)).astype(np.int64)) for s in (24, 16, 8, 0)]
    out = join(four[0], ".", four[1], ".", four[2], ".", four[3])
    if v4.all():
        return out
    rows = np.flatnonzero(~v4)
    more = codes[rows]
    h = _hex(more[:, None], 16)
    tail = _hex(mix(more)[:, None], 16)
    cut = [pc.utf8_slice_codeunits(h, i, i + 4) for i in (4, 8, 12)] + [
        pc.utf8_slice_codeunits(tail, i, i + 4) for i in (0, 4, 8, 12)
    ]
    strip = [pc.replace_substring_regex(c, "^0{1,3}", "") for c in cut]
    six = join("2a0", pc.utf8_slice_codeunits(h, 3, 4), *[x for c in strip for x in (":", c)])
    return scatter([(np.flatnonzero(v4), out.filter(pa.array(v4))), (rows, six)], len(codes))
