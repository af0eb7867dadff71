"""`stillwatch scan`: usage logs in, explained groups out."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from stillwatch.cli.inputs import (
    check_window,
    engine_options,
    exemptions_option,
    lasting_key,
    open_key,
    resource_options,
    resources_of,
    state_folder,
    state_options,
    table_options,
    window_options,
)
from stillwatch.cli.losses import lost
from stillwatch.cli.meter import Meter
from stillwatch.cli.options import Strict
from stillwatch.detection.exemption_file import read_exemptions
from stillwatch.detection.explanation.wording import plural
from stillwatch.detection.scan import Inputs, Result
from stillwatch.detection.scan import scan as run_scan
from stillwatch.detection.settings import Settings
from stillwatch.detection.settings_file import read_settings, settings_of
from stillwatch.intelligence import withheld, write_bundle
from stillwatch.intelligence.vocabulary import LEAST_ACCOUNTS
from stillwatch.records.findings import ACCUSED_ROLES, Campaign, Member
from stillwatch.records.rejects import in_words
from stillwatch.records.signatures import Made, read_epoch_key, read_signatures

IDLE = 5
"""Agreements that cover nothing are named up to so many."""


def _add_bundle(
    folder: Path,
    campaigns: Sequence[Campaign],
    members: Sequence[Member],
    templates: Mapping[str, Sequence[Made]],
) -> None:
    write_bundle(folder / "bundle.json", campaigns, members, templates=templates)


def _losses(run: dict[str, Any]) -> list[str]:
    """What could not be used of the input, a line each."""
    lines = lost(run)
    if wordless := run["sketched"]["without_text"]:
        lines.append(
            f"{plural(wordless, 'exchange')} came with sketches in place of texts: the report shows no wording of them"
        )
    if cost := run["absent_columns"].get("input_text"):
        lines.append(f"warning: no exchange has an input_text: {cost}")
    table = run["accounts_table"]
    if table is None:
        lines.append(
            "warning: no accounts table (--accounts): who the accounts are is not weighed, so hardly any campaign is"
            " accused"
        )
    elif 2 * table["in_usage"] < run["accounts"]:
        lines.append(
            f"warning: only {table['in_usage']:,} of {run['accounts']:,} accounts in the logs have a row in the"
            " accounts table; is it the same provider's, of the same time?"
        )
    return lines + _idle(run["agreements"])


def _idle(agreements: Sequence[dict[str, Any]] | None) -> list[str]:
    """Agreements that cover nothing, a line each where they are written so, and one line for those whom these logs lack."""
    if agreements is None:
        return []
    if not agreements:
        return ["warning: no row of the table of agreements could be used: nothing is covered"]
    idle = [a for a in agreements if a["covers_nothing"]]
    wrong = [a for a in idle if not a["names"] or a["accounts"] + a["accounts_not_verified"]]
    lines = [
        f"warning: agreement {a['agreement_id']} covers nothing: {a['covers_nothing']}" for a in wrong[:IDLE]
    ]
    if len(wrong) > IDLE:
        lines.append(f"warning: {len(wrong) - IDLE} more agreements cover nothing (run.json says why)")
    if absent := len(idle) - len(wrong):
        lines.append(
            f"{absent:,} of {len(agreements):,} agreements name accounts or organisations that these logs do not have"
            " (run.json lists them)"
        )
    return lines


def _rules(run: dict[str, Any]) -> list[str]:
    """What was judged by otherwise than by default, a line each."""
    lines = []
    if run["settings_changed"]:
        named = (
            f"{name} {run['settings'][name]} (not {old or 'none'})"
            for name, old in run["settings_changed"].items()
        )
        lines.append(f"settings: {', '.join(named)}")
    if run["exemptions"] == []:
        lines.append("exemptions: the file holds none")
    for e in run["exemptions"] or ():
        did = f"{sum(e['exempt'].values()):,} accounts not accused" if e["state"] == "active" else e["state"]
        lines.append(f"exemption {e['exemption_id']} by {e['author']}, until {e['expires_at']}: {did}")
        if e["state"] == "active" and not e["accounts"]:
            lines.append(
                f"warning: exemption {e['exemption_id']} covers nothing: no verified account declares {e['organisation']}"
            )
    if run["shadow"] is not None:
        lines.append(f"shadow: {run['shadow']['difference']}")
    if run["screening"] is not None:
        lines.append(
            f"screening list: {run['screening']['organisations']:,} declared organisations resemble a name on it"
            " (screening/leads.parquet): leads to check, part of no verdict"
        )
        if not run["screening"]["entries"]:
            lines.append("warning: the screening list has no entry in force, so no name could be compared")
    return [*lines, *_signatures(run)]


def _signatures(run: dict[str, Any]) -> list[str]:
    """What came of other members' signatures, and of the group's own templates."""
    lines = []
    if (seen := run["signatures"]) is not None:
        lines.append(
            f"signatures: {seen['signatures']:,} of other members, {seen['hit']:,} hit by"
            f" {plural(seen['accounts'], 'account')};"
            f" {plural(len(seen['corroborated']), 'group')} with evidence of its own corroborated (signature_hits.parquet)"
        )
        if seen["rejected"] or seen["repeated"]:
            lines.append(
                f"signatures left out: {in_words(seen['rejected']) or 'none'}; {seen['repeated']:,} were there twice"
            )
        if seen["expired"]:
            lines.append(
                f"signatures that ended before these logs begin: {seen['expired']:,}, matched to nothing"
            )
        if seen["without_text"]:
            lines.append(
                f"warning: {plural(seen['without_text'], 'exchange')} came with sketches in place of texts: signatures"
                " cannot be held against them"
            )
    if (made := run["templates"]) is not None:
        lines.append(
            f"templates: {made['signed']:,} signed under the key of epoch {made['epoch']} (bundle.json)"
            + (
                f"; of {plural(len(none), 'accused group')} none (run.json says why)"
                if (none := made["not_signed"])
                else ""
            )
        )
    return lines


def _state(run: dict[str, Any]) -> list[str]:
    """What was new to the state, in a line."""
    state = run["state"]
    if state is None:
        return []
    rows = state["rows"]
    told = ", ".join(f"{n:,} {event.replace('_', ' ')}" for event, n in state["changes"].items())
    line = f"state: {rows['held']:,} exchanges held, {rows['before']:,} before; groups: {told or 'none'}"
    if state["retained_from"]:
        line += f"; kept from {state['retained_from']} on ({state['retain_days']} days)"
    return [line]


def _memory(run: dict[str, Any]) -> list[str]:
    peak, limit = run["peak_memory_bytes"], run["resources"]["memory"]
    if peak <= limit:
        return []
    return [
        f"memory: {peak / 1e6:,.0f} MB were needed, more than --memory {limit / 1e6:,.0f} MB: the engine keeps to half of"
        " that, and what accounts and the program itself take comes on top"
    ]


def summary(result: Result) -> str:
    """What was found, for a terminal."""
    rows = result.run["rows"]
    groups = result.run["groups"]
    # With a state counts are of everything from the beginning on, and its own line says what was new.
    so_far = " so far" if result.run["state"] else ""
    lines = [
        f"{plural(rows['scanned'], 'exchange')} of {plural(result.run['accounts'], 'account')} scanned{so_far}"
        f" ({plural(rows['rejected'], 'row')} rejected{so_far}) in {sum(result.run['seconds'].values()):.1f} s",
        *_losses(result.run),
        f"groups: {groups['extraction']} extraction, {groups['review']} review, {groups['legitimate']} legitimate",
    ]
    accused = Counter(m.campaign_id for m in result.members if m.role in ACCUSED_ROLES)
    for campaign in result.campaigns:
        if campaign.verdict != "legitimate":
            named = (
                f" ({accused[campaign.campaign_id]:,} accused)" if campaign.verdict == "extraction" else ""
            )
            since = (
                f", evidence against half of them from {campaign.detected_at:%Y-%m-%d %H:%M} on"
                if campaign.detected_at
                else ""
            )
            lines.append(
                f"  {campaign.verdict:<10} {campaign.campaign_id}  {campaign.accounts:>6,} accounts{named}"
                f" {campaign.exchanges:>10,} exchanges  probability {campaign.probability:.3f}{since}"
            )
    if small := withheld(result.campaigns, result.members):
        lines.append(
            f"{plural(small, 'accused group')} of fewer than {LEAST_ACCOUNTS} accounts not in bundle.json,"
            " which is for others: it could be told who they are"
        )
    lines += _rules(result.run)
    lines += _state(result.run)
    lines += _memory(result.run)
    lines.append(f"report: {result.out / 'report.html'}")
    return "\n".join(lines)


@click.command(
    cls=Strict,
    epilog="Example: stillwatch scan --usage logs/ --accounts accounts.parquet --releases releases.parquet"
    " --agreements agreements.parquet --out results",
)
@table_options
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the results.")
@engine_options
@window_options
@click.option(
    "--prior",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    show_default=f"{Settings.prior}, or what --settings says",
    help="Probability, before evidence, that a candidate group is unauthorised extraction.",
)
@click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path),
    help="File of settings to judge by (YAML).",
)
@click.option(
    "--shadow",
    type=click.Path(path_type=Path),
    help="File of settings that judge beside the live ones and change nothing.",
)
@exemptions_option
@click.option(
    "--screening-list",
    type=click.Path(path_type=Path),
    help="Public list of names (CSV or JSON) to compare declared organisations with: leads, no evidence.",
)
@click.option(
    "--signatures",
    metavar="PATH",
    help="Template signatures that other members shared, to match (JSON Lines; a file, a folder or a pattern).",
)
@click.option(
    "--epoch-key",
    type=click.Path(path_type=Path),
    help="Key of the forum's epoch (epoch.json), to sign templates of accused groups for other members.",
)
@state_options
@resource_options
@click.option("--raw-examples", is_flag=True, help="Show example requests unredacted in the report.")
@click.option("--json", "as_json", is_flag=True, help="Print run.json instead of a summary.")
def scan(
    usage: str,
    accounts: str | None,
    releases: str | None,
    agreements: str | None,
    out: Path,
    engine: str,
    spark_master: str | None,
    spark_conf: Path | None,
    work: Path | None,
    since: int | None,
    until: int | None,
    adapter: str | None,
    mapping: Path | None,
    prior: float | None,
    settings_file: Path | None,
    shadow: Path | None,
    exemptions: Path | None,
    screening_list: Path | None,
    signatures: str | None,
    epoch_key: Path | None,
    state: Path | None,
    retain: int | None,
    key: Path | None,
    threads: int | None,
    memory: int | None,
    raw_examples: bool,
    as_json: bool,
) -> None:
    """Find accounts that act together to extract a model, say why, and what else it could be.

    Writes campaigns.parquet, members.parquet, report.html, bundle.json and run.json into the folder --out, and
    what could not be used into its folder rejected/. With --state what was scanned before is judged with it, groups keep
    their ids, and campaign_history.parquet says what became of each.
    """
    check_window(since, until)
    folder = state_folder(state, retain)
    settings = settings_of(settings_file, prior)
    # Another prior than the live one only where the shadow's file asks for it.
    shadow_settings = None if shadow is None else read_settings(shadow, Settings(prior=settings.prior))
    exempt = None if exemptions is None else read_exemptions(exemptions)
    shared = None if signatures is None else read_signatures(signatures)
    epoch = None if epoch_key is None else read_epoch_key(epoch_key)
    meter = Meter()
    try:
        result = run_scan(
            Inputs(
                usage,
                accounts,
                releases,
                agreements,
                adapter,
                mapping,
                since,
                until,
                settings_file,
                shadow,
                exemptions,
                screening_list,
                signatures,
                epoch_key,
            ),
            out,
            settings=settings,
            shadow=shadow_settings,
            exemptions=exempt,
            resources=resources_of(threads, memory, engine, spark_master, spark_conf, work),
            key=open_key(key) if folder is None else lasting_key(key),
            raw_examples=raw_examples,
            state=folder,
            progress=meter,
            finish=_add_bundle,
            signatures=shared,
            epoch=epoch,
        )
    finally:
        meter.clear()
    click.echo(json.dumps(result.run, indent=2, sort_keys=True, default=str) if as_json else summary(result))
