"""Canonical bytes of JSON (RFC 8785, JCS), and a parser that lets nothing hide in what it reads."""

import json
import math
import re
from typing import Any, NoReturn

import msgspec
import rfc8785

from stillwatch.records.errors import InputError

MOST_NESTED = 64
"""Lists and objects within each other. Objects of the exchange have six; parsers of other people end at a few hundred."""
LARGEST = 2**53 - 1
"""RFC 8785, section 3.2.2.3, by way of RFC 7493: what every parser of JSON holds exactly."""

# Without floats this writes what RFC 8785 asks for, at a tenth of the cost of a writer in Python. But keys go by UTF-16
# code units there (section 3.2.3), which is the order of code points only where no character has four bytes in UTF-8.
_fast = msgspec.json.Encoder(order="sorted").encode
_FOUR_BYTES = re.compile(rb"[\xf0-\xf4]")

# In text that was decoded from UTF-8, half of a surrogate pair can come of such an escape only.
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def canonical(value: Any) -> bytes:
    """The canonical form of a parsed JSON value.

    InputError for what has none: NaN and infinities, integers beyond LARGEST, lone surrogates, nesting deeper than
    MOST_NESTED, and what JSON does not have.
    """
    try:
        if not _look(value):
            made = _fast(value)
            if made.isascii() or not _FOUR_BYTES.search(made):
                return made
        return rfc8785.dumps(value)
    except _Refused as refused:
        raise InputError(f"no canonical JSON: {refused}", mend="send plain JSON values") from None
    except UnicodeEncodeError:
        raise InputError("no canonical JSON: a lone surrogate", mend="send plain JSON values") from None


def parse(raw: bytes, *, floats: bool = False) -> Any:
    """Parse JSON, or raise InputError.

    Refused, since parsers differ in what they make of it: repeated keys, numbers with a fraction or an exponent (unless
    `floats`), integers beyond 2^53, NaN and infinities, lone surrogates, bytes that are not UTF-8 or begin with a mark of
    byte order, and nesting deeper than MOST_NESTED.
    """
    try:
        text = raw.decode("utf-8")
        value = (_any if floats else _whole).decode(text)
        if text.count("[") + text.count("{") > MOST_NESTED:
            _look(value)
        if _SURROGATE.search(text):
            _fast(value)
    except _Refused as refused:
        raise _bad(str(refused)) from None
    except UnicodeDecodeError:
        raise _bad("not UTF-8") from None
    except UnicodeEncodeError:
        raise _bad("a lone surrogate") from None
    except json.JSONDecodeError as error:
        raise _bad(f"{error.msg.lower()} at character {error.pos}") from None
    except RecursionError:
        raise _bad("nested too deeply") from None
    return value


def parse_canonical(raw: bytes) -> Any:
    """Parse JSON that has to be its own canonical form, or raise InputError."""
    value = parse(raw)
    if canonical(value) != raw:
        raise _bad("not in canonical form (RFC 8785)")
    return value


class _Refused(Exception):  # noqa: N818 - becomes an InputError where it is known what was read
    """What a value has that no canonical JSON has."""


def _look(value: Any) -> bool:
    """Refuse what has no canonical form, without recursion; return whether there is a float."""
    floats = False
    level, depth = [value], 0
    while level:
        below: list[Any] = []
        nested = False
        for item in level:
            kind = type(item)
            if kind is str or kind is bool or item is None:
                continue
            if kind is dict:
                nested = True
                for key in item:
                    if type(key) is not str:
                        raise _Refused("a key that is no text")
                below += item.values()
            elif kind is list or kind is tuple:
                nested = True
                below += item
            elif kind is int:
                if not -LARGEST <= item <= LARGEST:
                    raise _Refused("an integer beyond 2^53")
            elif kind is float:
                if not math.isfinite(item):
                    raise _Refused("a number that is infinite, or none")
                floats = True
            else:
                raise _Refused(f"a value of type {kind.__name__}")
        depth += 1
        if nested and depth > MOST_NESTED:
            raise _Refused("nested too deeply")
        level = below
    return floats


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Refused("a key is repeated")
    return found


def _integer(digits: str) -> int:
    # Before conversion: Python takes time that grows with the square of the length.
    if len(digits) > 17 or abs(int(digits)) > LARGEST:
        raise _Refused("an integer beyond 2^53")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise _Refused("a number that is too large")
    return number


def _no_float(digits: str) -> NoReturn:
    raise _Refused("a number that is no integer")


_whole = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_int=_integer, parse_float=_no_float, parse_constant=_no_float
)
_any = json.JSONDecoder(
    object_pairs_hook=_pairs, parse_int=_integer, parse_float=_float, parse_constant=_no_float
)


def _bad(what: str) -> InputError:
    return InputError(f"this JSON can't be read: {what}", mend="send RFC 8259 JSON with integers only")
