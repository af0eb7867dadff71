"""The main job: usage logs in, explained groups out (stages 0 to 7)."""

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillwatch.detection.agreements import read_agreements
from stillwatch.detection.decision import EXTRACTION, Judged, judge
from stillwatch.detection.evidence import gather, view
from stillwatch.detection.explanation import narrate
from stillwatch.detection.explanation.report import write_report
from stillwatch.detection.intake import take_in, texts_of
from stillwatch.detection.ledger import HOUR_US, relate
from stillwatch.detection.onset import first_hours
from stillwatch.detection.run_record import Inputs, Resources, RunRecord
from stillwatch.detection.settings import Settings
from stillwatch.engines import open_engine
from stillwatch.records import tables as records
from stillwatch.records import whole_tables
from stillwatch.records.errors import InputError, plainly
from stillwatch.records.findings import CAMPAIGNS_SCHEMA, MEMBERS_SCHEMA, Campaign, Member
from stillwatch.records.rejects import DUPLICATE_EVENT, RejectLog
from stillwatch.records.schema import TIME
from stillwatch.records.sketches import Key

Progress = Callable[[str, int], None]
"""Called with a stage's name and rows done so far."""


@dataclass
class Result:
    """What a scan wrote, for the caller to print and to turn into indicators."""

    campaigns: list[Campaign]
    members: list[Member]
    run: dict[str, Any]
    out: Path


@dataclass
class _Clock:
    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.progress(name, 0)
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 3)


def _release_hours(table: pa.Table | None) -> dict[str, int]:
    if table is None:
        return {}
    hours: dict[str, int] = {}
    for model, released in zip(
        table["model"].to_pylist(), table["released_at"].cast(pa.int64()).to_pylist(), strict=True
    ):
        hours[model] = min(released // HOUR_US, hours.get(model, released // HOUR_US))
    return hours


def _hour(hour: int) -> datetime:
    return datetime.fromtimestamp(3600 * hour, UTC)


def _order(judged: Judged, campaign: Campaign) -> tuple[int, float, str]:
    rank = {"extraction": 0, "review": 1, "legitimate": 2}[judged.verdict]
    return rank, -campaign.log10_bayes_factor, campaign.campaign_id


def write_tables(folder: Path, campaigns: Sequence[Campaign], members: Sequence[Member]) -> None:
    """Write campaigns.parquet and members.parquet."""
    rows = [{**vars(c), "reasons": [vars(r) for r in c.reasons]} for c in campaigns]
    pq.write_table(pa.Table.from_pylist(rows, schema=CAMPAIGNS_SCHEMA), folder / "campaigns.parquet")
    pq.write_table(
        pa.Table.from_pylist([vars(m) for m in members], schema=MEMBERS_SCHEMA), folder / "members.parquet"
    )


def _publish(made: Path, out: Path) -> None:
    """Move what was made into place; results of an earlier scan are replaced."""
    earlier = out / "rejected"
    if earlier.is_dir():
        shutil.rmtree(earlier)
    for item in sorted(made.iterdir()):
        item.replace(out / item.name)


def scan(
    inputs: Inputs,
    out: Path,
    *,
    settings: Settings,
    resources: Resources,
    key: Key,
    raw_examples: bool = False,
    progress: Progress = lambda stage, rows: None,
    finish: Callable[
        [Path, Sequence[Campaign], Sequence[Member]], None
    ] = lambda folder, campaigns, members: None,
) -> Result:
    """Scan usage logs and write the results into folder `out`.

    `finish` is called with the folder in the making, to add files (the bundle) before everything appears at
    once. Raises InputError for input that cannot be used; nothing is left half-written.
    """
    clock = _Clock(progress)
    if Path(inputs.usage).is_dir() and out.resolve() == Path(inputs.usage).resolve():
        raise InputError(
            "results would lie among the logs", where=str(out), mend="give another folder with --out"
        )
    fresh = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".partial-", dir=out))
    except OSError as error:
        raise InputError(
            f"cannot write there ({plainly(error)})", where=str(out), mend="give another folder with --out"
        ) from None
    try:
        made = work / "made"
        made.mkdir()
        result = _scan(inputs, work, made, out, settings, resources, key, raw_examples, clock, finish)
        _publish(made, out)
        return result
    finally:
        shutil.rmtree(work, ignore_errors=True)
        if fresh and not any(out.iterdir()):
            out.rmdir()


def _read_accounts(inputs: Inputs, rejects: RejectLog, salt: bytes) -> pa.Table | None:
    if inputs.accounts is None:
        return None
    accounts = whole_tables.read_accounts(inputs.accounts, rejects, salt)
    if inputs.until is None:
        return accounts
    before = pc.less(accounts["created_at"], pa.scalar(inputs.until, pa.int64()).cast(TIME))
    return accounts.filter(pc.fill_null(before, True))


def _keep_duplicates(rejects: RejectLog, source: str, duplicates: pa.Table) -> None:
    """Count repeated event ids and keep the rows that lost aside, earliest first."""
    place = 0
    ordered = duplicates.sort_by([("time", "ascending"), ("event_id", "ascending")])
    for batch in ordered.to_batches(max_chunksize=10_000):
        for row in batch.to_pylist():
            place += 1
            rejects.add("usage", DUPLICATE_EVENT, source, place, {k: str(v) for k, v in row.items()})


def _scan(
    inputs: Inputs,
    work: Path,
    made: Path,
    out: Path,
    settings: Settings,
    resources: Resources,
    key: Key,
    raw_examples: bool,
    clock: _Clock,
    finish: Callable[[Path, Sequence[Campaign], Sequence[Member]], None],
) -> Result:
    rejects = RejectLog(made / "rejected")
    with clock.stage("intake"):
        # Opened first: its mapping may name the salt under which account ids of all tables must stand to join.
        reader = records.open_usage(
            inputs.usage, adapter=inputs.adapter, mapping=inputs.mapping, rejects=rejects
        )
        accounts = _read_accounts(inputs, rejects, reader.salt)
        releases = _release_hours(
            None if inputs.releases is None else whole_tables.read_releases(inputs.releases, rejects)
        )
        register = (
            None
            if inputs.agreements is None
            else whole_tables.read_agreements(inputs.agreements, rejects, reader.salt)
        )
        taken = take_in(
            reader,
            work,
            key=key,
            threads=resources.threads,
            since=inputs.since,
            until=inputs.until,
            progress=lambda rows: clock.progress("intake", rows),
        )
    record = RunRecord(inputs, settings, resources, key.id, reader, rejects, taken)
    if not taken.rows:
        raise record.nothing_usable()
    with (
        clock.stage("ledger"),
        open_engine(
            resources.engine,
            scratch=work / "scratch",
            threads=resources.threads,
            memory=resources.memory // 2,
        ) as engine,
    ):
        engine_version = engine.version
        relations = relate(engine, engine.parquet(taken.exchange_files), settings)
        _keep_duplicates(rejects, inputs.usage, relations.duplicates)
        evidence = gather(relations, accounts)
    if accounts is not None and accounts.num_rows and not evidence.accounts.known.any():
        raise InputError(
            "none of these accounts is in the usage logs",
            where=str(inputs.accounts),
            mend="give the accounts table of the same provider, with the same account_id",
        )
    agreements = read_agreements(register, evidence.accounts)
    with clock.stage("groups"):
        judged = judge(view(evidence), agreements, releases, settings)
    with clock.stage("onset"):
        accused = [j for j in judged if j.verdict == EXTRACTION]
        last = int(evidence.ledger["hour"].max()) + 1
        hours = first_hours(
            accused,
            lambda hour, about: judge(view(evidence, hour), agreements, releases, settings, about),
            last,
        )
        onset = dict(zip(map(id, accused), hours, strict=True))
    with clock.stage("explanation"):
        rows = [(j, *narrate.tables(j, _hour(onset[id(j)]) if id(j) in onset else None)) for j in judged]
        rows.sort(key=lambda row: _order(row[0], row[1]))
        stories = [
            narrate.story(j, c, m, lambda wanted: texts_of(taken.text_files, wanted), raw=raw_examples)
            for j, c, m in rows
        ]
        campaigns, members = [c for _, c, _ in rows], [m for _, _, ms in rows for m in ms]
        write_tables(made, campaigns, members)
        examined = record.examined(evidence, accounts, raw_examples=raw_examples)
        write_report(made / "report.html", stories, examined)
        finish(made, campaigns, members)
        rejects.close()
    run = record.as_dict(
        examined,
        accounts,
        engine_version=engine_version,
        groups={v: sum(c.verdict == v for c in campaigns) for v in ("extraction", "review", "legitimate")},
        seconds=clock.seconds,
    )
    (made / "run.json").write_text(json.dumps(run, indent=2, sort_keys=True, default=str) + "\n")
    return Result(campaigns, members, run, out)


__all__ = ["Inputs", "Resources", "Result", "scan"]
