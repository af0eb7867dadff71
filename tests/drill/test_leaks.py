"""Nobody should win by artefacts: a shallow model on ids, row order, nulls and digits of times is at chance."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from stillwatch.drill.exercise import Settings
from stillwatch.drill.leaks import features
from stillwatch.drill.writer import run_drill


def auc(x: np.ndarray, y: np.ndarray) -> float:  # type: ignore[type-arg]
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300, C=0.1))
    return float(roc_auc_score(y, cross_val_predict(model, x, y, cv=5, method="predict_proba")[:, 1]))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[np.ndarray, np.ndarray]]:  # type: ignore[type-arg]
    out = []
    for seed in (11, 12, 13):
        folder: Path = tmp_path_factory.mktemp("leaks") / "d"
        run_drill(Settings(exchanges=60_000, accounts=8000, seed=seed), folder)
        x, y, _ = features(folder, seed=seed)
        out.append((x, y))
    return out


def test_artefacts_tell_nothing(found: list[tuple[np.ndarray, np.ndarray]]) -> None:  # type: ignore[type-arg]
    # Three seeds together: at about 2,000 accounts chance itself spreads by .013, so .45 to .55 is four errors.
    x, y = np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])
    assert len(y) > 1200
    assert 0.45 < auc(x, y) < 0.55


def test_the_check_notices_a_leak(found: list[tuple[np.ndarray, np.ndarray]]) -> None:  # type: ignore[type-arg]
    x, y = found[0]
    leaky = x.copy()
    leaky[:, 0] += y * x[:, 0].std()
    assert auc(leaky, y) > 0.65
