"""`stillwatch score`: a scan held against the truth of its exercise."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from stillwatch.cli.options import Strict
from stillwatch.cli.text_table import text_table
from stillwatch.detection.scoring import GroupScore, Score
from stillwatch.detection.scoring import score as run_score


def _campaign(g: GroupScore) -> list[str]:
    delay = "" if g.hours_to_detection is None else f"{g.hours_to_detection:.0f} h"
    return [g.name, g.tier, f"{g.accounts}", f"{g.accused}", f"{g.review}", delay, _verdict(g)]


def _verdict(g: GroupScore) -> str:
    """The verdict on the group of the scan that has most of its accounts, or on the parts that were found."""
    if g.verdict is not None:
        return g.verdict
    if g.accused:
        return "extraction in parts"
    return "review in parts" if g.review else "not seen"


def render(score: Score) -> str:
    """Planted against found, as two tables and a line."""
    campaigns = [_campaign(g) for g in score.groups if g.unauthorised]
    classes: dict[tuple[str, str], list[GroupScore]] = {}
    for g in score.groups:
        if not g.unauthorised:
            classes.setdefault((g.name, g.expected_kind_of_use), []).append(g)
    benign = [
        [
            name,
            kind,
            f"{len(groups)}",
            f"{sum(g.accounts for g in groups)}",
            f"{sum(g.accused for g in groups)}",
            f"{sum(g.verdict == 'review' for g in groups)}",
            f"{sum(g.kind_of_use == kind for g in groups)} named as expected",
        ]
        for (name, kind), groups in classes.items()
    ]
    return "\n".join(
        [
            "Campaigns planted, and what the scan made of them",
            *text_table(
                ["class", "tier", "accounts", "accused", "review", "half known after", "verdict"],
                campaigns,
                left=(0, 1, 6),
            ),
            "",
            "Uses that look alike",
            *text_table(
                ["class", "use", "groups", "accounts", "accused", "to review", "kind of use"],
                benign,
                left=(0, 1, 6),
            ),
            "",
            f"accused {score.guilty_accused} of {score.guilty} campaign accounts ({100 * score.recall:.1f}%); "
            + (
                f"{100 * score.precision:.1f}% of {score.accused} accused accounts are guilty;"
                if score.accused
                else "nobody is accused;"
            )
            + f" look-alike groups accused: {score.look_alikes_accused};"
            f" ordinary accounts accused: {score.ordinary_accused} of {score.ordinary}",
        ]
    )


@click.command(cls=Strict, epilog="Example: stillwatch score --truth exercise/truth --scan results")
@click.option("--truth", required=True, type=click.Path(path_type=Path), help="The folder truth/ of a drill.")
@click.option(
    "--scan", "scanned", required=True, type=click.Path(path_type=Path), help="The folder that scan wrote."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def score(truth: Path, scanned: Path, as_json: bool) -> None:
    """Compare a scan with the truth of its exercise: per campaign and per look-alike class."""
    found = run_score(truth, scanned)
    if as_json:
        click.echo(
            json.dumps(
                {
                    **asdict(found),
                    "recall": found.recall,
                    "precision": found.precision,
                    "look_alikes_accused": found.look_alikes_accused,
                },
                indent=2,
            )
        )
    else:
        click.echo(render(found))
