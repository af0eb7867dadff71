"""The text form of a template signature: what leaves, and nothing beside it."""

import base64
import binascii
import itertools
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

POSITIONS, BITS = 128, 4
"""A sketch has so many places of so many bits (b-bit minwise hashing: Li and Koenig, WWW 2010)."""
BYTES = POSITIONS * BITS // 8
PARTS = ("input", "system")
"""Which text of an exchange a signature is of."""
LEAST_PAIRS = 12
"""Constant pairs of words below which no signature is made: shorter templates can be guessed, and match by chance."""
MOST_EPOCH = 999_999_999
_BUCKETS = (LEAST_PAIRS, 16, 32, 64, 128)
WORDS = (
    *(f"{low}-{high - 1}" for low, high in itertools.pairwise(_BUCKETS)),
    f"{_BUCKETS[-1]}+",
)
"""How many constant pairs the template has, as a range."""
_FORM = re.compile(
    r"stillwatch-template/1 epoch=([1-9][0-9]{0,8}) part=(input|system) words=([0-9]+(?:-[0-9]+|\+))"
    r" sketch=([A-Za-z0-9_-]{86})"
)


def bucket(pairs: int) -> str:
    """The range that a number of constant pairs lies in; ValueError below `LEAST_PAIRS`."""
    if pairs < LEAST_PAIRS:
        raise ValueError(f"{pairs} constant pairs, {LEAST_PAIRS} are the least")
    return WORDS[sum(pairs >= low for low in _BUCKETS) - 1]


@dataclass(frozen=True)
class Signature:
    """A template under the key of an epoch: `sketch` has `BYTES` bytes, the low half of each being the earlier place."""

    epoch: int
    part: str
    words: str
    sketch: bytes

    def __post_init__(self) -> None:
        if not 1 <= self.epoch <= MOST_EPOCH:
            raise ValueError(f"epoch {self.epoch} is not from 1 to {MOST_EPOCH}")
        if self.part not in PARTS:
            raise ValueError(f"part {self.part!r} is none of {', '.join(PARTS)}")
        if self.words not in WORDS:
            raise ValueError(f"words {self.words!r} is none of {', '.join(WORDS)}")
        if len(self.sketch) != BYTES:
            raise ValueError(f"a sketch has {BYTES} bytes, this one has {len(self.sketch)}")

    def __str__(self) -> str:
        sketch = base64.urlsafe_b64encode(self.sketch).rstrip(b"=").decode()
        return f"stillwatch-template/1 epoch={self.epoch} part={self.part} words={self.words} sketch={sketch}"

    @classmethod
    def parse(cls, text: str) -> "Signature":
        """Read the text form; ValueError for anything that `str` would not have written."""
        found = _FORM.fullmatch(text)
        if found is None:
            raise ValueError("not of the form stillwatch-template/1")
        try:
            sketch = base64.b64decode(found[4] + "==", altchars=b"-_", validate=True)
        except binascii.Error:
            raise ValueError("the sketch is not base64url") from None
        signature = cls(int(found[1]), found[2], found[3], sketch)
        # Base64 of 64 bytes has four bits to spare: only zeros there, so that a signature has one spelling.
        if str(signature) != text:
            raise ValueError("the sketch has bits to spare that are not zero")
        return signature

    @property
    def places(self) -> NDArray[np.uint8]:
        """The sketch, a value from 0 to 15 for each place."""
        both = np.frombuffer(self.sketch, np.uint8)
        return np.stack([both & 15, both >> 4], axis=1).ravel()


def packed(places: NDArray[np.uint8]) -> bytes:
    """Values from 0 to 15 of `POSITIONS` places as `BYTES` bytes."""
    return bytes((places[0::2] | places[1::2] << 4).astype(np.uint8))
