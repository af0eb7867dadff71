"""Accuracy of `scan` on drills with seeds that no development used: planted against found, per class.

    python benchmarks/accuracy.py                                     # published-2026, plain
    python benchmarks/accuracy.py --scenario default --tier expert    # six campaigns, every look-alike

Runs the commands as a user would, prints a row for each class over all seeds, the mean and the worst seed, how look-alikes
are called and how early campaigns were known, and writes benchmarks/results/accuracy-SCENARIO[-TIER].json; and every
group that a scan examined, for calibration.py, to groups-SCENARIO[-TIER].csv.
Development used seeds 1 to 99, and some above 8500 once versions before had been reported on them; reports use 8610 and up.
Exercises of one seed have the same look-alikes at every tier: give each tier seeds of its own to count them together.
"""

import argparse
import csv
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from _common import (
    RESULTS,
    found_groups,
    make_drill,
    planted,
    run_scan,
    run_score,
    upper_bound,
    write,
)
from stillwatch.records.findings import ACCUSED_ROLES

NO_ROW = ("", "ordinary", "unknown")
"""Kinds of use of groups that need no row: travellers, families, users of a VPN."""


def one(scenario: str, size: list[str], seed: int, folder: Path, dated: bool) -> dict[str, Any]:
    """Make, scan and score one exercise."""
    drill, out = folder / f"drill-{seed}", folder / f"scan-{seed}"
    make_drill(drill, scenario, seed, *size)
    run = run_scan(drill, out, dated=dated)
    return {
        "seed": seed,
        "score": run_score(drill, out),
        "dated": dated,
        "examined": examined(drill, out),
        "early": early(drill, out) if dated else [],
        "seconds": run["seconds"],
        "peak_memory_bytes": run["peak_memory_bytes"],
    }


def examined(drill: Path, out: Path) -> list[dict[str, Any]]:
    """Every group of a scan, with what most of its members are in truth."""
    guilty = frozenset().union(*(g.accounts for g in planted(drill) if g.unauthorised))
    table = pq.read_table(out / "campaigns.parquet", columns=["kind_of_use", "log10_bayes_factor"])
    return [
        {
            "accounts": len(members),
            "authorised": int(row["kind_of_use"] == "authorised"),
            "extraction": int(2 * len(members & guilty) > len(members)),
            "log10_bayes_factor": round(row["log10_bayes_factor"], 2),
        }
        for row, (_, members) in zip(table.to_pylist(), found_groups(out), strict=True)
    ]


def early(drill: Path, out: Path) -> list[dict[str, Any]]:
    """By campaign: share of its exchanges before `detected_at` of the accused group that holds most of its accounts.

    1 where none holds half of them. `share_possible`: the share before half of its accounts had sent anything. No earlier
    hour counts, by the definition of `detected_at`.
    """
    truth = pq.read_table(drill / "truth" / "exchanges.parquet").filter(pc.field("extracting"))
    usage = ds.dataset(drill / "usage").to_table(columns=["event_id", "account_id", "time"])
    own = truth.join(usage, "event_id", join_type="inner")
    campaigns = pq.read_table(out / "campaigns.parquet", columns=["campaign_id", "verdict", "detected_at"])
    when = {c["campaign_id"]: c["detected_at"] for c in campaigns.to_pylist() if c["verdict"] == "extraction"}
    members = pq.read_table(out / "members.parquet", columns=["campaign_id", "account_id", "role"])
    accused = [
        (m["account_id"], m["campaign_id"])
        for m in members.to_pylist()
        if m["campaign_id"] in when and m["role"] in ACCUSED_ROLES
    ]
    found = []
    for group in sorted(set(own["group_id"].to_pylist())):
        part = own.filter(pc.equal(own["group_id"], group))
        accounts = set(part["account_id"].to_pylist())
        held = Counter(campaign for account, campaign in accused if account in accounts)
        times = part["time"].to_pylist()
        firsts = sorted(part.group_by("account_id").aggregate([("time", "min")])["time_min"].to_pylist())
        half = firsts[(len(firsts) - 1) // 2]
        before = len(times)
        if held and 2 * max(held.values()) >= len(accounts):
            known = when[max(held, key=lambda c: (held[c], c))]
            before = sum(t < known for t in times)
        found.append(
            {
                "group_id": group,
                "exchanges": len(times),
                "share_before": before / len(times),
                "share_possible": sum(t < half for t in times) / len(times),
            }
        )
    return found


def named_right(runs: list[dict[str, Any]], least: int) -> tuple[int, int, int]:
    """(look-alike groups of at least so many accounts, of these with a row, of these with the right kind of use)."""
    groups = [
        g
        for run in runs
        for g in run["score"]["groups"]
        if not g["unauthorised"] and g["accounts"] >= least and g["expected_kind_of_use"] not in NO_ROW
    ]
    rows = [g for g in groups if g["verdict"] is not None]
    return len(groups), len(rows), sum(g["kind_of_use"] == g["expected_kind_of_use"] for g in rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenario", default="published-2026")
    parser.add_argument("--scale", type=float, default=0.05, help="of published-2026")
    parser.add_argument("--exchanges", type=int, default=300_000, help="of other scenarios")
    parser.add_argument("--accounts", type=int, default=12_000, help="of other scenarios")
    parser.add_argument("--tier", default=None)
    parser.add_argument("--dated", type=int, help="date accusations of so many seeds only, the first ones")
    parser.add_argument("--seeds", type=int, nargs="+", default=[8501, 8502, 8503])
    for name, what in (("prompts", "people's texts"), ("arrivals", "times of arrival")):
        parser.add_argument(
            f"--{name}", type=Path, help=f"{what} of another make, as `drill` takes them; give a --label, too"
        )
    parser.add_argument("--label", help="added to the names of the results, such as `small`")
    arguments = parser.parse_args()
    if arguments.scenario == "published-2026":
        size = ["--scale", str(arguments.scale), "--tier", arguments.tier or "plain"]
    else:
        size = ["--exchanges", str(arguments.exchanges), "--accounts", str(arguments.accounts)]
        size += ["--tier", arguments.tier] if arguments.tier else []
    given = {name: path.resolve() for name in ("prompts", "arrivals") if (path := getattr(arguments, name))}
    options = [*size, *(f"--{name}={path}" for name, path in given.items())]
    runs: list[dict[str, Any]] = []
    for seed in arguments.seeds:
        with tempfile.TemporaryDirectory() as folder:
            dated = arguments.dated is None or len(runs) < arguments.dated
            runs.append(one(arguments.scenario, options, seed, Path(folder), dated))
        score = runs[-1]["score"]
        print(
            f"seed {seed}: accused {score['guilty_accused']} of {score['guilty']} campaign accounts"
            f" ({100 * score['recall']:.1f}%), {100 * score['precision']:.1f}% of {score['accused']} accused are guilty,"
            f" look-alike groups accused {score['look_alikes_accused']}, ordinary accounts accused"
            f" {score['ordinary_accused']}; {sum(runs[-1]['seconds'].values()):.0f} s,"
            f" {runs[-1]['peak_memory_bytes'] / 2**30:.1f} GiB",
            flush=True,
        )
    classes: dict[tuple[bool, str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for run in runs:
        for group in run["score"]["groups"]:
            cell = classes[not group["unauthorised"], group["name"], group["tier"]]
            cell["groups"] += 1
            cell["accounts"] += group["accounts"]
            cell["accused"] += group["accused"]
            cell["groups_accused"] += group["verdict"] == "extraction"
            cell["groups_reviewed"] += group["verdict"] == "review"
    print(f"{'class':24} {'tier':9} groups accounts  accused  groups accused  to review")
    for (benign, name, tier), cell in sorted(classes.items()):
        bound = (
            f"  (rate at most {upper_bound(cell['groups_accused'], cell['groups']):.2f})" if benign else ""
        )
        print(
            f"{name:24} {tier:9} {cell['groups']:6} {cell['accounts']:8} {cell['accused']:8}"
            f" {cell['groups_accused']:15} {cell['groups_reviewed']:10}{bound}"
        )
    scores = [run["score"] for run in runs]
    for name in ("recall", "precision"):
        values = [score[name] for score in scores]
        print(f"{name}: mean {sum(values) / len(values):.3f}, worst {min(values):.3f}")
    harmless = [cell for (kind, _, _), cell in classes.items() if kind]
    total, accused = sum(c["groups"] for c in harmless), sum(c["groups_accused"] for c in harmless)
    print(f"look-alike groups accused: {accused} of {total} (rate at most {upper_bound(accused, total):.4f})")
    large, rows, right = named_right(runs, 50)
    print(
        f"look-alike groups of 50 accounts or more: {large}, with a row {rows}, of these called right {right}"
    )
    large_ones = [e for run in runs for e in run["early"] if e["exchanges"] >= 5_000]
    if large_ones:
        gone, floor = ([e[k] for e in large_ones] for k in ("share_before", "share_possible"))
        print(
            f"{len(gone)} campaigns of 5,000 exchanges or more: share gone by before detection, mean"
            f" {sum(gone) / len(gone):.3f}, worst {max(gone):.3f}; when half of the accounts had sent anything, mean"
            f" {sum(floor) / len(floor):.3f}, worst {max(floor):.3f}"
        )
    name = "-".join(filter(None, (arguments.scenario, arguments.tier, arguments.label)))
    groups = [{"seed": run["seed"], **row} for run in runs for row in run.pop("examined")]
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / f"groups-{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(groups[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(groups)
    report = {
        "scenario": arguments.scenario,
        "size": size,
        "given": {name: path.name for name, path in given.items()},
        "runs": runs,
        "classes": [
            {"class": n, "tier": t, "benign": b, **cell} for (b, n, t), cell in sorted(classes.items())
        ],
    }
    write(f"accuracy-{name}", report)


if __name__ == "__main__":
    main()
