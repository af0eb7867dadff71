"""Does `probability` mean what it says? Brier score and reliability of all groups that scans examined; and how early.

    python benchmarks/calibration.py [--tiers plain adaptive expert] [--seeds 9071 9072] [--knob CLASS.NAME=VALUE]

A group of a scan is extraction in truth when most of its members belong to unauthorised campaigns. Its probability
follows from `log10_bayes_factor` under each prior, so one scan serves all priors; a group that an agreement covers
keeps at most .01, as in scan. Brier scores are means of squared differences; `by base rate` is the score of the true
share of extraction itself, given to every group. Intervals are 2.5% to 97.5% of a bootstrap over exercises, as
groups of one exercise are not independent; where all groups of a bin agree, a bootstrap has no width, and the exact
interval over groups (Clopper-Pearson) stands instead. A prior far below the share of extraction that exercises hold
makes probabilities too low here, as it should; so the last table takes that share itself for the prior.

Early detection: for each campaign with at least `--least` exchanges of its own (relayed ones left out), the share of
them before its `detected_at`; 100% where no accused group holds half of its accounts. Campaigns of the tier expert
are small: `--knob load_balanced.accounts=500` makes one that is large enough. Writes
benchmarks/results/calibration.json. Development used seeds 61 to 69.
"""

import argparse
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
import pyarrow.parquet as pq

from _common import ACCUSED_ROLES, make_drill, percent, planted, run_scan, run_score, show, write

PRIORS = (0.001, 0.01, 0.1)
CONSENT = 0.01  # the most that scan gives a group whose accounts an agreement covers
BINS = np.linspace(0, 1, 11)
DRAWS = 2000  # of the bootstrap

Floats = npt.NDArray[np.float64]


def probability(log10_factor: Floats, authorised: npt.NDArray[np.bool_], prior: float) -> Floats:
    """Of extraction under this prior, for each group."""
    log_odds = np.log(prior / (1 - prior)) + log10_factor * np.log(10)
    found = 1 / (1 + np.exp(-np.clip(log_odds, -700, 700)))
    return np.asarray(np.where(authorised, np.minimum(found, CONSENT), found))


def examined(drill: Path, out: Path) -> list[dict[str, Any]]:
    """Every group of a scan, with what it is in truth."""
    guilty = frozenset().union(*(g.accounts for g in planted(drill) if g.unauthorised))
    members: dict[str, list[str]] = {}
    for m in pq.read_table(out / "members.parquet").to_pylist():
        if m["role"] in ACCUSED_ROLES:
            members.setdefault(m["campaign_id"], []).append(m["account_id"])
    return [
        {
            "accounts": len(members.get(c["campaign_id"], ())),
            "verdict": c["verdict"],
            "authorised": c["kind_of_use"] == "authorised",
            "log10_bayes_factor": c["log10_bayes_factor"],
            "extraction": 2 * sum(a in guilty for a in members.get(c["campaign_id"], ()))
            > len(members.get(c["campaign_id"], ())),
        }
        for c in pq.read_table(out / "campaigns.parquet").to_pylist()
    ]


def early(drill: Path, out: Path, least: int) -> list[dict[str, Any]]:
    """Campaigns with `least` own exchanges: the share of them before detection."""
    truth = pq.read_table(drill / "truth" / "exchanges.parquet")
    times = pq.read_table(drill / "usage", columns=["event_id", "time"])
    own = truth.filter(pc.field("extracting")).join(times, "event_id")
    first_of = {
        g["group_id"]: g["first_time"] for g in pq.read_table(drill / "truth" / "groups.parquet").to_pylist()
    }
    rows = []
    for g in run_score(drill, out)["groups"]:
        if not g["unauthorised"]:
            continue
        at = own.filter(pc.field("group_id") == g["group_id"])["time"].to_pylist()
        if len(at) < least:
            continue
        detected: datetime | None = None
        if g["hours_to_detection"] is not None:
            seconds = round(3600 * g["hours_to_detection"])  # detected_at is a whole hour, to the second
            detected = first_of[g["group_id"]].astimezone(UTC) + timedelta(seconds=seconds)
        before = len(at) if detected is None else sum(t < detected for t in at)
        rows.append(
            {
                "class": g["name"],
                "tier": g["tier"],
                "exchanges": len(at),
                "detected": detected is not None,
                "share_before": before / len(at),
            }
        )
    return rows


def one(seed: int, tier: str, options: argparse.Namespace) -> dict[str, Any]:
    """One exercise: its groups, and how early its campaigns were known."""
    with tempfile.TemporaryDirectory() as folder:
        drill, out = Path(folder) / "drill", Path(folder) / "scan"
        make_drill(
            drill,
            options.scenario,
            seed,
            f"--exchanges={options.exchanges}",
            f"--accounts={options.accounts}",
            f"--tier={tier}",
            *(f"--knob={k}" for k in options.knobs),
        )
        run_scan(drill, out, dated=not options.undated)
        return {
            "seed": seed,
            "tier": tier,
            "groups": examined(drill, out),
            "campaigns": [] if options.undated else early(drill, out, options.least),
        }


def interval(runs: list[Floats], figure: Callable[[Floats], float]) -> tuple[float, float]:
    """2.5% and 97.5% of a figure over draws of exercises with replacement; each exercise is an array with a row a group."""
    rng = np.random.default_rng(0)
    drawn = [
        figure(np.concatenate([runs[i] for i in rng.integers(0, len(runs), len(runs))])) for _ in range(DRAWS)
    ]
    known = [x for x in drawn if not np.isnan(x)]
    low, high = np.quantile(known, [0.025, 0.975]) if known else (np.nan, np.nan)
    return float(low), float(high)


def brier(groups: Floats) -> float:
    """Mean squared difference of columns 0 (probability) and 1 (truth)."""
    return float(np.mean((groups[:, 0] - groups[:, 1]) ** 2)) if len(groups) else float("nan")


def share_within(groups: Floats, low: float, high: float) -> float:
    """Share of extraction among the groups with a probability from `low` on and below `high` (1 is in the last bin)."""
    inside = (groups[:, 0] >= low) & ((groups[:, 0] < high) | (high >= 1))
    return float(groups[inside, 1].mean()) if inside.any() else float("nan")


def share_interval(runs: list[Floats], every: Floats, low: float, high: float) -> tuple[float, float]:
    """Of `share_within`; exact over groups where the bootstrap would have no width. `every`: all runs together."""
    share = share_within(every, low, high)
    if 0 < share < 1:
        return interval(runs, partial(share_within, low=low, high=high))
    n = int(((every[:, 0] >= low) & ((every[:, 0] < high) | (high >= 1))).sum())
    width = 1 - 0.025 ** (1 / n)
    return (0.0, width) if share == 0 else (1 - width, 1.0)


def judge(runs: list[dict[str, Any]], prior: float) -> dict[str, Any]:
    """Brier score and reliability of all groups under one prior."""
    arrays = []
    for run in runs:
        factor = np.array([g["log10_bayes_factor"] for g in run["groups"]], dtype=np.float64)
        authorised = np.array([g["authorised"] for g in run["groups"]], dtype=bool)
        truth = np.array([g["extraction"] for g in run["groups"]], dtype=np.float64)
        arrays.append(np.column_stack([probability(factor, authorised, prior), truth]))
    every = np.concatenate(arrays)
    base = float(every[:, 1].mean()) if len(every) else float("nan")
    bins = []
    for low, high in zip(BINS[:-1].tolist(), BINS[1:].tolist(), strict=True):
        inside = (every[:, 0] >= low) & ((every[:, 0] < high) | (high >= 1))
        if inside.any():
            bins.append(
                {
                    "from": round(low, 1),
                    "to": round(high, 1),
                    "groups": int(inside.sum()),
                    "mean_probability": float(every[inside, 0].mean()),
                    "extraction": float(every[inside, 1].mean()),
                    "interval": share_interval(arrays, every, low, high),
                }
            )
    return {
        "prior": prior,
        "groups": len(every),
        "base_rate": base,
        "brier": brier(every),
        "brier_interval": interval(arrays, brier),
        "brier_by_base_rate": base * (1 - base),
        "bins": bins,
    }


def true_share(runs: list[dict[str, Any]]) -> list[float]:
    """The share of extraction among all groups, as a prior; none where no prior can be made of it."""
    truth = [g["extraction"] for run in runs for g in run["groups"]]
    return [sum(truth) / len(truth)] if 0 < sum(truth) < len(truth) else []


def by_tier(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Early detection of each tier."""
    rows = []
    for tier in dict.fromkeys(run["tier"] for run in runs):
        found = [c for run in runs if run["tier"] == tier for c in run["campaigns"]]
        shares = [c["share_before"] for c in found]
        rows.append(
            {
                "tier": tier,
                "campaigns": len(found),
                "detected": sum(c["detected"] for c in found),
                "median_share_before": float(np.median(shares)) if shares else None,
                "largest_share_before": max(shares, default=None),
            }
        )
    return rows


def tell(report: dict[str, Any], least: int) -> None:
    """Print the tables."""
    for found in report["priors"]:
        low, high = found["brier_interval"]
        print(
            f"\nprior {found['prior']:.3g}: Brier {found['brier']:.4f} ({low:.4f} to {high:.4f}) over {found['groups']}"
            f" groups, {100 * found['base_rate']:.1f}% extraction (by base rate {found['brier_by_base_rate']:.4f})"
        )
        show(
            ["probability", "groups", "mean", "extraction", "95% interval"],
            [
                [
                    f"{b['from']:.1f} to {b['to']:.1f}",
                    b["groups"],
                    f"{b['mean_probability']:.3f}",
                    f"{b['extraction']:.3f}",
                    f"{b['interval'][0]:.3f} to {b['interval'][1]:.3f}",
                ]
                for b in found["bins"]
            ],
        )
    if not report["early"]:
        return
    print(f"\nCampaigns of {least:,} exchanges or more: share of them before detection")
    show(
        ["tier", "campaigns", "detected", "median", "largest"],
        [
            [
                row["tier"],
                row["campaigns"],
                row["detected"],
                *(
                    "-" if row[k] is None else percent(row[k], 1)
                    for k in ("median_share_before", "largest_share_before")
                ),
            ]
            for row in report["early"]
        ],
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenario", default="default")
    parser.add_argument("--tiers", nargs="+", default=["plain", "adaptive", "expert"])
    parser.add_argument("--exchanges", type=int, default=300_000)
    parser.add_argument("--accounts", type=int, default=12_000)
    parser.add_argument("--priors", type=float, nargs="+", default=list(PRIORS))
    parser.add_argument("--least", type=int, default=5_000, help="exchanges of a campaign")
    parser.add_argument("--knob", dest="knobs", action="append", default=[], help="passed on to drill")
    parser.add_argument("--undated", action="store_true", help="leave out how early; a third of the time")
    parser.add_argument("--seeds", type=int, nargs="+", default=[9071, 9072, 9073])
    options = parser.parse_args()
    runs = []
    for tier in options.tiers:
        for seed in options.seeds:
            runs.append(one(seed, tier, options))
            print(f"{tier}, seed {seed}: {len(runs[-1]['groups'])} groups", flush=True)
    report = {
        "settings": vars(options),
        "priors": [judge(runs, prior) for prior in (*options.priors, *true_share(runs))],
        "early": [] if options.undated else by_tier(runs),
        "runs": runs,
    }
    tell(report, options.least)
    write("calibration", report)


if __name__ == "__main__":
    main()
