"""One raw value at a time: a value of a column's type, or the reason why it is none.

This is the reference for what a column accepts. `validation` does the same for whole Arrow columns where it
can, and comes here for the rest; a test holds the two against each other.
"""

import ipaddress
import json
import math
import re
import socket
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

import pyarrow as pa

from stillwatch.records.digests import credential_digest, looks_like_credential
from stillwatch.records.rejects import TIME_NOT_READABLE, TIME_OUT_OF_RANGE, TOO_LONG
from stillwatch.records.schema import Column

WRONG_TYPE = "wrong type"
NOT_FINITE = "not finite"
NEGATIVE = "negative"
TOO_LARGE = "too large"
NOT_IN_VOCABULARY = "not in the vocabulary"
NOT_AN_ADDRESS = "not an address"
REPAIRED = "invalid text, replaced with U+FFFD"  # the value stays
DIGESTED = "raw credential, replaced with its digest"  # the value stays

# Identifiers, names and the like; the three long texts may be as long as a line of JSON.
MAX_NAME_BYTES = 1024
MAX_TEXT_BYTES = 16 * 1024 * 1024
LONG_TEXTS = frozenset({"system_text", "input_text", "output_text"})
# Servers commonly limit a header to 8 KiB (RFC 9110, section 5.4, sets no limit).
_MAX_HEADER_BYTES = 8192
ADDRESSES = frozenset({"client_address", "signup_address"})
CREDENTIALS = frozenset({"account_id", "credential_id", "end_user_id"})
# Of these the columns that results never name: a digest too many costs nothing there, a raw key does.
KEY_FIELDS = frozenset({"credential_id"})

# No exchange has a million million tokens. A larger count is damage, and would drown every sum it enters.
MAX_COUNT = 10**12
_MAX_INT32 = 2**31 - 1
_MAX_ASN = 2**32 - 1  # RFC 6793

# Time begins before any service of this kind and ends well after any log.
FIRST_TIME = datetime(2015, 1, 1, tzinfo=UTC)
END_TIME = datetime(2100, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
FIRST_US = (FIRST_TIME - _EPOCH) // _MICROSECOND
END_US = (END_TIME - _EPOCH) // _MICROSECOND

TRUE_WORDS = frozenset({"true", "t", "1", "yes", "y"})
FALSE_WORDS = frozenset({"false", "f", "0", "no", "n"})

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
_BLANK = " \t\n\r\v\f"
_PLAIN_IPV6 = re.compile(r"[0-9A-Fa-f]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:]*")
_ZONE_NAME = re.compile(r"\s*(?:UTC|GMT)\Z")  # as BigQuery and HTTP write the zone

Coerced: TypeAlias = tuple[object, str | None]
Coercer: TypeAlias = Callable[[object], Coerced]


def max_bytes(column: Column) -> int:
    """The longest value of a text column, in bytes of UTF-8."""
    if column.name in LONG_TEXTS:
        return MAX_TEXT_BYTES
    return _MAX_HEADER_BYTES if column.name == "user_agent" else MAX_NAME_BYTES


def max_integer(column: Column) -> int:
    """The largest value of an integer column."""
    if column.name.endswith("_asn"):
        return _MAX_ASN
    return _MAX_INT32 if column.type == pa.int32() else MAX_COUNT


def repair(value: str) -> str:
    """`value` with lone surrogates (from JSON escapes) replaced by U+FFFD, pairs joined."""
    return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def clean_address(value: str) -> str | None:
    """The canonical form of an IP address (RFC 5952 for IPv6; IPv4-mapped ones as IPv4), or None.

    A port, brackets and a zone are left off, as proxies log them.
    """
    if _PLAIN_IPV6.fullmatch(value):
        try:
            packed = socket.inet_pton(socket.AF_INET6, value)
        except OSError:
            return None
        # What begins with zeros may hold an IPv4 address, which C libraries write out, and RFC 5952 only where it is mapped.
        if any(packed[:2]):
            return socket.inet_ntop(socket.AF_INET6, packed)
    text = value.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(address)


def text(value: object, column: Column, salt: bytes = b"") -> Coerced:
    """Text. Numbers and UUIDs are taken as written; empty text is absent; other types are wrong."""
    problem = None
    if isinstance(value, bytes | bytearray | memoryview):
        raw = bytes(value)
        if len(raw) > max_bytes(column):
            return None, TOO_LONG
        try:
            shown = raw.decode()
        except UnicodeDecodeError:
            shown, problem = raw.decode("utf-8", "replace"), REPAIRED
    elif isinstance(value, str):
        shown = value
    elif isinstance(value, bool):
        shown = "true" if value else "false"
    elif isinstance(value, int):
        if value.bit_length() > 256:
            return None, TOO_LARGE
        shown = str(value)
    elif isinstance(value, Decimal):
        if not value.is_finite():
            return None, NOT_FINITE
        shown = str(value)
    elif isinstance(value, float):
        if not math.isfinite(value):
            return None, NOT_FINITE
        # A whole column of integers becomes floats as soon as one is absent; 17.0 is the identifier 17.
        shown = str(int(value)) if value == int(value) and abs(value) < 2**63 else str(value)
    elif isinstance(value, uuid.UUID):
        shown = str(value)
    else:
        return None, WRONG_TYPE
    try:
        size = len(shown.encode())
    except UnicodeEncodeError:
        shown, problem = repair(shown), REPAIRED
        size = len(shown.encode())
    if not shown or (column.required and not shown.strip(_BLANK)):
        return None, None
    if size > max_bytes(column):
        return None, TOO_LONG
    if column.values:
        shown = shown if shown in column.values else shown.strip().lower()
        return (shown, problem) if shown in column.values else (None, NOT_IN_VOCABULARY)
    if column.name in ADDRESSES:
        address = clean_address(shown)
        return (address, problem) if address is not None else (None, NOT_AN_ADDRESS)
    if column.name in CREDENTIALS and looks_like_credential(shown, key_field=column.name in KEY_FIELDS):
        return credential_digest(shown, salt), DIGESTED
    return shown, problem


def _number(value: object) -> int | float | None:
    """The finite or infinite number that a value stands for; None when it stands for none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if isinstance(value, Decimal):
        if not value.is_finite():
            return math.nan
        return int(value) if abs(value) < 10**30 and value == int(value) else float(value)
    if isinstance(value, bytes | bytearray | memoryview):
        value = bytes(value).decode("ascii", "replace")
    if not isinstance(value, str):
        return None
    shown = value.strip()
    if len(shown) > 400:
        return None
    if shown.lower().lstrip("+-") in ("nan", "inf", "infinity"):
        return math.nan
    if not _NUMBER.fullmatch(shown):
        return None
    try:
        exact = Decimal(shown)
        return int(exact) if abs(exact) < 10**30 and exact == int(exact) else float(exact)
    except (InvalidOperation, OverflowError, ValueError):
        return None


def _empty(value: object) -> bool:
    return isinstance(value, str | bytes) and not value.strip()


def integer(value: object, column: Column) -> Coerced:
    """A count: a whole number from 0 to `max_integer(column)`."""
    if _empty(value):
        return None, None
    number = _number(value)
    if number is None:
        return None, WRONG_TYPE
    if not isinstance(number, int) and not math.isfinite(number):
        return None, NOT_FINITE
    if number < 0:
        return None, NEGATIVE
    if number > max_integer(column):
        return None, TOO_LARGE
    return (int(number), None) if number == int(number) else (None, WRONG_TYPE)


def double(value: object) -> Coerced:
    """A quantity: a finite number from 0 to `MAX_COUNT`."""
    if _empty(value):
        return None, None
    number = _number(value)
    if number is None:
        return None, WRONG_TYPE
    if not isinstance(number, int) and not math.isfinite(number):
        return None, NOT_FINITE
    if number < 0:
        return None, NEGATIVE
    return (float(number), None) if number <= MAX_COUNT else (None, TOO_LARGE)


def boolean(value: object) -> Coerced:
    """A truth value: a bool, 0 or 1, or one of the words of `TRUE_WORDS` and `FALSE_WORDS` in any case."""
    if isinstance(value, bool):
        return value, None
    if _empty(value):
        return None, None
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    if isinstance(value, str):
        word = value.strip().lower()
        if word in TRUE_WORDS or word in FALSE_WORDS:
            return word in TRUE_WORDS, None
    number = _number(value)
    return (bool(number), None) if number in (0, 1) else (None, WRONG_TYPE)


def epoch_to_us(number: int | float) -> int | None:
    """Microseconds of an epoch number whose unit is told by its magnitude; None when no unit fits.

    From 2015 to 2100 seconds lie between 1.4e9 and 4.2e9, milliseconds between 1.4e12 and 4.2e12, and so on:
    the four ranges do not touch, so at most one unit gives a time in range.
    """
    for per_unit, divisor in ((1_000_000, 1), (1_000, 1), (1, 1), (1, 1_000)):
        if isinstance(number, int):
            us = number * per_unit // divisor
        else:
            scaled = number * per_unit / divisor
            if not math.isfinite(scaled):
                continue
            us = math.floor(scaled + 0.5)
        if FIRST_US <= us < END_US:
            return us
    return None


def _us_of(moment: datetime) -> int:
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // _MICROSECOND


def time_us(value: object) -> Coerced:
    """Microseconds since 1970 of a moment from 2015 until 2100.

    Accepts a datetime or date (without zone: UTC), ISO 8601 text (with `Z`, `UTC`, an offset, or none: UTC), and
    epoch numbers in s, ms, us or ns, also as text (`epoch_to_us`).
    """
    if isinstance(value, datetime | date):
        moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
        us = _us_of(moment)
        return (us, None) if FIRST_US <= us < END_US else (None, TIME_OUT_OF_RANGE)
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if _empty(value):
        return None, None
    number = _number(value)
    if number is not None:
        if not isinstance(number, int) and math.isnan(number):
            return None, TIME_NOT_READABLE
        found = epoch_to_us(number)
        if found is not None:
            return found, None
        if not isinstance(value, str):
            return None, TIME_OUT_OF_RANGE
    if not isinstance(value, str):
        return None, TIME_NOT_READABLE
    try:
        us = _us_of(datetime.fromisoformat(_ZONE_NAME.sub("+00:00", value.strip())))
    except (ValueError, OverflowError):
        return None, TIME_NOT_READABLE if number is None else TIME_OUT_OF_RANGE
    return (us, None) if FIRST_US <= us < END_US else (None, TIME_OUT_OF_RANGE)


def limit_us(value: object) -> Coerced:
    """As `time_us`, but a moment before or after that range is moved to its edge, where it can be told which."""
    us, problem = time_us(value)
    if problem != TIME_OUT_OF_RANGE:
        return us, problem
    moment: object = value
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(_ZONE_NAME.sub("+00:00", value.strip()))
        except ValueError:
            return None, problem
    if not isinstance(moment, date):
        return None, problem
    return (FIRST_US if moment.year < FIRST_TIME.year else END_US - 1), None


def names(value: object, column: Column) -> Coerced:
    """A list of names: a list, a JSON array as text, or names separated by commas or semicolons."""
    if isinstance(value, str | bytes):
        shown = (value.decode("utf-8", "replace") if isinstance(value, bytes) else value).strip()
        if not shown:
            return None, None
        if shown.startswith("["):
            try:
                value = json.loads(shown)
            except (ValueError, RecursionError):
                return None, WRONG_TYPE
        else:
            value = [part.strip() for part in re.split(r"[;,]", shown)]
    if not isinstance(value, list | tuple):
        return None, WRONG_TYPE
    clean = []
    for item in value:
        name, problem = text(item, column)
        if problem is not None and problem != REPAIRED:
            return None, problem
        if name is not None:
            clean.append(name)
    return clean, None


def coercer(column: Column, salt: bytes = b"") -> Coercer:
    """The function for one column: raw value to (value, reason); times as microseconds since 1970."""
    if pa.types.is_timestamp(column.type):
        return limit_us if column.clamp else time_us
    if pa.types.is_integer(column.type):
        return lambda value: integer(value, column)
    if pa.types.is_floating(column.type):
        return double
    if pa.types.is_boolean(column.type):
        return boolean
    if pa.types.is_list(column.type):
        return lambda value: names(value, column)
    return lambda value: text(value, column, salt)
