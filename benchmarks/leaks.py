"""Can a shallow model win by artefacts? AUC on held-out accounts, over several seeds and tiers.

    python benchmarks/leaks.py [--seeds 201 202 203] [--scale 3]

Prints the AUC of gradient boosting and of logistic regression on features that say nothing about behaviour (see
stillwatch.drill.leaks), each by five-fold cross-validation, and writes benchmarks/results/leaks.json.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stillwatch.drill.exercise import Settings
from stillwatch.drill.leaks import features
from stillwatch.drill.writer import run_drill

RESULT = Path(__file__).parent / "results" / "leaks.json"


def measure(seed: int, tier: str, scale: float) -> dict[str, float | int | str]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "drill"
        run_drill(Settings(seed=seed, tier=tier, scale=scale), out)
        x, y, _ = features(out, seed=seed)
    found: dict[str, float | int | str] = {"seed": seed, "tier": tier, "accounts": len(y)}
    models = {
        "boosting": HistGradientBoostingClassifier(max_depth=3, max_iter=60, random_state=0),
        "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
    }
    for name, model in models.items():
        guess = cross_val_predict(model, x, y, cv=5, method="predict_proba")[:, 1]
        found[name] = round(float(roc_auc_score(y, guess)), 4)
    # An AUC of pure chance has this standard error (Hanley and McNeil, Radiology 143, 1982, with AUC 1/2).
    n = len(y) / 2
    found["standard_error"] = round(float(np.sqrt((2 * n + 1) / (12 * n * n))), 4)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[201, 202, 203])
    parser.add_argument("--scale", type=float, default=3.0, help="at 1 chance alone spreads AUC by .02")
    options = parser.parse_args()
    rows = []
    for seed in options.seeds:
        for tier in ("plain", "adaptive", "expert"):
            rows.append(measure(seed, tier, options.scale))
            print(rows[-1], flush=True)
    means = {m: round(float(np.mean([float(r[m]) for r in rows])), 4) for m in ("boosting", "logistic")}
    print("mean", means)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps({"scale": options.scale, "runs": rows, "mean_auc": means}, indent=1) + "\n")


if __name__ == "__main__":
    main()
