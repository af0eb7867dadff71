"""Template signatures: what is constant in a campaign's texts, as a sketch that other providers can match.

Their form and what they reveal: docs/reference/signatures.md.
"""

from stillwatch.records.signatures.file import EpochKey, Shared, SharedFile, read_epoch_key, read_signatures
from stillwatch.records.signatures.form import BITS, LEAST_PAIRS, PARTS, POSITIONS, Signature
from stillwatch.records.signatures.making import ACCOUNTS, Made, make, make_several
from stillwatch.records.signatures.matching import AGREE, Matcher

__all__ = [
    "ACCOUNTS",
    "AGREE",
    "BITS",
    "LEAST_PAIRS",
    "PARTS",
    "POSITIONS",
    "EpochKey",
    "Made",
    "Matcher",
    "Shared",
    "SharedFile",
    "Signature",
    "make",
    "make_several",
    "read_epoch_key",
    "read_signatures",
]
