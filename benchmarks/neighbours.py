"""Accuracy of `scan` beside two neighbours, on the same exercises in the same run.

    python benchmarks/neighbours.py [--scenario default] [--rate 0.003] [--seeds 9001 9002]

The neighbours are our own implementations: MMD of each account's window of requests (arXiv 2606.05725, see _mmd.py) and a
hand-weighted sum of signs of single accounts (see _heuristics.py). Their thresholds are set on a calibration
exercise of another seed without any campaign, so that the stated share of its harmless accounts (look-alikes included)
lies above; the sum is shown at its authors' own threshold for a flag too. `found at 98% guilty` is the share of
campaign accounts above the lowest threshold at which 98% of those above are guilty: truth itself chooses it for each
neighbour and exercise, which nobody can have in practice.

Prints how many accounts of each class every detector accuses, and writes benchmarks/results/neighbours-SCENARIO.json.
Development used seeds 61 to 69.
"""

import argparse
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

import _heuristics
from _common import everyone, make_drill, named, percent, planted, run_scan, show, upper_bound, write
from _mmd import Reference, Thresholds, calibrate, embed

REFERENCE = 1000  # benign requests that a window is compared with
FEWEST = 4  # requests from which on an account has a window
GUILTY_SHARE = 0.98  # wanted of the threshold that is best for a neighbour

Windows = dict[str, list[str]]


def windows(drill: Path, most: int) -> Windows:
    """For each account with enough texts, at most `most` of them, spread evenly over its time."""
    table = pq.read_table(drill / "usage", columns=["account_id", "time", "input_text"])
    texts: Windows = defaultdict(list)
    for account, text in zip(*(table.sort_by("time")[c].to_pylist() for c in (0, 2)), strict=True):
        if text is not None:
            texts[account].append(text)
    return {
        account: [said[i] for i in np.linspace(0, len(said) - 1, min(len(said), most)).astype(int)]
        for account, said in sorted(texts.items())
        if len(said) >= FEWEST
    }


@dataclass(frozen=True)
class Mmd:
    """The detector of windows, calibrated."""

    reference: Reference
    thresholds: Thresholds
    window: int

    @classmethod
    def calibrated(cls, drill: Path, window: int, rate: float) -> "Mmd":
        """Half of an exercise's harmless accounts gives the reference, the other half the thresholds."""
        found = windows(drill, window)
        names = np.random.default_rng(1).permutation(sorted(found)).tolist()
        pool = [text for name in names[::2] for text in found[name]]
        chosen = np.random.default_rng(2).choice(len(pool), min(REFERENCE, len(pool)), replace=False)
        reference = Reference.of(embed([pool[i] for i in chosen]))
        rest = {name: found[name] for name in names[1::2]}
        sizes, statistics = _measure(reference, rest)
        return cls(reference, calibrate(sizes, statistics, rate), window)

    def scores(self, drill: Path) -> dict[str, float]:
        """How far each account's window lies above its threshold (above 0: accused)."""
        found = windows(drill, self.window)
        sizes, statistics = _measure(self.reference, found)
        return dict(zip(found, self.thresholds.exceed(sizes, statistics).tolist(), strict=True))


def _measure(reference: Reference, found: Windows) -> tuple[Any, Any]:
    """Sizes and discrepancies of windows."""
    sizes = np.array([len(w) for w in found.values()])
    points = embed([text for w in found.values() for text in w])
    near = reference.nearness(points)
    ends = np.cumsum(sizes)
    values = [
        reference.discrepancy(points[e - n : e], near[e - n : e]) for n, e in zip(sizes, ends, strict=True)
    ]
    return sizes, np.array(values)


def best_recall(scores: Mapping[str, float], guilty: frozenset[str]) -> float:
    """Share of the guilty above the lowest threshold at which `GUILTY_SHARE` of those above are guilty."""
    names = sorted(scores, key=lambda name: -scores[name])
    values = np.array([scores[name] for name in names])
    hits = np.cumsum([name in guilty for name in names])
    ends = np.append(values[1:] < values[:-1], True)  # accounts with equal scores stand or fall together
    good = ends & (hits >= GUILTY_SHARE * np.arange(1, len(names) + 1))
    return float(hits[good].max() / len(guilty)) if good.any() and guilty else 0.0


def one(seed: int, size: list[str], scenario: str, mmd: Mmd, cut: float) -> dict[str, Any]:
    """All detectors on one exercise: whom each accuses, by planted group."""
    with tempfile.TemporaryDirectory() as folder:
        drill, out = Path(folder) / "drill", Path(folder) / "scan"
        make_drill(drill, scenario, seed, *size)
        run_scan(drill, out, dated=False)
        groups, all_accounts, own = planted(drill), everyone(drill), named(out)
        by_window, by_sum = mmd.scores(drill), _heuristics.scores(drill)
    accused = {
        "stillwatch": own.accused,
        "mmd": frozenset(a for a, s in by_window.items() if s > 0),
        "heuristics": frozenset(a for a, s in by_sum.items() if s > cut),
        "heuristics by hand": frozenset(a for a, s in by_sum.items() if s >= _heuristics.FLAG),
    }
    guilty = frozenset().union(*(g.accounts for g in groups if g.unauthorised))
    grouped = frozenset().union(*(g.accounts for g in groups))
    return {
        "seed": seed,
        "guilty": len(guilty),
        "harmless": len(all_accounts - guilty),
        "reviewed_by_stillwatch": {
            "guilty": len(own.reviewed & guilty),
            "harmless": len(own.reviewed - guilty),
        },
        "best_recall": {
            "mmd": best_recall(by_window, guilty),
            "heuristics": best_recall(by_sum, guilty),
        },
        "detectors": {
            name: {
                "accused": len(found),
                "guilty": len(found & guilty),
                "harmless": len(found - guilty),
                "ordinary": len(found - grouped),
            }
            for name, found in accused.items()
        },
        "groups": [
            {
                "class": g.name,
                "tier": g.tier,
                "unauthorised": g.unauthorised,
                "accounts": len(g.accounts),
                **{name: len(found & g.accounts) for name, found in accused.items()},
            }
            for g in groups
        ],
    }


def summarise(runs: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Over all exercises: a row for each class and tier, and one for each detector."""
    detectors = list(runs[0]["detectors"])
    cells: dict[tuple[bool, str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for group in (g for run in runs for g in run["groups"]):
        cell = cells[not group["unauthorised"], group["class"], group["tier"]]
        cell["groups"] += 1
        for name in ("accounts", *detectors):
            cell[name] += group[name]
    classes = [{"class": n, "tier": t, "harmless": b, **cell} for (b, n, t), cell in sorted(cells.items())]
    rows = []
    for name in detectors:
        total = {key: sum(run["detectors"][name][key] for run in runs) for key in runs[0]["detectors"][name]}
        harmless = sum(run["harmless"] for run in runs)
        best = [run["best_recall"][name] for run in runs if name in run["best_recall"]]
        rows.append(
            {
                "detector": name,
                "found": total["guilty"],
                "planted": sum(run["guilty"] for run in runs),
                **{key: total[key] for key in ("accused", "harmless", "ordinary")},
                "harmless_of": harmless,
                "harmless_rate_at_most": upper_bound(total["harmless"], harmless),
                "best_recall": float(np.mean(best)) if best else None,
            }
        )
    return classes, rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenario", default="default")
    parser.add_argument("--tier", default=None, help="one level of craft for every campaign")
    parser.add_argument("--exchanges", type=int, default=300_000)
    parser.add_argument("--accounts", type=int, default=12_000)
    parser.add_argument("--rate", type=float, default=0.003, help="false positives at calibration")
    parser.add_argument("--window", type=int, default=64, help="requests in a window of MMD, at most")
    parser.add_argument("--calibration", type=int, default=9000, help="seed of the exercise without campaign")
    parser.add_argument("--seeds", type=int, nargs="+", default=[9001, 9002, 9003])
    options = parser.parse_args()
    size = [f"--exchanges={options.exchanges}", f"--accounts={options.accounts}"]
    with tempfile.TemporaryDirectory() as folder:
        quiet = Path(folder) / "drill"
        make_drill(quiet, "quiet", options.calibration, *size)
        mmd = Mmd.calibrated(quiet, options.window, options.rate)
        sums = np.array(list(_heuristics.scores(quiet).values()))
    cut = float(calibrate(np.zeros(len(sums), np.int64), sums, options.rate).limits[0])
    if np.isinf(cut) or np.isinf(mmd.thresholds.limits).any():
        print(f"too few harmless accounts to calibrate at {options.rate}: a neighbour accuses nobody")
    size += [f"--tier={options.tier}"] if options.tier else []
    runs = []
    for seed in options.seeds:
        runs.append(one(seed, size, options.scenario, mmd, cut))
        print(f"seed {seed}: done", flush=True)
    classes, rows = summarise(runs)
    detectors = [row["detector"] for row in rows]
    print("\nAccounts accused, by class (campaigns first, then look-alikes)")
    show(
        ["class", "tier", "accounts", *detectors],
        [[c["class"], c["tier"], c["accounts"], *(c[d] for d in detectors)] for c in classes],
        left=2,
    )
    print()
    show(
        ["detector", "found", "accused", "guilty", "harmless accused", "rate at most", "found at 98% guilty"],
        [
            [
                r["detector"],
                f"{r['found']} of {r['planted']} ({percent(r['found'], r['planted'])})",
                r["accused"],
                percent(r["found"], r["accused"]),
                f"{r['harmless']} of {r['harmless_of']}",
                f"{100 * r['harmless_rate_at_most']:.2f}%",
                "" if r["best_recall"] is None else f"{100 * r['best_recall']:.1f}%",
            ]
            for r in rows
        ],
    )
    write(
        f"neighbours-{options.scenario}".replace(":", "-"),
        {
            "scenario": options.scenario,
            "size": size,
            "rate": options.rate,
            "window": options.window,
            "calibration_seed": options.calibration,
            "mmd_thresholds": {
                "from_size": mmd.thresholds.sizes.tolist(),
                "limits": [None if np.isinf(x) else x for x in mmd.thresholds.limits.tolist()],
            },
            "heuristics_threshold": None if np.isinf(cut) else cut,
            "detectors": rows,
            "classes": classes,
            "runs": runs,
        },
    )


if __name__ == "__main__":
    main()
