"""What comes before any verdict, shared by all that judge: the tables are read, and the evidence is gathered."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numba
import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.detection.agreements import Agreement, read_agreements
from stillwatch.detection.distributed_intake import take_in_shares
from stillwatch.detection.evidence import Evidence
from stillwatch.detection.gathering import gather
from stillwatch.detection.intake import HOUR_US, Intake
from stillwatch.detection.ledger import relate
from stillwatch.detection.memory import give_back
from stillwatch.detection.outside import hold_against
from stillwatch.detection.run_record import Inputs, Read, Resources
from stillwatch.detection.settings import Settings
from stillwatch.detection.similarity import Likening, vectors
from stillwatch.detection.state.growing import Growing, Grown
from stillwatch.engines import Engine, open_engine
from stillwatch.records import tables as records
from stillwatch.records import whole_tables
from stillwatch.records.errors import InputError
from stillwatch.records.rejects import DUPLICATE_EVENT, RejectLog, in_words
from stillwatch.records.schema import TIME
from stillwatch.records.signatures import Shared
from stillwatch.records.sketches import Key


class Progress(Protocol):
    """Is told how a run gets on."""

    def __call__(self, stage: str, done: int, share: float | None = None, unit: str = "rows") -> None:
        """So many rows, groups or looks (`unit`) of a stage are done, which is this share of it, where that is known."""


def silent(stage: str, done: int, share: float | None = None, unit: str = "rows") -> None:
    """The progress that nobody looks at."""


class NothingUsableError(InputError):
    """Logs without one usable exchange: who follows a folder waits for more."""


@dataclass
class Clock:
    """Seconds by stage; `progress` is told when one begins."""

    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what happens inside. A stage that is entered again adds to its seconds."""
        self.progress(name, 0)
        start = time.perf_counter()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - start, 3)


@dataclass
class Prepared:
    """The input after intake. Evidence is gathered from it as settings ask for it, and kept."""

    inputs: Inputs
    resources: Resources
    work: Path
    rejects: RejectLog
    reader: Read
    accounts: pa.Table | None
    releases: dict[str, int]
    register: pa.Table | None
    taken: Intake
    likening: Likening = vectors
    signatures: Sequence[Shared] | None = None
    """Other members' signatures, where some were asked for."""
    grown: Grown | None = None
    """Of a scan with a state: what it will be."""
    engine_version: str = ""
    _evidence: dict[tuple[int, ...], Evidence] = field(default_factory=dict)
    _open: Engine | None = None
    """Left open by intake for what comes first after it: some engines take long to start."""

    def evidence(
        self, settings: Settings, told: Callable[[int, float], None] = lambda rows, share: None
    ) -> Evidence:
        """What the statistics read. Settings that count sharing alike have it in common: it is gathered once.

        `told` hears how many rows are done, and which share of the work.
        """
        counted = (settings.content_accounts, settings.infrastructure_accounts, settings.looked_at)
        if counted not in self._evidence:
            self._evidence[counted] = self._gather(settings, told, first=not self._evidence)
        return self._evidence[counted]

    def agreements(self, evidence: Evidence) -> list[Agreement]:
        """The register, resolved against the accounts of this evidence."""
        return read_agreements(self.register, evidence.accounts)

    def _gather(self, settings: Settings, told: Callable[[int, float], None], *, first: bool) -> Evidence:
        engine, self._open = self._open or _engine(self.resources, self.work), None
        with engine:
            self.engine_version = engine.version
            relations = relate(engine, engine.parquet(self.taken.exchange_files), settings, told)
            if first:
                _keep_duplicates(self.rejects, self.inputs.usage, relations.duplicates)
            evidence = gather(relations, self.accounts, settings.looked_at)
        if self.signatures is not None:
            outside = hold_against(self.signatures, self.taken.text_files, evidence, self.resources.threads)
            evidence = replace(evidence, outside=outside)
        del relations
        give_back()
        if self.accounts is not None and self.accounts.num_rows and not evidence.accounts.known.any():
            raise InputError(
                "none of these accounts is in the usage logs",
                where=str(self.inputs.accounts),
                mend="give the accounts table of the same provider, with the same account_id",
            )
        return evidence


def prepare(
    inputs: Inputs,
    resources: Resources,
    key: Key,
    work: Path,
    rejects: RejectLog,
    clock: Clock,
    likening: Likening = vectors,
    state: Growing | None = None,
    signatures: Sequence[Shared] | None = None,
) -> Prepared:
    """Read all tables and sketch the exchanges into `work`. `likening` says which accounts are alike in what they ask.

    With a `state` what is read is added to what it holds, and both together are prepared. Raises InputError for input that
    cannot be used, or when there is no usable exchange.
    """
    # Compiled loops are set once for the process: no more threads than were asked for, nor than there are.
    numba.set_num_threads(min(resources.threads, numba.config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]
    engine: Engine | None = None
    with ExitStack() as opened:
        with clock.stage("intake"):
            if state is None:
                # Opened first: its mapping may name the salt under which account ids of all tables must stand to join.
                reader = records.open_usage(
                    inputs.usage, adapter=inputs.adapter, mapping=inputs.mapping, rejects=rejects, key=key
                )
                counts: Read = reader
                given = _small_tables(inputs, rejects, reader.salt)
                engine = opened.enter_context(_engine(resources, work))
                taken = take_in_shares(
                    engine,
                    reader,
                    work,
                    key=key,
                    threads=resources.threads,
                    since=inputs.since,
                    until=inputs.until,
                    progress=lambda rows, read: clock.progress("intake", rows, read),
                )
            else:
                reading = state.read(
                    inputs,
                    rejects,
                    key=key,
                    threads=resources.threads,
                    progress=lambda rows, share: clock.progress("intake", rows, share),
                )
                given = _small_tables(inputs, rejects, reading.salt)
        grown: Grown | None = None
        if state is not None:
            with clock.stage("state"), _engine(resources, work) as own:
                grown = state.grown(own, reading, given, rejects, key)
            taken, counts, given = grown.intake, grown.counts, grown.tables
        if not (taken.rows if grown is None else grown.held):
            raise _nothing_usable(inputs, counts, rejects, taken)
        # It stays open for the first evidence.
        opened.pop_all()
    return Prepared(
        inputs,
        resources,
        work,
        rejects,
        counts,
        _made_before(given.get("accounts"), inputs.until),
        _release_hours(given.get("releases")),
        given.get("agreements"),
        taken,
        likening,
        signatures,
        grown,
        _open=engine,
    )


def _engine(resources: Resources, work: Path) -> Engine:
    return open_engine(
        resources.engine,
        scratch=work / "scratch",
        threads=resources.threads,
        memory=resources.memory // 2,
        settings=resources.engine_settings,
    )


def _small_tables(inputs: Inputs, rejects: RejectLog, salt: bytes) -> dict[str, pa.Table]:
    """Those of the small tables that are given, by name."""
    found = {}
    if inputs.accounts is not None:
        found["accounts"] = whole_tables.read_accounts(inputs.accounts, rejects, salt)
    if inputs.releases is not None:
        found["releases"] = whole_tables.read_releases(inputs.releases, rejects)
    if inputs.agreements is not None:
        found["agreements"] = whole_tables.read_agreements(inputs.agreements, rejects, salt)
    return found


def _made_before(accounts: pa.Table | None, until: int | None) -> pa.Table | None:
    """Accounts that were there before a time. A state keeps the others, too: a later scan may look further."""
    if accounts is None or until is None:
        return accounts
    before = pc.less(accounts["created_at"], pa.scalar(until, pa.int64()).cast(TIME))
    return accounts.filter(pc.fill_null(before, True))


def _release_hours(table: pa.Table | None) -> dict[str, int]:
    if table is None:
        return {}
    hours: dict[str, int] = {}
    for model, released in zip(
        table["model"].to_pylist(), table["released_at"].cast(pa.int64()).to_pylist(), strict=True
    ):
        hours[model] = min(released // HOUR_US, hours.get(model, released // HOUR_US))
    return hours


def _keep_duplicates(rejects: RejectLog, source: str, duplicates: pa.Table) -> None:
    """Count repeated event ids and keep the rows that lost aside, earliest first."""
    ordered = duplicates.sort_by([("time", "ascending"), ("event_id", "ascending")])
    for batch in ordered.to_batches(max_chunksize=10_000):
        for row in batch.to_pylist():
            rejects.add("usage", DUPLICATE_EVENT, source, None, {k: str(v) for k, v in row.items()})


def _nothing_usable(inputs: Inputs, reader: Read, rejects: RejectLog, taken: Intake) -> NothingUsableError:
    """The error for logs without one exchange: what became of the rows, and what to do about the most of them."""
    rejected = rejects.total("usage")
    fates = [(rejected, f"rejected ({in_words(rejects.by_reason('usage'))})")]
    fates += [(n, f"skipped ({kind})") for kind, n in sorted(reader.rows_skipped.items())]
    fates.append((taken.outside_window, "outside --since and --until"))
    if taken.outside_window:
        mend = "give an earlier --since or a later --until"
    elif rejected:
        mend = "name the format with --adapter, or the columns with a --mapping file"
    else:
        mend = "give logs that hold exchanges with a model"
    told = ": " + ", ".join(f"{n:,} {what}" for n, what in fates if n) if reader.rows_read else ""
    return NothingUsableError(
        f"no usable exchange among {reader.rows_read:,} rows{told}",
        where=inputs.usage,
        mend=mend,
    )
