"""The main job: usage logs in, explained groups out (stages 0 to 7)."""

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch.detection.agreements import listed
from stillwatch.detection.exemption_file import Exemption
from stillwatch.detection.exemptions import resolve
from stillwatch.detection.explanation import narrate
from stillwatch.detection.explanation.report import write_report
from stillwatch.detection.judging import Judging, Verdict
from stillwatch.detection.out_folder import SCAN, OutFolder, making
from stillwatch.detection.preparation import Clock, Progress, prepare, silent
from stillwatch.detection.run_record import Inputs, Resources, RunRecord
from stillwatch.detection.screening import Screening
from stillwatch.detection.settings import Settings
from stillwatch.detection.shadow import Shadow, compare_with
from stillwatch.detection.signature_hits import counted, write_hits
from stillwatch.detection.similarity import Likening, vectors
from stillwatch.detection.state.folder import StateFolder
from stillwatch.detection.state.growing import Growing
from stillwatch.detection.state.lasting import Lasting, looks_of
from stillwatch.detection.state.looks import Looks
from stillwatch.detection.state.manifest import Manifest
from stillwatch.detection.template_signatures import Templates, sign
from stillwatch.detection.texts import Texts
from stillwatch.records.findings import CAMPAIGNS_SCHEMA, MEMBERS_SCHEMA, Campaign, Member
from stillwatch.records.rejects import RejectLog
from stillwatch.records.signatures import EpochKey, Made, SharedFile
from stillwatch.records.sketches import Key

Finish = Callable[[Path, Sequence[Campaign], Sequence[Member], Mapping[str, Sequence[Made]]], None]
"""Adds files to the results in the making, given their folder. Last: by group, what was signed of its templates."""


MOST_CLEARED = 150
"""So many of the largest cleared groups, and of the most probable ones, are in the report: there may be thousands."""


@dataclass
class Result:
    """What a scan wrote, for the caller to print and to turn into indicators."""

    campaigns: list[Campaign]
    members: list[Member]
    run: dict[str, Any]
    out: Path


def write_tables(folder: Path, campaigns: Sequence[Campaign], members: Sequence[Member]) -> None:
    """Write campaigns.parquet and members.parquet."""
    rows = [{**vars(c), "reasons": [vars(r) for r in c.reasons]} for c in campaigns]
    pq.write_table(pa.Table.from_pylist(rows, schema=CAMPAIGNS_SCHEMA), folder / "campaigns.parquet")
    pq.write_table(
        pa.Table.from_pylist([vars(m) for m in members], schema=MEMBERS_SCHEMA), folder / "members.parquet"
    )


def _rows(found: Sequence[Verdict]) -> tuple[list[Campaign], list[Member]]:
    return [v.campaign for v in found], [m for v in found for m in v.members]


def to_be_told(found: Sequence[Verdict]) -> list[Verdict]:
    """Those of which the report has a story: all but cleared groups beyond the largest and the most probable ones."""
    cleared = [v for v in found if v.campaign.verdict == "legitimate"]
    largest = sorted(cleared, key=lambda v: (-v.campaign.accounts, v.campaign.campaign_id))
    likeliest = sorted(cleared, key=lambda v: (-v.campaign.probability, v.campaign.campaign_id))
    kept = {v.campaign.campaign_id for v in (*largest[:MOST_CLEARED], *likeliest[:MOST_CLEARED])}
    return [v for v in found if v.campaign.verdict != "legitimate" or v.campaign.campaign_id in kept]


def scan(
    inputs: Inputs,
    out: Path,
    *,
    settings: Settings,
    resources: Resources,
    key: Key,
    shadow: Settings | None = None,
    exemptions: Sequence[Exemption] | None = None,
    raw_examples: bool = False,
    likening: Likening = vectors,
    state: StateFolder | None = None,
    progress: Progress = silent,
    finish: Finish = lambda folder, campaigns, members, templates: None,
    signatures: SharedFile | None = None,
    epoch: EpochKey | None = None,
) -> Result:
    """Scan usage logs and write the results into folder `out`.

    `shadow` are settings that judge beside the live ones and change nothing; `exemptions` is None where no file of
    them was given. `likening` says which accounts are alike in what they ask, live and in shadow. `finish` is called
    with the folder in the making, to add files (the bundle) before everything appears at once. With a `state` what is
    read is added to what it holds, and all of that is judged. `signatures` of other members are held against the texts;
    templates of accused groups are signed under the key `epoch`.
    Raises InputError for input that cannot be used; nothing is left half-written.
    """
    with contextlib.ExitStack() as stack:
        growing = None if state is None else stack.enter_context(state.growing(inputs, out))
        with making(out, inputs.usage, SCAN, resources.work) as folder:
            result, manifest = _scan(
                inputs,
                folder,
                out,
                settings,
                shadow,
                exemptions,
                resources,
                key,
                raw_examples,
                likening,
                growing,
                Clock(progress),
                finish,
                signatures,
                epoch,
            )
        # After the results: a run that is killed between the two is done over, from the state of before.
        if growing is not None and manifest is not None:
            growing.store.commit(manifest)
        return result


def _scan(
    inputs: Inputs,
    folder: OutFolder,
    out: Path,
    settings: Settings,
    shadow_settings: Settings | None,
    given: Sequence[Exemption] | None,
    resources: Resources,
    key: Key,
    raw_examples: bool,
    likening: Likening,
    state: Growing | None,
    clock: Clock,
    finish: Finish,
    signatures: SharedFile | None,
    epoch: EpochKey | None,
) -> tuple[Result, Manifest | None]:
    made = folder.made
    rejects = RejectLog(made / "rejected")
    prepared = prepare(
        inputs,
        resources,
        key,
        folder.work,
        rejects,
        clock,
        likening,
        state,
        None if signatures is None else signatures.signatures,
    )
    taken = prepared.taken
    with clock.stage("ledger"):
        evidence = prepared.evidence(settings, lambda rows, share: clock.progress("ledger", rows, share))
        exemptions = resolve(given or (), evidence.accounts, taken.exchange_files, key)
    judging = Judging.of(prepared, settings, exemptions)
    looks: Looks | None = None
    if state is not None and prepared.grown is not None:
        looks = looks_of(state.store, prepared.grown, judging, given or ())
    found = judging.verdicts(clock, looks=looks)
    shadow: Shadow | None = None
    if shadow_settings is not None:
        # After the live verdicts, which know nothing of it.
        shadow = compare_with(found, prepared, shadow_settings, exemptions, clock)
        (made / "shadow").mkdir()
        write_tables(made / "shadow", *_rows(shadow.found))
    screening: Screening | None = None
    if inputs.screening_list is not None:
        # After all verdicts, which know nothing of it.
        with clock.stage("screening"):
            screening = Screening.of(
                inputs.screening_list, prepared.accounts, taken.last_us, rejects, resources.threads
            )
            screening.write(made / "screening")
    with clock.stage("explanation"):
        told = to_be_told(found)
        lasting: Lasting | None = None
        if state is not None and prepared.grown is not None and looks is not None:
            # From here on: order and choice are those of a full scan.
            lasting = Lasting.of(state.store, prepared.grown, found, looks)
            found, told = lasting.named(found), lasting.named(told)
            lasting.write(made / "campaign_history.parquet")
        texts = Texts(taken.text_files, resources.threads)
        templates: Templates | None = None
        if epoch is not None:
            templates = sign(found, texts.fetch, epoch)
            told = templates.named(told)
        stories = narrate.stories(
            [(v.judged, v.campaign, v.members) for v in told], texts.fetch, raw=raw_examples
        )
        campaigns, members = _rows(found)
        write_tables(made, campaigns, members)
        hits: dict[str, Any] | None = None
        if signatures is not None and evidence.outside is not None:
            write_hits(evidence, made / "signature_hits.parquet")
            hits = counted(
                signatures,
                evidence,
                [(v.campaign.campaign_id, v.judged) for v in found],
                prepared.reader.carried.wordless,
            )
        record = RunRecord(
            inputs,
            settings,
            resources,
            key.id,
            prepared.reader,
            rejects,
            taken,
            agreements=None if prepared.register is None else listed(judging.agreements, evidence),
            exemptions=None
            if given is None
            else exemptions.listed([(v.campaign.campaign_id, v.judged) for v in found], judging.last),
            shadow=None if shadow is None else shadow.as_dict(),
            screening=screening,
            signatures=hits,
            templates=None if templates is None else templates.as_dict(),
        )
        examined = record.examined(
            evidence, prepared.accounts, raw_examples=raw_examples, cleared_beside=len(found) - len(told)
        )
        write_report(made / "report.html", stories, examined)
        finish(made, campaigns, members, {} if templates is None else templates.made)
        rejects.close()
    run = record.as_dict(
        examined,
        prepared.accounts,
        engine_version=prepared.engine_version,
        groups={v: sum(c.verdict == v for c in campaigns) for v in ("extraction", "review", "legitimate")},
        seconds=clock.seconds,
    )
    run["state"] = None if lasting is None else lasting.as_dict()
    (made / "run.json").write_text(json.dumps(run, indent=2, sort_keys=True, default=str) + "\n")
    return Result(campaigns, members, run, out), None if lasting is None else lasting.manifest()


__all__ = ["Inputs", "Resources", "Result", "scan", "write_tables"]
