"""`stillwatch drill`: make an exercise with known truth."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from stillwatch.cli.options import Strict


def _progress() -> Callable[[int, int], None] | None:
    if not sys.stderr.isatty():
        return None

    def show(done: int, total: int) -> None:
        click.echo(f"\r{done:,} of {total:,} exchanges", nl=done >= total, err=True)

    return show


def _catalogue() -> dict[str, Any]:
    """Scenarios, classes and knobs, as data."""
    from stillwatch.drill import lookalikes, scenarios
    from stillwatch.drill.campaigns.classes import CLASSES
    from stillwatch.drill.campaigns.knobs import TIERS
    from stillwatch.drill.exercise import COMMON_KNOBS
    from stillwatch.drill.prompts.packs import language_names

    return {
        "scenarios": scenarios.names(),
        "tiers": list(TIERS),
        "languages": list(language_names()),
        "knobs": sorted(COMMON_KNOBS),
        "campaigns": [
            {
                "name": c.name,
                "title": c.title,
                "behaviours": list(c.behaviours),
                "description": c.description,
                "knobs": asdict(c.knobs),
            }
            for c in CLASSES.values()
        ],
        "lookalikes": [
            {
                "name": c.name,
                "title": c.title,
                "expected_kind_of_use": c.expected,
                "description": c.description,
                "knobs": asdict(c.knobs),
            }
            for c in lookalikes.CLASSES.values()
        ],
    }


def _print_catalogue(as_json: bool) -> None:
    found = _catalogue()
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    click.echo("Scenarios: " + ", ".join(s for s in found["scenarios"] if not s.startswith("class:")))
    click.echo(
        "           class:NAME for any one class below; those called published_... are in published-2026 only"
    )
    click.echo("Levels of craft (--tier): " + ", ".join(found["tiers"]))
    numbered = ", ".join(f"{number} {name}" for number, name in enumerate(found["languages"]))
    click.echo(f"Languages (--knob CLASS.language=NUMBER): {numbered}")
    for kind, title in (("campaigns", "Campaigns"), ("lookalikes", "Look-alikes")):
        click.echo(f"\n{title} (knobs of each: --list --json)")
        for c in found[kind]:
            click.echo(f"  {c['name']:24} {c['description']}")


def _print_summary(summary: dict[str, Any], out: Path) -> None:
    labs = summary.get("labs", [summary])
    for number, lab in enumerate(labs, 1):
        where = f" (lab {number})" if len(labs) > 1 else ""
        click.echo(
            f"{lab['exchanges']:,} exchanges of {lab['accounts']:,} accounts{where}, "
            f"{lab['extracting']:,} of them extracting"
        )
        click.echo(f"  {'class':24} {'tier':10} {'accounts':>9}  expected")
        for g in sorted(lab["groups"], key=lambda g: (not g["unauthorised"], g["class"])):
            click.echo(f"  {g['class']:24} {g['tier']:10} {g['accounts']:>9,}  {g['expected_kind_of_use']}")
    if summary["sketch_key"]:
        click.echo(f"Sketches under the key {summary['sketch_key']} in place of texts")
    click.echo(f"Written to {out}")


@click.command(cls=Strict)
@click.option(
    "--out", type=click.Path(path_type=Path), help="The folder to make; the usage table is in DIR/usage."
)
@click.option("--scenario", default="default", show_default=True, help="What the exercise has; see --list.")
@click.option("--exchanges", type=int, help="Exchanges in all, over all labs.")
@click.option("--accounts", type=int, help="Accounts in all, over all labs.")
@click.option("--days", type=click.IntRange(2, 366), help="Length of the window.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**62),
    default=1,
    show_default=True,
    help="Equal seeds make equal tables.",
)
@click.option(
    "--tier",
    type=click.Choice(["plain", "adaptive", "expert"]),
    help="One level of craft for every campaign.",
)
@click.option(
    "--labs", type=int, default=1, show_default=True, help="Providers, each with a layout of its own."
)
@click.option(
    "--scale",
    type=click.FloatRange(0, 100, min_open=True),
    default=1.0,
    show_default=True,
    help="Makes the scenario larger or smaller.",
)
@click.option(
    "--lookalikes",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    help="Groups of each class of look-alikes that the scenario has.",
)
@click.option("--prompts", type=click.Path(path_type=Path), help="Texts of your own for ordinary requests.")
@click.option(
    "--arrivals",
    type=click.Path(path_type=Path),
    help="Parquet with a column `time`: the fine shape of arrivals inside an hour.",
)
@click.option(
    "--knob", "knobs", multiple=True, metavar="[CLASS.]NAME=VALUE", help="Turn one knob; may be given again."
)
@click.option("--sketches", is_flag=True, help="Write sketches in place of texts; no text is written.")
@click.option(
    "--key", type=click.Path(path_type=Path), help="File with the local sketch key (16 bytes) for --sketches."
)
@click.option("--force", is_flag=True, help="Replace an earlier drill.")
@click.option("--list", "listing", is_flag=True, help="List scenarios, classes and knobs, and stop.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def drill(
    out: Path | None,
    scenario: str,
    exchanges: int | None,
    accounts: int | None,
    days: int | None,
    seed: int,
    tier: str | None,
    labs: int,
    scale: float,
    lookalikes: int,
    prompts: Path | None,
    arrivals: Path | None,
    knobs: tuple[str, ...],
    sketches: bool,
    key: Path | None,
    force: bool,
    listing: bool,
    as_json: bool,
) -> None:
    """Make an exercise: usage logs of a simulated provider, with the truth beside them.

    \b
    Examples:
        stillwatch drill --out exercise --seed 7
        stillwatch drill --out hard --scenario class:diluted_relay --tier expert
        stillwatch drill --out year --scenario published-2026 --scale 0.02 --knob published_coding.sync=0.3
        stillwatch drill --out large --exchanges 30000000 --accounts 500000 --sketches
    """
    if listing:
        _print_catalogue(as_json)
        return
    if out is None:
        raise click.UsageError("--out is missing; give the folder to make, for example --out exercise")
    if key is not None and not sketches:
        raise click.UsageError("--key is for --sketches; give both, or leave it out")
    from stillwatch.cli.inputs import lasting_key
    from stillwatch.drill.exercise import Settings
    from stillwatch.drill.writer import run_drill

    settings = Settings(
        scenario, exchanges, accounts, days, seed, tier, labs, scale, prompts, arrivals, knobs, lookalikes
    )
    kept = lasting_key(key) if sketches else None
    summary = run_drill(settings, out, force=force, key=kept, progress=_progress())
    if as_json:
        click.echo(json.dumps(summary, indent=1))
    else:
        _print_summary(summary, out)
