"""How often is a harmless group ever accused, when the same logs are looked at again every day?

    python benchmarks/looks.py [--mode growing|window] [--days 90] [--groups 1] [--first-seed 9031] [--add]

An exercise without any campaign, with every look-alike class, is scanned as of the end of each day: everything so
far (`growing`), or the last 14 days (`window`). A look-alike group counts as accused when one of the looks does by the rule
of `stillwatch score` (its group has the verdict, or most of its accounts are accused); as touched when any of its accounts
was ever accused; as reviewed likewise. Each group is drawn by itself, so bounds (Clopper-Pearson, upper 95%) take them as
independent. Exercises are made until each class has `--groups`; 600 without an accusation put its rate below half a
percent. Only groups of four accounts or more can be accused as groups (`could be`); there is a bound for these, too. A
history is one exercise with all of its looks: in how many there is any false accusation is what an error rate bounds.
Growing looks are views of one reading, trailing ones a scan each.

Writes benchmarks/results/looks-MODE.json after each exercise. With --add, exercises of an earlier run with the same
settings count too and are not made again. Development used seeds 61 to 69, and 9031, 9041, 9304,
9401 and 9450 once they had been reported on.
"""

import argparse
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from _common import (
    Look,
    Named,
    Planted,
    earlier,
    everyone,
    found_groups,
    make_drill,
    planted,
    run_scan,
    show,
    upper_bound,
    write,
)
from _exercise import Exercise
from stillwatch.detection.scoring import likest
from stillwatch.detection.settings import Settings

WINDOW = 14  # days that a trailing look goes back
EVENTS = ("accused", "touched", "reviewed")
ORDINARY = {
    "accused": "ordinary_accused",
    "touched": "ordinary_accused",
    "reviewed": "ordinary_reviewed",
}
"""Where an exercise counts the ordinary accounts to which each of these ever happened."""
Options = dict[str, Any]


def size_of(settings: Options) -> list[str]:
    """Arguments of `drill`."""
    return [
        f"--days={settings['days']}",
        f"--exchanges={settings['days'] * settings['exchanges_per_day']}",
        f"--accounts={settings['accounts']}",
        f"--lookalikes={settings['lookalikes']}",
    ]


def growing(exercise: Exercise, settings: Options) -> Iterator[tuple[int, Look]]:
    """Looks at everything so far: views of one reading, which are what a scan of the past finds (tests hold it)."""
    day = 24
    start = int(exercise.evidence.ledger["hour"].min()) // day * day
    for number in range(settings["every"], settings["days"] + 1, settings["every"]):
        yield number, exercise.look(Settings(), until=start + number * day)


def trailing(drill: Path, settings: Options) -> Iterator[tuple[int, Look]]:
    """Looks at the last 14 days: a scan each."""
    out = drill.parent / "scan"
    earliest: datetime = pc.min(pq.read_table(drill / "usage", columns=["time"])["time"]).as_py()
    start = earliest.replace(hour=0, minute=0, second=0, microsecond=0)
    for number in range(settings["every"], settings["days"] + 1, settings["every"]):
        since, until = (start + timedelta(days=d) for d in (max(number - WINDOW, 0), number))
        run_scan(drill, out, f"--since={since.isoformat()}", f"--until={until.isoformat()}", dated=False)
        yield number, found_groups(out)


def watch(groups: list[Planted], people: frozenset[str], looks: Iterator[tuple[int, Look]]) -> dict[str, Any]:
    """What ever happened to each group and to ordinary accounts over all looks, and for groups when first."""
    first: dict[str, dict[str, int]] = {g.group_id: {} for g in groups}
    accused: set[str] = set()
    reviewed: set[str] = set()
    count = 0
    for day, found in looks:
        count += 1
        named = Named.of(found)
        accused |= named.accused & people
        reviewed |= named.reviewed & people
        holders: dict[str, list[str]] = defaultdict(list)
        for number, (_, who) in enumerate(found):
            for account in who:
                holders[account].append(str(number))
        sizes = {str(number): len(who) for number, (_, who) in enumerate(found)}
        for g in groups:
            best = likest(g.accounts, holders, sizes)
            verdict = found[int(best)][0] if best is not None else None
            taken = len(g.accounts & named.accused)
            happened = {
                "accused": verdict == "extraction" or 2 * taken > len(g.accounts),
                "touched": taken > 0,
                "reviewed": verdict == "review",
            }
            for event in EVENTS:
                if happened[event]:
                    first[g.group_id].setdefault(event, day)
    return {
        "looks": count,
        "groups": [
            {"class": g.name, "accounts": len(g.accounts), "first_day": first[g.group_id]} for g in groups
        ],
        "ordinary": len(people),
        "ordinary_accused": len(accused),
        "ordinary_reviewed": len(reviewed - accused),
    }


def one(seed: int, settings: Options) -> dict[str, Any]:
    """All looks at one exercise."""
    if settings["mode"] == "growing":
        exercise = Exercise.made("quiet", seed, size_of(settings))
        people = exercise.everyone.difference(*(g.accounts for g in exercise.groups))
        return {"seed": seed, **watch(exercise.groups, people, growing(exercise, settings))}
    with tempfile.TemporaryDirectory() as folder:
        drill = Path(folder) / "drill"
        make_drill(drill, "quiet", seed, *size_of(settings))
        groups = planted(drill)
        people = everyone(drill).difference(*(g.accounts for g in groups))
        return {"seed": seed, **watch(groups, people, trailing(drill, settings))}


def summarise(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each class over all exercises, and for all classes, for ordinary accounts and for whole histories."""
    cells: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(("groups", "could_be", *EVENTS), 0))
    least = Settings().group_accounts
    for group in (g for run in runs for g in run["groups"]):
        for name in (group["class"], "every class"):
            cells[name]["groups"] += 1
            cells[name]["could_be"] += group["accounts"] >= least
            for event in EVENTS:
                cells[name][event] += event in group["first_day"]
    total = cells.pop("every class")
    people = sum(run["ordinary"] for run in runs)
    named_wrongly = {"groups": people, "could_be": people} | {
        event: sum(run[ORDINARY[event]] for run in runs) for event in EVENTS
    }
    histories = {"groups": len(runs), "could_be": len(runs)} | {
        event: sum(
            run[ORDINARY[event]] > 0 or any(event in g["first_day"] for g in run["groups"]) for run in runs
        )
        for event in EVENTS
    }
    listed = [
        *sorted(cells.items()),
        ("every class", total),
        ("ordinary accounts", named_wrongly),
        ("histories", histories),
    ]
    return [
        {
            "class": name,
            **cell,
            "accused_at_most": upper_bound(cell["accused"], cell["groups"]),
            "could_be_at_most": upper_bound(min(cell["accused"], cell["could_be"]), cell["could_be"]),
            "reviewed_at_most": upper_bound(cell["reviewed"], cell["groups"]),
        }
        for name, cell in listed
    ]


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
    parser.add_argument("--mode", choices=["growing", "window"], default="growing")
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--every", type=int, default=1, help="days between two looks")
    parser.add_argument("--exchanges-per-day", type=int, default=3_000)
    parser.add_argument("--accounts", type=int, default=6_000)
    parser.add_argument("--lookalikes", type=int, default=10, help="groups of each class in an exercise")
    parser.add_argument("--groups", type=int, default=1, help="of each class, over all exercises")
    parser.add_argument("--first-seed", type=int, default=9031, help="of the exercises, which count up")
    parser.add_argument("--add", action="store_true", help="count exercises of an earlier run too")
    options = parser.parse_args()
    settings = {
        k: getattr(options, k)
        for k in ("mode", "days", "every", "exchanges_per_day", "accounts", "lookalikes")
    }
    name = f"looks-{options.mode}"
    runs = earlier(name, settings).get("runs", []) if options.add else []
    seeds = (seed for seed in count(options.first_seed) if seed not in {run["seed"] for run in runs})
    while fewest(runs) < options.groups:
        seed = next(seeds)
        runs.append(one(seed, settings))
        print(f"seed {seed}: {runs[-1]['looks']} looks", flush=True)
        write(name, {"settings": settings, "classes": summarise(runs), "runs": runs})
    show(
        [
            *("class", "groups", "could be", "ever accused", "touched", "reviewed"),
            *("accused at most", "of those that could be", "reviewed at most"),
        ],
        [
            [
                *(row[k] for k in ("class", "groups", "could_be", *EVENTS)),
                *(
                    f"{100 * row[k]:.2f}%"
                    for k in ("accused_at_most", "could_be_at_most", "reviewed_at_most")
                ),
            ]
            for row in summarise(runs)
        ],
    )


if __name__ == "__main__":
    main()
