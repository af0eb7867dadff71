"""Whether what should be random bits is text in disguise: keys, sketches and digests have room for a sentence.

Bits that nobody chose look like draws with equal chances; words do not. Whoever means to hide a code among them can: this
keeps out what is written there in the clear.
"""

import re
from collections.abc import Callable
from itertools import pairwise
from math import sqrt

_DEVIATIONS = 6.5
"""How far beyond chance is refused: about one in a million of those that are what they should be (measured)."""
_CLUSTERED = 1.4
"""Pairs that overlap vary more than single draws do."""
_LETTERS = 6
"""Different ones that a text has at least; fewer are the all zeros and the like of examples."""
_PRINTABLE = re.compile(rb"[\x20-\x7e\t\r\n]")
# What is rare is more skewed: digits have more room.
_CASES: tuple[tuple[Callable[[str], bool], int, float], ...] = (
    (str.islower, 26, _DEVIATIONS),
    (str.isupper, 26, _DEVIATIONS),
    (str.isdigit, 10, 10.0),
)


def _most(share: float, draws: int, deviations: float) -> float:
    return share + deviations * sqrt(share * (1 - share) * _CLUSTERED / draws)


def reads_as_text(coded: str) -> bool:
    """Whether Base64 (of either alphabet, 40 characters or more) has many more neighbours of one case than chance has."""
    if len(set(coded)) < _LETTERS:
        return False
    pairs = len(coded) - 1
    for of_case, letters, deviations in _CASES:
        alike = sum(of_case(one) and of_case(other) for one, other in pairwise(coded))
        if alike / pairs > _most((letters / 64) ** 2, pairs, deviations):
            return True
    return False


def decodes_to_text(data: bytes) -> bool:
    """Whether bytes (16 or more) are printable characters, nearly all of them."""
    return len(set(data)) >= _LETTERS and len(_PRINTABLE.findall(data)) >= 0.95 * len(data)
