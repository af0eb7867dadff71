"""Masks secrets in rows that are kept aside: keys of known shapes, passwords, card numbers, header fields.

A rejected row is kept so that a person can see why it was refused. It may hold anything, so every string is
searched for secrets, fields that carry credentials by their name are blanked, and long strings are cut.
"""

import math
import re
from collections.abc import Mapping, Sequence

MASK = "[masked]"
MAX_TEXT = 500
MAX_ITEMS = 100
MAX_DEPTH = 8
# Only this much of a string is searched: far more than is kept, so no secret is cut in two unseen.
_SEARCHED = 64 * 1024

_NAMES = (
    r"(?:proxy[_-]?)?authori[sz]ation|(?:x[_-])?api[_-]?key|apikey|passw(?:or)?d|passwd|secret|client[_-]?secret"
    r"|secret[_-]?(?:access[_-]?)?key|private[_-]?key|access[_-]?key(?:[_-]?id)?|(?:access|refresh|id|auth|session|csrf)[_-]?token"
    r"|token|set-cookie|cookie|credentials?|x-amz-security-token"
)
_SECRET_FIELD = re.compile(rf"(?:^|[_\-.\s])(?:{_NAMES})$", re.IGNORECASE)

_SHAPES = (
    re.compile(
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", re.DOTALL
    ),
    re.compile(r"\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)?"),
    re.compile(r"\b(?:bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE),
    re.compile(r"\b(?:sk|rk|pk)[-_][A-Za-z0-9_-]{12,}"),
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}"),
    re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,}|glpat-[A-Za-z0-9_-]{16,})"),
    re.compile(r"\bxox[a-z]-[A-Za-z0-9-]{8,}"),
    re.compile(r"\b(?:AIza[A-Za-z0-9_-]{30,}|hf_[A-Za-z0-9]{20,})"),
)
_URL_PASSWORD = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+(?=@)", re.IGNORECASE)
# A credential inside text that could not be parsed: "api_key": "...", password=...
_NAMED_VALUE = re.compile(
    rf"((?:^|[\s,;&?{{\"'_.-])(?:{_NAMES})[\"']?\s*[:=]\s*)(\"(?:[^\"\\]|\\.)*\"?|'[^']*'?|[^\s,;&\"'}}\]]+)",
    re.IGNORECASE,
)
# ISO/IEC 7812: 12 to 19 digits; cards in use begin with 2 to 6.
_CARD = re.compile(r"(?<![\dA-Za-z])[2-6]\d(?:[ -]?\d){10,17}(?![\dA-Za-z])")


def passes_luhn(digits: str) -> bool:
    """The check digit of card numbers (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = ord(digit) - 48
        if place % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0


def _mask_card(match: re.Match[str]) -> str:
    digits = re.sub(r"[ -]", "", match.group())
    return MASK if passes_luhn(digits) else match.group()


def mask_text(text: str, limit: int = MAX_TEXT) -> str:
    """`text` with secrets replaced by `[masked]`, lone surrogates repaired, cut to `limit` characters."""
    searched = text[:_SEARCHED]
    for shape in _SHAPES:
        searched = shape.sub(MASK, searched)
    searched = _URL_PASSWORD.sub(rf"\1{MASK}", searched)
    searched = _NAMED_VALUE.sub(rf"\1{MASK}", searched)
    searched = _CARD.sub(_mask_card, searched)
    if len(searched) > limit or len(text) > _SEARCHED:
        searched = f"{searched[:limit]}… ({len(text)} characters)"
    return searched.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def mask(value: object, depth: int = 0) -> object:
    """Any raw value as plain JSON values (str, int, float, bool, None, list, dict) with secrets masked.

    Bytes are read as UTF-8; values of other types are shown as text. Deep and long structures are cut.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, int):
        shown = str(value) if value.bit_length() < 128 else "an integer of more than 128 bits"
        masked = mask_text(shown)
        return value if masked == shown and value.bit_length() < 64 else masked
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return mask_text(bytes(value[: _SEARCHED * 4]).decode("utf-8", "replace"))
    if depth >= MAX_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        shown_items = list(value.items())[:MAX_ITEMS]
        return {
            mask_text(str(k), 100): MASK
            if _SECRET_FIELD.search(str(k)) and v not in (None, "")
            else mask(v, depth + 1)
            for k, v in shown_items
        }
    if isinstance(value, Sequence):
        return [mask(item, depth + 1) for item in value[:MAX_ITEMS]]
    return mask_text(str(value))
