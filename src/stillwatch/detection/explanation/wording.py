"""How the report writes numbers, times and text that came from logs."""

import math
import unicodedata
from datetime import UTC, datetime

LIMIT = 4000
"""Longest text that the report prints as one piece (characters); the rest is said to be cut."""

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
# Characters that reorder or hide the text around them (Unicode Technical Report 36, section 2.10): a line
# of a log could otherwise make a report read differently from what it says.
_HIDDEN = frozenset(
    map(chr, [0x00AD, 0x061C, 0x180E, 0x2028, 0x2029, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F)])
) | frozenset(map(chr, [*range(0x2060, 0x2070), *range(0xFFF9, 0xFFFC), *range(0xE0000, 0xE0080)]))
_KEPT_JOINERS = frozenset("\u200c\u200d")  # Persian, Hindi and emoji need them


def clean(text: str, limit: int = LIMIT) -> str:
    """Return `text` fit to print: no control, surrogate or reordering characters, at most `limit` long.

    A character that is taken out leaves U+FFFD, so that the reader sees that something was there.
    """
    cut = text[:limit]
    out = []
    for char in cut:
        if char in "\n\t" or char in _KEPT_JOINERS:
            out.append(char)
        elif char in _HIDDEN or unicodedata.category(char) in ("Cc", "Cs", "Co"):
            if char != "\r":
                out.append("�")
        else:
            out.append(char)
    if len(text) > limit:
        out.append(f" … ({len(text) - limit:,} more characters)")
    return "".join(out)


def short(text: str, limit: int = 40) -> str:
    """Cut `text` in its middle to `limit` characters, for labels."""
    one_line = " ".join(text.split())
    if len(one_line) <= limit:
        return one_line
    head = (limit - 1) * 2 // 3
    return f"{one_line[:head]}…{one_line[-(limit - 1 - head) :]}"


def count(value: float) -> str:
    """A whole number with its thousands apart."""
    return f"{value:,.0f}" if math.isfinite(value) else "not known"


def plural(value: int, one: str, many: str = "") -> str:
    """A count with its noun: `1 account`, `2 accounts`."""
    return f"{count(value)} {one if value == 1 else many or one + 's'}"


def probability(value: float) -> str:
    """A probability in per cent; the ends are written as bounds, since no test is that certain."""
    if not math.isfinite(value):
        return "not known"
    if value > 0.999:
        return "> 99.9%"
    if value < 0.001:
        return "< 0.1%"
    return f"{value:.1%}"


def prior(value: float) -> str:
    """A prior as odds people can picture: `1 in 100`."""
    if not math.isfinite(value) or not 0 < value < 1:
        return "not known"
    return f"1 in {count(1 / value)}" if value <= 0.5 else f"{value:.1%}"


def scientific(value: float) -> str:
    """A positive number with two figures, powers of ten written out: `3.2 × 10⁻⁸`."""
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa.removesuffix('.0')} × 10{str(int(exponent)).translate(_SUPERSCRIPT)}"


def p_value(value: float | None) -> str:
    """A p-value; a float that underflowed to 0 is a bound."""
    if value is None or not math.isfinite(value):
        return "none"
    if value <= 0:
        return f"< {scientific(1e-300)}"
    return f"{value:.2g}" if value >= 0.001 else scientific(value)


def statistic(value: float | None) -> str:
    """A test statistic with up to four figures."""
    if value is None or not math.isfinite(value):
        return "none"
    if value == int(value) and abs(value) < 1e6:
        return count(value)
    return f"{value:,.1f}" if 1000 <= abs(value) < 1e6 else f"{value:.4g}"


def multiple(value: float) -> str:
    """How many times as much, with two figures, written out."""
    return f"{value:.2g}" if abs(value) < 10 else f"{float(f'{value:.2g}'):,.0f}"


def factor(log10: float) -> str:
    """A factor given by its logarithm: written out up to a million, then as a power of ten."""
    return multiple(10.0**log10) if log10 < 6 else f"10{str(round(log10)).translate(_SUPERSCRIPT)}"


def signed(value: float) -> str:
    """A number with its sign and two decimals, with a true minus."""
    return f"{value:+.2f}".replace("-", "−") if math.isfinite(value) else "not known"


def seconds(value: datetime) -> int:
    """Seconds since the epoch; a time without a zone is taken as UTC, whatever this machine's zone is."""
    return int((value.replace(tzinfo=UTC) if value.tzinfo is None else value).timestamp())


def time(value: datetime | None) -> str:
    """A time to the minute, UTC; one without a zone is taken as UTC."""
    return "–" if value is None else epoch(seconds(value))


def epoch(value: int) -> str:
    """A time given in seconds since the epoch, to the minute, UTC."""
    try:
        return f"{datetime.fromtimestamp(value, UTC).replace(tzinfo=None).isoformat(' ', 'minutes')} UTC"
    except (OverflowError, OSError, ValueError):
        return "not known"
