"""Does `probability` mean what it says? Brier score and reliability of all groups that scans examined.

    python benchmarks/calibration.py [--scenario default] [--tiers plain adaptive expert]

Reads the groups that `accuracy.py` wrote for these tiers: exercises that no development used. A group is extraction in
truth when most of its members belong to unauthorised campaigns. Its probability follows from `log10_bayes_factor` under each
prior, so one scan serves all priors; a group that an agreement covers keeps at most .01, as in scan. Brier scores are
means of squared differences; `by base rate` is the score of the true share of extraction itself, given to every group.
Intervals are 2.5% to 97.5% of a bootstrap over exercises, as groups of one exercise are not independent; where all
groups of a bin agree, a bootstrap has no width, and the exact interval over groups (Clopper-Pearson) stands instead. A prior
far below the share of extraction that exercises hold makes probabilities too low here, as it should; so the last
table takes that share itself for the prior.

Writes benchmarks/results/calibration-SCENARIO[-LABEL].json.
"""

import argparse
import csv
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from _common import RESULTS, show, write

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


def read(scenario: str, tier: str, label: str | None) -> list[dict[str, Any]]:
    """Groups by exercise, as `accuracy.py` wrote them."""
    path = RESULTS / f"groups-{'-'.join(filter(None, (scenario, tier, label)))}.csv"
    if not path.exists():
        raise SystemExit(f"{path} is missing: run accuracy.py for this scenario, tier and label first")
    with path.open(encoding="utf-8", newline="") as file:
        by_seed: dict[str, list[dict[str, float]]] = {}
        for row in csv.DictReader(file):
            by_seed.setdefault(row.pop("seed"), []).append({k: float(v) for k, v in row.items()})
    return [{"seed": int(seed), "tier": tier, "groups": groups} for seed, groups in by_seed.items()]


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


def tell(report: dict[str, Any]) -> None:
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


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenario", default="default")
    parser.add_argument("--tiers", nargs="+", default=["plain", "adaptive", "expert"])
    parser.add_argument("--priors", type=float, nargs="+", default=list(PRIORS))
    parser.add_argument("--label", help="of the results that are read and written")
    options = parser.parse_args()
    runs = [run for tier in options.tiers for run in read(options.scenario, tier, options.label)]
    report = {
        "scenario": options.scenario,
        "tiers": options.tiers,
        "label": options.label,
        "seeds": sorted({run["seed"] for run in runs}),
        "priors": [judge(runs, prior) for prior in (*options.priors, *true_share(runs))],
    }
    tell(report)
    write("-".join(filter(None, ("calibration", options.scenario, options.label))), report)


if __name__ == "__main__":
    main()
