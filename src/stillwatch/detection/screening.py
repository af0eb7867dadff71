"""Declared organisations beside a public screening list: leads for a person to check, which nothing else reads.

A name that resembles one on a list says nothing of what accounts do: different firms bear one name, and anybody can declare
any. So matches stand in a table of their own, after all verdicts. They enter no probability, no ranking, no exchange, and of
a list nothing is read but names and where they stand: no country, no address, no nationality.
"""

import csv
import io
import json
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from rapidfuzz import fuzz, process

from stillwatch.records.errors import InputError, plainly
from stillwatch.records.findings import LEADS_SCHEMA, Lead
from stillwatch.records.rejects import NOT_PARSEABLE, RejectLog, missing

TABLE = "screening_list"
LEAST = 90.0
"""Score from which a pair is a lead. The score (0 to 100) is the share of characters that two names have in common, in
order, after their words were sorted (normalised Indel similarity, rapidfuzz's token_sort_ratio)."""
SHORT = 4
"""Normalised names of fewer characters are leads only when they are equal."""
MOST = 5
"""Leads of one organisation at most, the best first."""
CHUNK = 256  # organisations that are compared with all names at once
FORMS = frozenset(
    {
        "ag", "bv", "co", "company", "corp", "corporation", "gmbh", "group", "holding", "holdings", "inc", "incorporated",
        "limited", "llc", "llp", "ltd", "nv", "oao", "ooo", "pjsc", "plc", "pte", "pty", "sa", "sarl", "spa", "srl", "the",
    }
)  # fmt: skip
"""Words that tell forms of firms and not firms."""


@dataclass(frozen=True)
class Listed:
    """An entry of a list: its name, other names, the list it is from and its number there."""

    name: str
    others: tuple[str, ...]
    source: str
    entity_number: str


@dataclass(frozen=True)
class ScreeningList:
    """Entries in force, and how many were over at the time."""

    entries: tuple[Listed, ...]
    ended: int


def normal(name: str) -> str:
    """A name in lower case, without accents, punctuation and words for the form of a firm (unless nothing else is left)."""
    folded = unicodedata.normalize("NFKD", name).casefold()
    kept = "".join(c if c.isalnum() else " " for c in folded if unicodedata.category(c) != "Mn")
    words = kept.split()
    telling = [word for word in words if word not in FORMS]
    return " ".join(telling or words)


def _csv_rows(text: str) -> Iterator[tuple[int, Any]]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    if reader.fieldnames is None or "name" not in reader.fieldnames:
        there = ", ".join(map(str, reader.fieldnames or ())) or "none"
        raise InputError(f"no column `name` (columns are: {there})", mend="call the column of names `name`")
    for row in reader:
        yield reader.line_num, row


def _json_rows(text: str) -> Iterator[tuple[int, Any]]:
    whole = json.loads(text)
    rows = whole.get("results") if isinstance(whole, dict) else whole
    if not isinstance(rows, list):
        raise InputError("no list of entries", mend="give a list, or an object with `results`")
    yield from enumerate(rows, start=1)


def _text(value: object) -> str:
    return " ".join(str(value).split()) if isinstance(value, str | int) else ""


def _names(value: object) -> tuple[str, ...]:
    """Names of a list, or of a text with semicolons between them."""
    parts = value if isinstance(value, list) else str(value or "").split(";")
    return tuple(name for part in parts if (name := _text(part)))


def read_screening_list(path: Path, rejects: RejectLog, on: date) -> ScreeningList:
    """The entries in force on a day: CSV, or JSON as a list or under `results`, with the columns of the US Consolidated
    Screening List (`name`, `alt_names`, `source`, `entity_number`, `end_date`).

    Rows without a name, or whose end is no date, are counted in `rejects` and kept aside. Raises InputError for a file that
    is no such list.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = list(_json_rows(text) if text.lstrip()[:1] in ("{", "[") else _csv_rows(text))
    except InputError as error:
        raise InputError(error.what, where=str(path), mend=error.mend) from None
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(
            f"cannot read the screening list ({plainly(error)})",
            where=str(path),
            mend="name a file of CSV or JSON in UTF-8",
        ) from None
    found: list[Listed] = []
    ended = 0
    for number, row in rows:
        if not isinstance(row, Mapping):
            rejects.add(TABLE, NOT_PARSEABLE, path.name, number, row)
            continue
        name, end = _text(row.get("name")), _text(row.get("end_date"))
        if not normal(name):
            rejects.add(TABLE, missing("name"), path.name, number, dict(row))
            continue
        try:
            over = bool(end) and date.fromisoformat(end[:10]) < on
        except ValueError:
            rejects.add(TABLE, "end_date not readable", path.name, number, dict(row))
            continue
        ended += over
        if not over:
            others = _names(row.get("alt_names"))
            found.append(Listed(name, others, _text(row.get("source")), _text(row.get("entity_number"))))
    return ScreeningList(tuple(found), ended)


def _near(names: Sequence[str], listed: Sequence[str], threads: int) -> Iterator[tuple[int, int, float]]:
    """(name, listed name, score) of pairs whose score is at least LEAST; both normalised."""
    for first in range(0, len(names), CHUNK):
        part = names[first : first + CHUNK]
        scores: npt.NDArray[np.float32] = process.cdist(
            part, listed, scorer=fuzz.token_sort_ratio, score_cutoff=LEAST, dtype=np.float32, workers=threads
        )
        for i, k in zip(*np.nonzero(scores), strict=True):
            if min(len(part[i]), len(listed[k])) >= SHORT or part[i] == listed[k]:
                yield first + int(i), int(k), float(scores[i, k])


def leads(accounts: pa.Table, entries: Sequence[Listed], threads: int = 1) -> list[Lead]:
    """Organisations that accounts declare and whose names resemble one on the list, in the order of their names.

    `accounts`: the accounts table.
    """
    held: dict[str, list[bool]] = defaultdict(list)
    for row in accounts.select(["organisation", "verified"]).to_pylist():
        if row["organisation"] and normal(row["organisation"]):
            held[row["organisation"]].append(row["verified"] is True)
    declared = sorted(held)
    listed = [(entry, name) for entry in entries for name in (entry.name, *entry.others) if normal(name)]
    if not declared or not listed:
        return []
    by_organisation: dict[str, dict[Listed, Lead]] = defaultdict(dict)
    pairs = _near([normal(name) for name in declared], [normal(name) for _, name in listed], threads)
    for i, k, score in pairs:
        organisation, (entry, name) = declared[i], listed[k]
        best = by_organisation[organisation].get(entry)
        if best is None or score > best.score:
            by_organisation[organisation][entry] = Lead(
                organisation,
                len(held[organisation]),
                sum(held[organisation]),
                entry.name,
                name,
                round(score, 1),
                entry.source,
                entry.entity_number,
            )
    found = []
    for organisation in sorted(by_organisation):
        ranked = sorted(
            by_organisation[organisation].values(),
            key=lambda lead: (-lead.score, lead.listed_name, lead.source, lead.entity_number),
        )
        found += ranked[:MOST]
    return found


@dataclass(frozen=True)
class Screening:
    """What a list gave: its leads, and what run.json tells of it."""

    leads: list[Lead]
    entries: int
    ended: int

    @classmethod
    def of(
        cls, path: Path, accounts: pa.Table | None, last_us: int | None, rejects: RejectLog, threads: int
    ) -> "Screening":
        """Read the list as of the day of the last exchange and compare the organisations of the accounts table with it.

        Raises InputError for a file that is no list, and where there is no accounts table to compare with it.
        """
        if accounts is None:
            raise InputError(
                "a screening list is compared with organisations of the accounts table, and there is none",
                where=str(path),
                mend="give --accounts",
            )
        on = datetime.fromtimestamp((last_us or 0) / 1_000_000, UTC).date()
        read = read_screening_list(path, rejects, on)
        return cls(leads(accounts, read.entries, threads), len(read.entries), read.ended)

    def write(self, folder: Path) -> None:
        """Write leads.parquet into `folder`."""
        folder.mkdir()
        rows = [vars(lead) for lead in self.leads]
        pq.write_table(pa.Table.from_pylist(rows, schema=LEADS_SCHEMA), folder / "leads.parquet")

    def as_dict(self) -> dict[str, int]:
        """For run.json."""
        organisations = len({lead.organisation for lead in self.leads})
        return {
            "entries": self.entries,
            "ended": self.ended,
            "organisations": organisations,
            "leads": len(self.leads),
        }
