"""What a scan did: the contents of run.json, and what the report says of the input."""

import resource
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import ibis
import pyarrow as pa

import stillwatch
from stillwatch.detection.evidence import Evidence
from stillwatch.detection.explanation.story import Examined
from stillwatch.detection.intake import Intake
from stillwatch.detection.screening import Screening
from stillwatch.detection.settings import Settings
from stillwatch.detection.settings_file import changed
from stillwatch.records.rejects import DUPLICATE_EVENT, RejectLog
from stillwatch.records.schema import ACCOUNTS, USAGE
from stillwatch.records.sketched.batches import Carried


@dataclass(frozen=True)
class Inputs:
    """What a scan reads. `since` and `until` are microseconds since the epoch."""

    usage: str
    accounts: str | None = None
    releases: str | None = None
    agreements: str | None = None
    adapter: str | None = None
    mapping: Path | None = None
    since: int | None = None
    until: int | None = None
    settings: Path | None = None
    shadow: Path | None = None
    exemptions: Path | None = None
    screening_list: Path | None = None
    signatures: str | None = None
    epoch_key: Path | None = None


@dataclass(frozen=True)
class Resources:
    """What a scan may use: threads, bytes of memory as a soft limit, and an engine with settings of its own software.

    `work` is a folder for what is thrown away; None: beside the results.
    """

    threads: int
    memory: int
    engine: str = "duckdb"
    engine_settings: Mapping[str, str] = field(default_factory=dict)
    work: Path | None = None


class Read(Protocol):
    """What a reader of usage logs counted; a state adds up those of several runs."""

    @property
    def rows_read(self) -> int:
        """All rows, whatever became of them."""

    @property
    def rows_out(self) -> int:
        """Rows that could be used, those outside the window among them."""

    @property
    def carried(self) -> Carried:
        """What came as sketches."""

    @property
    def rows_skipped(self) -> Mapping[str, int]:
        """Rows that are no exchanges, by kind."""

    @property
    def present_columns(self) -> set[str]:
        """Columns with at least one value."""

    @property
    def values_dropped(self) -> Mapping[tuple[str, str], int]:
        """Values of used rows that could not be used, by column and reason."""

    @property
    def left_out(self) -> Sequence[str]:
        """Names of files that hold no table."""

    @property
    def adapters(self) -> Mapping[str, int]:
        """How many files each adapter read."""


def peak_memory() -> int:
    """Largest resident set of this process so far, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _absent(present: set[str], accounts: pa.Table | None, dropped: set[str]) -> dict[str, str]:
    """Columns without a single value or sketch, and what that costs. `dropped`: those of which values could not be used."""
    costs = {c.name: c.without for c in USAGE.columns if not c.required and c.name not in present}
    if accounts is None:
        costs["accounts"] = (
            "the accounts table is absent: one organisation's batch work can hardly be told from a campaign, which is at"
            " most sent to review as a rule; "
        ) + "; ".join(
            c.without for c in ACCOUNTS.columns if c.without and not c.without.startswith("nothing")
        )
    else:
        costs |= {
            f"accounts.{c.name}": c.without
            for c in ACCOUNTS.columns
            if not c.required and accounts[c.name].null_count == accounts.num_rows
        }
    return {
        name: f"none of its values could be used (values_dropped says why): {cost}"
        if name in dropped
        else cost
        for name, cost in costs.items()
    }


def _minute(us: int | None) -> str:
    return "" if us is None else f"{datetime.fromtimestamp(us // 1_000_000, UTC):%Y-%m-%d %H:%M} UTC"


def versions(engine: str, engine_version: str) -> dict[str, str]:
    """Versions of stillwatch, of Python, and of the libraries that results could depend on."""
    return {
        "stillwatch": stillwatch.__version__,
        engine: engine_version,
        "ibis": ibis.__version__,
        "pyarrow": pa.__version__,
        "python": sys.version.split()[0],
    }


def scanned(taken: Intake, rejects: RejectLog) -> int:
    """How many exchanges were examined: each event id once."""
    return taken.rows - rejects.counts["usage", DUPLICATE_EVENT]


def _dropped(reader: Read, rejects: RejectLog) -> dict[str, int]:
    """How many values of rows that were used could not be, by column and reason."""
    return {f"{column}: {why}": n for (column, why), n in sorted(reader.values_dropped.items())} | {
        f"{table}.{column}: {why}": n for (table, column, why), n in sorted(rejects.dropped.items())
    }


def of_input(reader: Read, rejects: RejectLog, taken: Intake) -> dict[str, Any]:
    """What became of the rows, files and values of the input; docs/reference/run-json.md explains the keys."""
    return {
        "rows": {
            **of_rows(reader, rejects),
            "outside_window": taken.outside_window,
            "scanned": scanned(taken, rejects),
        },
        **of_losses(reader, rejects),
    }


def of_rows(reader: Read, rejects: RejectLog) -> dict[str, Any]:
    """How many rows of usage were read, and of which no exchange came."""
    return {
        "read": reader.rows_read,
        "rejected": rejects.total("usage"),
        "skipped": dict(sorted(reader.rows_skipped.items())),
    }


def of_losses(reader: Read, rejects: RejectLog) -> dict[str, Any]:
    """What could not be used of rows, files and values, and what came as sketches."""
    return {
        "sketched": {
            "files": reader.carried.files,
            "exchanges": reader.carried.rows,
            "without_text": reader.carried.wordless,
        },
        "rejected": {t: rejects.by_reason(t) for t in sorted({table for table, _ in rejects.counts})},
        "files": {
            "read": dict(sorted(reader.adapters.items())),
            "not_whole": [vars(f) for f in rejects.files],
            "left_out": list(reader.left_out),
        },
        "values_dropped": _dropped(reader, rejects),
    }


@dataclass(frozen=True)
class RunRecord:
    """A scan and its input as it was found: everything that run.json and the report tell of it."""

    inputs: Inputs
    settings: Settings
    resources: Resources
    key_id: str
    reader: Read
    rejects: RejectLog
    taken: Intake
    agreements: list[dict[str, Any]] | None = None
    exemptions: list[dict[str, Any]] | None = None
    shadow: dict[str, Any] | None = None
    screening: Screening | None = None
    signatures: dict[str, Any] | None = None
    templates: dict[str, Any] | None = None

    def examined(
        self, evidence: Evidence, accounts: pa.Table | None, *, raw_examples: bool, cleared_beside: int = 0
    ) -> Examined:
        """What the head and the last part of the report say. `cleared_beside`: groups of which it has no story."""
        return Examined(
            accounts=len(evidence.accounts.ids),
            exchanges=scanned(self.taken, self.rejects),
            rejected=self.rejects.by_reason("usage"),
            first_time=_minute(self.taken.first_us),
            last_time=_minute(self.taken.last_us),
            prior=self.settings.prior,
            absent_columns=_absent(
                self.reader.present_columns | self.reader.carried.columns,
                accounts,
                {column for column, _ in self.reader.values_dropped}
                | {f"{table}.{column}" for table, column, _ in self.rejects.dropped},
            ),
            settings=self.settings.as_dict(),
            version=stillwatch.__version__,
            raw_examples=raw_examples,
            accounts_known=None if accounts is None else int(evidence.accounts.known.sum()),
            dropped=_dropped(self.reader, self.rejects),
            files_lost=tuple(
                (f"{f.table}: {f.source}", ": ".join(filter(None, (f.reason, f.detail))))
                for f in self.rejects.files
            ),
            exemptions=tuple(
                (
                    f"{e['exemption_id']} ({e['organisation']}), {e['state']}",
                    f"{sum(e['exempt'].values())} accounts not accused; by {e['author']}, until"
                    f" {e['expires_at']}. {e['reason']}",
                )
                for e in self.exemptions or ()
            ),
            cleared_beside=cleared_beside,
            wordings=self._wordings(),
            shadow="" if self.shadow is None else self.shadow["difference"],
            screening=tuple(
                (
                    f"{lead.organisation} ({lead.accounts} accounts, {lead.verified_accounts} of them verified)",
                    f"{lead.matched_name}: {lead.source} {lead.entity_number} ({lead.listed_name}), score"
                    f" {lead.score:.0f} of 100",
                )
                for lead in (self.screening.leads if self.screening else ())
            ),
        )

    def _wordings(self) -> str:
        """Why the report can't show wordings, or not all; empty where it can."""
        wordless = self.reader.carried.wordless
        if not wordless:
            return ""
        return (
            f"{wordless:,} of {self.reader.rows_out:,} exchanges came with sketches in place of texts. They are judged as"
            " texts are, but no wording and no example of them can be shown here: look them up where the texts are."
        )

    def as_dict(
        self,
        examined: Examined,
        accounts: pa.Table | None,
        *,
        engine_version: str,
        groups: dict[str, int],
        seconds: dict[str, float],
    ) -> dict[str, Any]:
        """The contents of run.json; docs/reference/run-json.md explains them."""
        return {
            "versions": versions(self.resources.engine, engine_version),
            "settings": self.settings.as_dict(),
            "settings_changed": changed(self.settings),
            "prior": self.settings.prior,
            "inputs": {n: None if value is None else str(value) for n, value in vars(self.inputs).items()},
            "sketch_key": self.key_id,
            **of_input(self.reader, self.rejects, self.taken),
            "absent_columns": examined.absent_columns,
            "accounts": examined.accounts,
            "accounts_table": None
            if accounts is None
            else {"rows": accounts.num_rows, "in_usage": examined.accounts_known},
            "first_time": examined.first_time,
            "last_time": examined.last_time,
            "groups": groups,
            "agreements": self.agreements,
            "exemptions": self.exemptions,
            "shadow": self.shadow,
            "screening": None if self.screening is None else self.screening.as_dict(),
            "signatures": self.signatures,
            "templates": self.templates,
            "resources": {
                "threads": self.resources.threads,
                "memory": self.resources.memory,
                "engine": self.resources.engine,
            },
            "seconds": seconds,
            "peak_memory_bytes": peak_memory(),
        }
