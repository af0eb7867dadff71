"""A file of exemptions: decisions of people, each with an author, a reason and an end.

YAML, a list of them (or JSON Lines, one to a line):

    - exemption_id: x-12
      organisation: Example University        # exactly as its verified accounts declare it
      template: |                             # a request that is built on the template, or its whole system prompt
        Translate the following passage into German and keep the order of its sentences: ...
      author: anna@provider.example
      reason: course work, confirmed by telephone with the department
      starts_at: 2026-03-01
      expires_at: 2026-06-01
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from stillwatch.records.errors import InputError, or_the_like, plainly
from stillwatch.records.sketches import Key, sketch
from stillwatch.records.yaml_file import load_yaml

LONGEST = timedelta(days=365)
"""An exemption ends after a year at the latest: a person looks again."""
TEXTS = ("exemption_id", "organisation", "template", "author", "reason")
TIMES = ("starts_at", "expires_at")
EXAMPLE = (
    "- exemption_id: x-1, with its organisation, template, author, reason, starts_at and expires_at below"
)
_ANY_KEY = Key(bytes(16))  # whether a text is long enough does not depend on the key
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Exemption:
    """Verified accounts of one organisation are not accused for their exchanges on one template, for a time."""

    exemption_id: str
    organisation: str
    template: str
    author: str
    reason: str
    starts_at: datetime
    expires_at: datetime

    @property
    def starts_us(self) -> int:
        """Microseconds since the epoch."""
        return (self.starts_at - _EPOCH) // timedelta(microseconds=1)

    @property
    def expires_us(self) -> int:
        """Microseconds since the epoch; from then on it does nothing."""
        return (self.expires_at - _EPOCH) // timedelta(microseconds=1)


def read_exemptions(path: Path) -> list[Exemption]:
    """The exemptions in the file at `path`, by id.

    Raises InputError for what cannot be read, for unknown names, for anything that is missing, for a template that
    would fit everything, for an end that is not after the start, or more than a year after it.
    """
    found: dict[str, Exemption] = {}
    for where, row in _rows(path):
        exemption = _exemption(row, where)
        if exemption.exemption_id in found:
            raise InputError(
                f"exemption {exemption.exemption_id} is there twice",
                where=where,
                mend="give each an id of its own",
            )
        found[exemption.exemption_id] = exemption
    return [found[name] for name in sorted(found)]


def _rows(path: Path) -> Iterator[tuple[str, object]]:
    """(place for an error, row) for each exemption of the file."""
    if path.suffix in (".jsonl", ".ndjson"):
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"cannot read the exemptions ({plainly(error)})",
                where=str(path),
                mend="name a file of exemptions",
            ) from None
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    yield f"{path}:{number}", json.loads(line)
                except ValueError as error:
                    raise InputError(
                        plainly(error), where=f"{path}:{number}", mend="write one JSON object a line"
                    ) from None
        return
    told = load_yaml(path, "exemptions", EXAMPLE)
    if told is None:
        return
    if not isinstance(told, list):
        raise InputError("this is no list of exemptions", where=str(path), mend=f"write each as {EXAMPLE}")
    for number, row in enumerate(told, 1):
        yield f"{path}, exemption {number}", row


def _exemption(row: object, where: str) -> Exemption:
    if not isinstance(row, Mapping):
        raise InputError("this is no exemption", where=where, mend=f"write it as {EXAMPLE}")
    known = (*TEXTS, *TIMES)
    for name in row:
        if name not in known:
            raise InputError(
                f"an exemption has no {name}{or_the_like(str(name), known)}",
                where=where,
                mend=f"it has {', '.join(known)}",
            )
    texts = {name: _text(row.get(name), name, where) for name in TEXTS}
    for name in ("organisation", "template"):
        if set(texts[name]) <= set("*?% "):
            raise InputError(
                f"{name} {texts[name]} would exempt everybody", where=where, mend=f"name one {name}"
            )
    shape = sketch(pa.array([texts["template"]]), None, _ANY_KEY, 1)
    if shape["prefix_hash"][0].as_py() is None:
        raise InputError(
            "the template is too short to be told from other texts",
            where=where,
            mend="give a whole request that is built on it, of twelve words or more",
        )
    starts, ends = (_time(row.get(name), name, where) for name in TIMES)
    if ends <= starts:
        raise InputError("expires_at is not after starts_at", where=where, mend="give a later expires_at")
    if ends - starts > LONGEST:
        raise InputError(
            f"it would last {(ends - starts).days} days",
            where=where,
            mend=f"give an expires_at at most {LONGEST.days} days after starts_at",
        )
    return Exemption(**texts, starts_at=starts, expires_at=ends)


def _text(value: object, name: str, where: str) -> str:
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not text:
        raise InputError(
            f"{name} is missing", where=where, mend="no exemption is without an author, a reason and an end"
        )
    return text


def _time(value: object, name: str, where: str) -> datetime:
    moment: datetime | None = None
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime(value.year, value.month, value.day)
    elif isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
    if moment is None:
        raise InputError(
            f"{name} is {'missing' if value is None else f'no time ({value!r})'}",
            where=where,
            mend="write it as 2026-03-01 or 2026-03-01T12:00:00Z",
        )
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
