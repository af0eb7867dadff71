"""`stillwatch scan`: usage logs in, explained groups out."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import psutil

from stillwatch.cli.options import MOMENT, SIZE
from stillwatch.detection.scan import Inputs, Resources, Result
from stillwatch.detection.scan import scan as run_scan
from stillwatch.detection.settings import Settings
from stillwatch.engines import ENGINES
from stillwatch.intelligence import write_bundle
from stillwatch.records.errors import InputError
from stillwatch.records.findings import Campaign, Member
from stillwatch.records.rejects import in_words
from stillwatch.records.sketches import Key


def available_threads() -> int:
    """Processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def open_key(path: Path | None) -> Key:
    """The key at `path`; else the user's own, made at first use; else one for this run, where none can be kept."""
    if path is not None:
        return Key.load(path)
    try:
        own = Key.default_path()
        if own.exists():
            return Key.load(own)
    except (OSError, RuntimeError):
        return Key(os.urandom(16))
    try:
        return Key.load_or_create(own)
    except InputError:
        # Results are the same under every key: only sketches that are kept need one that is kept.
        return Key(os.urandom(16))


class Meter:
    """Progress on stderr: the stage, and rows while they are read."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()

    def __call__(self, stage: str, rows: int) -> None:
        """Show it, when a person is looking."""
        if self.live:
            text = f"{stage}: {rows:,} rows" if rows else stage
            click.echo(f"\r\x1b[K{text}", err=True, nl=False)

    def clear(self) -> None:
        """Wipe the line."""
        if self.live:
            click.echo("\r\x1b[K", err=True, nl=False)


def _add_bundle(folder: Path, campaigns: Sequence[Campaign], members: Sequence[Member]) -> None:
    write_bundle(folder / "bundle.json", campaigns, members)


def _losses(run: dict[str, Any]) -> list[str]:
    """What could not be used of the input, a line each."""
    lines = [
        f"rejected of {table}: {in_words(reasons)}" for table, reasons in run["rejected"].items() if reasons
    ]
    lines += [
        f"not read to its end: {f['source']} ({': '.join(filter(None, (f['reason'], f['detail'].rstrip('.'))))})"
        for f in run["files"]["not_whole"]
    ]
    if run["files"]["left_out"]:
        names = run["files"]["left_out"]
        lines.append(
            f"not read: {', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''}"
        )
    table = run["accounts_table"]
    if table is not None and 2 * table["in_usage"] < run["accounts"]:
        lines.append(
            f"warning: only {table['in_usage']:,} of {run['accounts']:,} accounts in the logs have a row in the"
            " accounts table; is it the same provider's, of the same time?"
        )
    return lines


def summary(result: Result) -> str:
    """What was found, for a terminal."""
    rows = result.run["rows"]
    groups = result.run["groups"]
    lines = [
        f"{rows['scanned']:,} exchanges of {result.run['accounts']:,} accounts scanned"
        f" ({rows['rejected']:,} rows rejected) in {sum(result.run['seconds'].values()):.1f} s",
        *_losses(result.run),
        f"groups: {groups['extraction']} extraction, {groups['review']} review, {groups['legitimate']} legitimate",
    ]
    for campaign in result.campaigns:
        if campaign.verdict != "legitimate":
            since = (
                f", half of them could be known from {campaign.detected_at:%Y-%m-%d %H:%M}"
                if campaign.detected_at
                else ""
            )
            lines.append(
                f"  {campaign.verdict:<10} {campaign.campaign_id}  {campaign.accounts:>6,} accounts"
                f" {campaign.exchanges:>10,} exchanges  probability {campaign.probability:.3f}{since}"
            )
    lines.append(f"report: {result.out / 'report.html'}")
    return "\n".join(lines)


@click.command(
    epilog="Example: stillwatch scan --usage logs/ --accounts accounts.parquet --releases releases.parquet"
    " --agreements agreements.parquet --out results"
)
@click.option("--usage", required=True, metavar="PATH", help="Usage logs: a file, a folder or a glob.")
@click.option("--accounts", metavar="PATH", help="The accounts table.")
@click.option("--releases", metavar="PATH", help="The table of model releases.")
@click.option("--agreements", metavar="PATH", help="The register of who may distil what.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the results.")
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default="duckdb",
    show_default=True,
    help="Where relational work runs.",
)
@click.option("--since", type=MOMENT, help="Take only exchanges from this time on.")
@click.option("--until", type=MOMENT, help="Take only exchanges and accounts before this time.")
@click.option("--adapter", metavar="NAME", help="Format of the logs; found out by looking when not given.")
@click.option(
    "--mapping", type=click.Path(path_type=Path), help="Column-mapping file for logs of your own form."
)
@click.option(
    "--prior",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=Settings.prior,
    show_default=True,
    help="Probability, before evidence, that a candidate group is unauthorised extraction.",
)
@click.option("--key", type=click.Path(path_type=Path), help="File with the local sketch key (16 bytes).")
@click.option("--threads", type=click.IntRange(1, 1024), help="Threads to use; all by default.")
@click.option("--memory", type=SIZE, help="Memory to keep to, such as 4GB; half of the machine's by default.")
@click.option("--raw-examples", is_flag=True, help="Show example requests unredacted in the report.")
@click.option("--json", "as_json", is_flag=True, help="Print run.json instead of a summary.")
def scan(
    usage: str,
    accounts: str | None,
    releases: str | None,
    agreements: str | None,
    out: Path,
    engine: str,
    since: int | None,
    until: int | None,
    adapter: str | None,
    mapping: Path | None,
    prior: float,
    key: Path | None,
    threads: int | None,
    memory: int | None,
    raw_examples: bool,
    as_json: bool,
) -> None:
    """Find accounts that act together to extract a model, say why, and what else it could be.

    Writes campaigns.parquet, members.parquet, report.html, bundle.json and run.json into the folder --out, and
    what could not be used into its folder rejected/.
    """
    if since is not None and until is not None and since >= until:
        raise InputError("--since is not before --until", mend="give an earlier --since")
    meter = Meter()
    try:
        result = run_scan(
            Inputs(usage, accounts, releases, agreements, adapter, mapping, since, until),
            out,
            settings=Settings(prior=prior),
            resources=Resources(
                threads=threads or available_threads(),
                memory=memory or psutil.virtual_memory().total // 2,
                engine=engine,
            ),
            key=open_key(key),
            raw_examples=raw_examples,
            progress=meter,
            finish=_add_bundle,
        )
    finally:
        meter.clear()
    click.echo(json.dumps(result.run, indent=2, sort_keys=True, default=str) if as_json else summary(result))
