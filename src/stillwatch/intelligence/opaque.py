"""Whether what should be random bits is text in disguise: keys, sketches and digests have room for a sentence.

Bits that nobody chose look like draws with equal chances; words do not. Whoever means to hide a code among them can: this
keeps out what is written there in the clear.
"""

import base64
import re
import string
from math import sqrt

_DEVIATIONS = 6.5
"""How far beyond chance is refused: about one in a million of those that are what they should be (measured)."""
_CLUSTERED = 1.4
"""Pairs that overlap vary more than single draws do."""
_WORDY = (string.ascii_letters + string.digits + " ").encode()
_LONG, _SIGNS = 16, 2
"""From so many bytes on printable ones are no chance; of fewer so many may be other signs."""
_BEGINS = re.compile("(?:[2-7][0-9a-f]|0[9ad]){6}")
_URL_SAFE = frozenset("-_")
_PARTING = str.maketrans("", "", "-_+/")
_LETTERS = 6
"""Different ones that a text has at least; fewer are the all zeros and the like of examples."""
_PRINTABLE = bytes(range(0x20, 0x7F)) + b"\t\r\n"
# What is rare is more skewed: digits have more room.
_CASES = tuple(
    (bytes(sign if sign in signs else 0x20 for sign in range(256)), len(signs), deviations)
    for signs, deviations in (
        (string.ascii_lowercase.encode(), _DEVIATIONS),
        (string.ascii_uppercase.encode(), _DEVIATIONS),
        (string.digits.encode(), 10.0),
    )
)
"""What leaves nothing but signs of one case, how many signs that case has, and how far beyond chance is refused."""


def _most(share: float, draws: int, deviations: float) -> float:
    return share + deviations * sqrt(share * (1 - share) * _CLUSTERED / draws)


def reads_as_text(coded: str) -> bool:
    """Whether Base64 (of either alphabet, 40 characters or more, without padding) has many more neighbours of one case, or
    signs that part words, than chance has, or is that of printable characters.
    """
    if len(set(coded)) < _LETTERS:
        return False
    if decodes_to_text(
        base64.b64decode(coded + "=" * (-len(coded) % 4), b"-_" if _URL_SAFE & set(coded) else None)
    ):
        return True
    parted = len(coded) - len(coded.translate(_PARTING))
    if parted / len(coded) > _most(2 / 64, len(coded), _DEVIATIONS):
        return True
    pairs, signs = len(coded) - 1, coded.encode()
    for of_case, letters, deviations in _CASES:
        runs = signs.translate(of_case).split()
        alike = sum(map(len, runs)) - len(runs)
        if alike / pairs > _most((letters / 64) ** 2, pairs, deviations):
            return True
    return False


def decodes_to_text(data: bytes) -> bool:
    """Whether bytes are printable characters, nearly all of them; of fewer than 16 also letters, digits and spaces, but for
    two at most: one in five million ids that nobody chose is taken for words.
    """
    if len(set(data)) < _LETTERS or len(data.translate(None, _PRINTABLE)) > 0.05 * len(data):
        return False
    return len(data) >= _LONG or len(data.translate(None, _WORDY)) <= _SIGNS


def id_reads_as_text(stix_id: str) -> bool:
    """Whether the UUID of an id is printable characters, but for the byte that its form sets."""
    digits = stix_id.replace("-", "")[-32:]
    if _BEGINS.match(digits) is None:
        return False  # three in a thousand of random ones are looked at further
    data = bytes.fromhex(digits)
    return decodes_to_text(data[:8] + data[9:])
