"""Times are microseconds since 1970-01-01 UTC inside the hub, and RFC 3339 outside."""

import re
import time
from datetime import UTC, datetime, timedelta

MICROSECONDS = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FORM = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:)(\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def now() -> int:
    """The time by this machine's clock."""
    return time.time_ns() // 1000


def stamp(moment: int) -> str:
    """Write a time as TAXII does: six digits after the second, and Z (TAXII 2.1, section 2, `timestamp`)."""
    return f"{(_EPOCH + moment * _MICROSECOND).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def parse(text: str) -> int:
    """Read an RFC 3339 time. Finer digits than microseconds are cut off. Raises ValueError."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError("no RFC 3339 time")
    day, minutes, seconds, fraction, zone = found.groups()
    # RFC 3339, section 5.6, allows a leap second, which datetime does not know.
    leap = seconds == "60"
    whole = datetime.fromisoformat(
        f"{day}T{minutes}{'59' if leap else seconds}{zone.upper().replace('Z', '+00:00')}"
    )
    parts = int((fraction or "0")[:6].ljust(6, "0"))
    return (whole - _EPOCH) // _MICROSECOND + leap * MICROSECONDS + parts
