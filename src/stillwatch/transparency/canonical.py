"""Canonical bytes of JSON (RFC 8785, JCS), and a parser that lets nothing hide in what it reads."""

import json
from typing import Any, NoReturn

import rfc8785

from stillwatch.records.errors import InputError

MOST_NESTED = 64
"""Lists and objects within each other. Objects of the exchange have six; parsers of other people end at a few hundred."""
LARGEST = 2**53 - 1
"""RFC 8785, section 3.2.2.3, by way of RFC 7493: what every parser of JSON holds exactly."""


def canonical(value: Any) -> bytes:
    """The canonical form of a parsed JSON value. InputError for what has none (NaN, large integers, lone surrogates)."""
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError) as error:
        raise InputError(
            f"no canonical JSON ({type(error).__name__})", mend="send plain JSON values"
        ) from None


def parse(raw: bytes) -> Any:
    """Parse JSON, or raise InputError.

    Refused, since parsers differ in what they make of it: repeated keys, numbers with a fraction or an exponent, integers
    beyond 2^53, NaN and infinities, lone surrogates, bytes that are not UTF-8 or begin with a mark of byte order, and
    nesting deeper than MOST_NESTED.
    """
    try:
        value = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_pairs,
            parse_float=_no_float,
            parse_int=_integer,
            parse_constant=_no_float,
        )
    except UnicodeDecodeError:
        raise _bad("not UTF-8") from None
    except json.JSONDecodeError as error:
        raise _bad(f"{error.msg.lower()} at character {error.pos}") from None
    except RecursionError:
        raise _bad("nested too deeply") from None
    _look(value)
    return value


def _look(value: Any) -> None:
    """Raise for nesting and surrogates, without recursion."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MOST_NESTED:
            raise _bad("nested too deeply")
        below: list[Any] = []
        for item in level:
            if isinstance(item, str):
                _text(item)
            elif isinstance(item, list):
                below += item
            elif isinstance(item, dict):
                below += item.values()
                for key in item:
                    _text(key)
        level = below


def _text(text: str) -> None:
    if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
        raise _bad("a lone surrogate")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _bad("a key is repeated")
    return found


def _integer(digits: str) -> int:
    # Before conversion: Python takes time that grows with the square of the length.
    if len(digits) > 17 or abs(int(digits)) > LARGEST:
        raise _bad("an integer beyond 2^53")
    return int(digits)


def _no_float(digits: str) -> NoReturn:
    raise _bad("a number that is no integer")


def _bad(what: str) -> InputError:
    return InputError(f"this JSON can't be read: {what}", mend="send RFC 8259 JSON with integers only")
