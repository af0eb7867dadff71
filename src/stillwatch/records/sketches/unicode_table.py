"""The committed table of character normalisation (scripts/make_unicode_tables.py writes it)."""

import json
import zlib
from functools import cache
from importlib import resources
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Classes of the characters that are left after normalisation.
SEPARATOR, SPACE, LETTER, MARK, DIGIT, SINGLE = range(6)

SCRIPTS = (
    "none",
    "latin",
    "cyrillic",
    "arabic",
    "devanagari",
    "han",
    "kana",
    "hangul",
    "thai",
    "greek",
    "hebrew",
    "other",
)
"""Names of the script codes: `SCRIPTS[code]`. `none`: no letters; `other`: any further script."""

_VERSION = 1


class UnicodeTable(NamedTuple):
    """Two-stage table: `blocks[pages[c >> 7] * 128 + (c & 127)]` is the entry of code point c (see `normalise.py`)."""

    pages: NDArray[np.uint16]
    blocks: NDArray[np.uint32]
    expansions: NDArray[np.uint32]
    version: str

    def assigned(self, char: str) -> bool:
        """Whether the table's version of Unicode knows this code point."""
        code = ord(char)
        if 0xAC00 <= code <= 0xD7A3:
            return True
        return bool(self.blocks[(int(self.pages[code >> 7]) << 7) | (code & 127)] >> 30 & 1)


@cache
def unicode_table() -> UnicodeTable:
    """The table, read once."""
    line, body = resources.files(__package__).joinpath("unicode.bin").read_bytes().split(b"\n", 1)
    header = json.loads(line)
    if header["version"] != _VERSION or header["block"] != 128:
        raise RuntimeError("unicode.bin does not belong to this version of stillwatch: install it again")
    payload = zlib.decompress(body)
    first = header["index"] * 2
    second = first + header["blocks"] * 4
    return UnicodeTable(
        np.frombuffer(payload[:first], dtype="<u2").astype(np.uint16),
        np.frombuffer(payload[first:second], dtype="<u4").astype(np.uint32),
        np.frombuffer(payload[second:], dtype="<u4").astype(np.uint32),
        header["unicode"],
    )
