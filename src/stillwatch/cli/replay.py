"""`stillwatch replay`: two settings over the same history, and what differs."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from stillwatch.cli.inputs import (
    check_window,
    engine_options,
    exemptions_option,
    open_key,
    resource_options,
    resources_of,
    table_options,
    window_options,
)
from stillwatch.cli.meter import Meter
from stillwatch.cli.options import Strict
from stillwatch.cli.text_table import text_table
from stillwatch.detection.comparison import Change, Comparison, Seen
from stillwatch.detection.exemption_file import read_exemptions
from stillwatch.detection.replay import Replayed, Side, Step
from stillwatch.detection.replay import replay as run_replay
from stillwatch.detection.run_record import Inputs
from stillwatch.detection.settings_file import settings_of

SHOWN = 10
"""Accounts that one side alone accuses, and lines of groups of each kind, that the terminal shows; the file has all."""


def _side(path: Path | None, name: str) -> Side:
    return Side(settings_of(path), f"the default settings (no {name})" if path is None else str(path))


def _arrow(values: Sequence[Any], form: str = "{}") -> str:
    a, b = ("-" if value is None else form.format(value) for value in values)
    return a if a == b else f"{a} -> {b}"


def _reasons(pair: Change) -> str:
    """Families that became significant or ceased to be, figures that moved, and accounts that came or went."""
    differs = pair.differs
    told = []
    if "families" in differs:
        told += [f"+{name}" for name in differs["families"]["only_b"]]
        told += [f"-{name}" for name in differs["families"]["only_a"]]
    if "accounts" in differs:
        told.append(f"accounts +{len(differs['accounts']['only_b'])} -{len(differs['accounts']['only_a'])}")
    moved = [f"{name} {_arrow(values, '{:.3g}')}" for name, values in differs.get("figures", {}).items()]
    return "; ".join(told + moved[:3] + ([f"{len(moved) - 3} more figures"] if len(moved) > 3 else []))


def _changed(pairs: Sequence[Change]) -> list[str]:
    rows = [
        [
            pair.a.campaign_id,
            _arrow((pair.a.verdict, pair.b.verdict)),
            _arrow((pair.a.kind_of_use, pair.b.kind_of_use)),
            _arrow((pair.a.probability, pair.b.probability), "{:.3f}"),
            _arrow((pair.a.log10_bayes_factor, pair.b.log10_bayes_factor), "{:+.1f}"),
            _arrow((len(pair.a.accused), len(pair.b.accused))),
            _reasons(pair),
        ]
        for pair in pairs
    ]
    header = ["group in A", "verdict", "kind of use", "probability", "log10 BF", "accused", "what moved"]
    return text_table(header, rows, left=range(len(header)))


def _alone(groups: Sequence[Seen]) -> list[str]:
    rows = [
        [
            g.campaign_id,
            g.verdict,
            g.kind_of_use,
            f"{g.probability:.3f}",
            f"{len(g.accounts):,}",
            f"{len(g.accused):,}",
        ]
        for g in groups
    ]
    return text_table(
        ["group", "verdict", "kind of use", "probability", "accounts", "accused"], rows, left=(0, 1, 2)
    )


def _some(title: str, things: Sequence[Any], lines: Sequence[str]) -> list[str]:
    """A titled part, empty when there is nothing to show; `lines` shows the first few of the things."""
    if not things:
        return []
    more = [f"... and {len(things) - SHOWN:,} more in replay.json"] if len(things) > SHOWN else []
    return ["", f"{title}: {len(things):,}", *lines, *more]


def _history(steps: Sequence[Step]) -> list[str]:
    rows = []
    for step in steps:
        accused, groups = step.brief["accused"], step.brief["groups"]
        rows.append(
            [
                f"{datetime.fromtimestamp(3600 * step.until, UTC):%Y-%m-%d %H:%M}",
                *(f"{accused[name]:,}" for name in ("a", "b", "only_a", "only_b")),
                *(f"{groups[name]:,}" for name in ("verdict_changed", "only_a", "only_b")),
            ]
        )
    header = [
        "before", "accused A", "accused B", "only A", "only B", "other verdict", "groups only A", "groups only B",
    ]  # fmt: skip
    return ["", "At every moment (accounts accused, then groups)", *text_table(header, rows)]


def render(done: Replayed) -> str:
    """What differs, for a terminal: the settings, the groups, the accounts, and the course of time."""
    whole: Comparison = done.whole
    settings = done.record["settings"]
    differ = [[name, str(a), str(b)] for name, (a, b) in settings["differ"].items()]
    other_verdict = [pair for pair in whole.changed if pair.verdict]
    same_verdict = [pair for pair in whole.changed if not pair.verdict]
    lines = [
        f"A: {settings['a']['source']}",
        f"B: {settings['b']['source']}",
        "",
        *text_table(["setting", "A", "B"], differ),
        "",
        done.record["difference"],
        *_some("Groups with another verdict", other_verdict, _changed(other_verdict[:SHOWN])),
        *_some("Groups only in A", whole.only_a, _alone(whole.only_a[:SHOWN])),
        *_some("Groups only in B", whole.only_b, _alone(whole.only_b[:SHOWN])),
        *_some(
            "Groups with the same verdict and other figures", same_verdict, _changed(same_verdict[:SHOWN])
        ),
    ]
    for side, accounts in (("A", whole.accused_only_a), ("B", whole.accused_only_b)):
        lines += _some(f"Accounts accused only by {side}", accounts, [", ".join(accounts[:SHOWN])])
    if done.history is not None:
        lines += _history(done.history)
        over = done.record["first_accused"]
        lines.append(
            f"A accuses {over['earlier_a']:,} accounts earlier than B, B {over['earlier_b']:,} earlier than A,"
            f" {over['together']:,} at the same moment; ever accused by A alone {over['ever_only_a']:,},"
            f" by B alone {over['ever_only_b']:,}"
        )
    return "\n".join(lines)


@click.command(
    cls=Strict,
    epilog="Example: stillwatch replay --usage logs/ --accounts accounts.parquet --b stricter.yaml --every 7"
    " --out difference",
)
@table_options
@click.option(
    "--a", "a_file", type=click.Path(path_type=Path), help="File of settings A; the defaults when not given."
)
@click.option(
    "--b", "b_file", type=click.Path(path_type=Path), help="File of settings B; the defaults when not given."
)
@click.option(
    "--every",
    type=click.IntRange(1, 3660),
    metavar="DAYS",
    help="Judge the past at the end of every so many days too.",
)
@exemptions_option
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for replay.json.")
@engine_options
@window_options
@resource_options
@click.option("--json", "as_json", is_flag=True, help="Print replay.json instead of tables.")
def replay(
    usage: str,
    accounts: str | None,
    releases: str | None,
    agreements: str | None,
    a_file: Path | None,
    b_file: Path | None,
    every: int | None,
    exemptions: Path | None,
    out: Path,
    engine: str,
    spark_master: str | None,
    spark_conf: Path | None,
    work: Path | None,
    since: int | None,
    until: int | None,
    adapter: str | None,
    mapping: Path | None,
    key: Path | None,
    threads: int | None,
    memory: int | None,
    as_json: bool,
) -> None:
    """Judge the same history under two settings, and say what differs.

    Prints groups that one of them has and the other has not, verdicts and figures that changed, and accounts that one
    alone accuses; writes all of it to replay.json in the folder --out.
    """
    check_window(since, until)
    a, b = _side(a_file, "--a"), _side(b_file, "--b")
    exempt = None if exemptions is None else read_exemptions(exemptions)
    meter = Meter()
    try:
        done = run_replay(
            Inputs(
                usage, accounts, releases, agreements, adapter, mapping, since, until, exemptions=exemptions
            ),
            out,
            a=a,
            b=b,
            every=every,
            exemptions=exempt,
            resources=resources_of(threads, memory, engine, spark_master, spark_conf, work),
            key=open_key(key),
            progress=meter,
        )
    finally:
        meter.clear()
    if as_json:
        click.echo(json.dumps(done.record, indent=2, sort_keys=True, default=str))
    else:
        click.echo(f"{render(done)}\n\nall of it: {out / 'replay.json'}")
