"""How often is a harmless group ever accused, when the same logs are looked at again every day?

    python benchmarks/looks.py [--mode growing|window] [--days 90] [--groups 1] [--first-seed 9031] [--add]

An exercise without any campaign, with every look-alike class, is scanned as of the end of each day: everything so
far (`growing`), or the last 14 days (`window`). A look-alike group counts as accused when one of the looks does by the rule
of `stillwatch score` (its group has the verdict, or most of its accounts are accused); as touched when any of its accounts
was ever accused; as reviewed likewise. Groups of one exercise are one group of each class, so bounds (Clopper-Pearson,
upper 95%) are over independent groups. Exercises are made until each class has `--groups`; 600 without an
accusation put its rate below half a percent.

Writes benchmarks/results/looks-MODE.json after each exercise. With --add, exercises of an earlier run with the same
settings count too and are not made again. Development used seeds 61 to 69.
"""

import argparse
import json
import tempfile
from collections import defaultdict
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from _common import (
    RESULTS,
    everyone,
    make_drill,
    named,
    planted,
    run_scan,
    run_score,
    show,
    upper_bound,
    write,
)

WINDOW = 14  # days that a trailing look goes back
EVENTS = ("accused", "touched", "reviewed")
Settings = dict[str, Any]


def first_day(drill: Path) -> datetime:
    """Midnight before the first exchange."""
    earliest: datetime = pc.min(pq.read_table(drill / "usage", columns=["time"])["time"]).as_py()
    return earliest.replace(hour=0, minute=0, second=0, microsecond=0)


def one(seed: int, settings: Settings) -> dict[str, Any]:
    """All looks at one exercise: for each group and for ordinary accounts, what ever happened and when first."""
    with tempfile.TemporaryDirectory() as folder:
        drill, out = Path(folder) / "drill", Path(folder) / "scan"
        days = settings["days"]
        make_drill(
            drill,
            "quiet",
            seed,
            f"--days={days}",
            f"--exchanges={days * settings['exchanges_per_day']}",
            f"--accounts={settings['accounts']}",
        )
        groups, start = planted(drill), first_day(drill)
        first: dict[str, dict[str, int]] = {g.group_id: {} for g in groups}
        ordinary = everyone(drill).difference(*(g.accounts for g in groups))
        accused: set[str] = set()
        reviewed: set[str] = set()
        looks = 0
        for day in range(settings["every"], days + 1, settings["every"]):
            looks += 1
            span = [f"--until={(start + timedelta(days=day)).isoformat()}"]
            if settings["mode"] == "window":
                span.append(f"--since={(start + timedelta(days=max(day - WINDOW, 0))).isoformat()}")
            run_scan(drill, out, *span, dated=False)
            found = named(out)
            accused |= found.accused & ordinary
            reviewed |= found.reviewed & ordinary
            verdict_of = {g["group_id"]: g for g in run_score(drill, out)["groups"]}
            for g in groups:
                judged = verdict_of[g.group_id]
                happened = {
                    "accused": judged["verdict"] == "extraction" or 2 * judged["accused"] > len(g.accounts),
                    "touched": judged["accused"] > 0,
                    "reviewed": judged["verdict"] == "review",
                }
                for event in EVENTS:
                    if happened[event]:
                        first[g.group_id].setdefault(event, day)
    return {
        "seed": seed,
        "looks": looks,
        "groups": [
            {"class": g.name, "accounts": len(g.accounts), "first_day": first[g.group_id]} for g in groups
        ],
        "ordinary": len(ordinary),
        "ordinary_accused": len(accused),
        "ordinary_reviewed": len(reviewed - accused),
    }


def summarise(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each class over all exercises, and one for all classes together and one for ordinary accounts."""
    cells: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(("groups", *EVENTS), 0))
    for group in (g for run in runs for g in run["groups"]):
        for name in (group["class"], "every class"):
            cells[name]["groups"] += 1
            for event in EVENTS:
                cells[name][event] += event in group["first_day"]
    total = cells.pop("every class")
    people = sum(run["ordinary"] for run in runs)
    named_wrongly = {
        "groups": people,
        "accused": sum(run["ordinary_accused"] for run in runs),
        "touched": sum(run["ordinary_accused"] for run in runs),
        "reviewed": sum(run["ordinary_reviewed"] for run in runs),
    }
    listed = [*sorted(cells.items()), ("every class", total), ("ordinary accounts", named_wrongly)]
    return [
        {
            "class": name,
            **cell,
            "accused_at_most": upper_bound(cell["accused"], cell["groups"]),
            "reviewed_at_most": upper_bound(cell["reviewed"], cell["groups"]),
        }
        for name, cell in listed
    ]


def earlier(name: str, settings: Settings) -> list[dict[str, Any]]:
    """Exercises of an earlier run; none where there was none. Others' settings end the benchmark."""
    path = RESULTS / f"{name}.json"
    if not path.exists():
        return []
    report = json.loads(path.read_text())
    if report["settings"] != settings:
        raise SystemExit(f"{path} was made with {report['settings']}; give the same, or leave out --add")
    runs: list[dict[str, Any]] = report["runs"]
    return runs


def fewest(runs: list[dict[str, Any]]) -> int:
    """Groups of the class with the fewest."""
    counted: dict[str, int] = defaultdict(int)
    for group in (g for run in runs for g in run["groups"]):
        counted[group["class"]] += 1
    return min(counted.values(), default=0)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mode", choices=["growing", "window"], default="window")
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--every", type=int, default=1, help="days between two looks")
    parser.add_argument("--exchanges-per-day", type=int, default=3_000)
    parser.add_argument("--accounts", type=int, default=6_000)
    parser.add_argument("--groups", type=int, default=1, help="of each class, over all exercises")
    parser.add_argument("--first-seed", type=int, default=9031, help="of the exercises, which count up")
    parser.add_argument("--add", action="store_true", help="count exercises of an earlier run too")
    options = parser.parse_args()
    settings = {k: getattr(options, k) for k in ("mode", "days", "every", "exchanges_per_day", "accounts")}
    name = f"looks-{options.mode}"
    runs = earlier(name, settings) if options.add else []
    seeds = (seed for seed in count(options.first_seed) if seed not in {run["seed"] for run in runs})
    while fewest(runs) < options.groups:
        seed = next(seeds)
        runs.append(one(seed, settings))
        print(f"seed {seed}: {runs[-1]['looks']} looks", flush=True)
        write(name, {"settings": settings, "classes": summarise(runs), "runs": runs})
    show(
        ["class", "groups", "ever accused", "touched", "reviewed", "accused at most", "reviewed at most"],
        [
            [
                *(row[k] for k in ("class", "groups", *EVENTS)),
                f"{100 * row['accused_at_most']:.2f}%",
                f"{100 * row['reviewed_at_most']:.2f}%",
            ]
            for row in summarise(runs)
        ],
    )


if __name__ == "__main__":
    main()
