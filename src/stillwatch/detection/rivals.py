"""Stage 7: which use explains the group best? Likelihoods of its features under each, as a Bayes factor.

The model is additive: each feature falls into a level (low, middle, high), and the logarithm of the level's
probability under a use is that feature's weight of evidence (Good 1950). The levels and probabilities are
data (rivals.yaml). Features are not independent and the lines are cautious: a power on the sum is set by calibration.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

import numpy as np
import yaml

EXTRACTION = "extraction"


@dataclass(frozen=True)
class Feature:
    """One line of rivals.yaml: level probabilities by use."""

    name: str
    family: str
    meaning: str
    cuts: tuple[float, float]
    levels: Mapping[str, tuple[float, float, float]]

    def level(self, value: float) -> int:
        """0 low, 1 middle, 2 high."""
        return int(value > self.cuts[0]) + int(value > self.cuts[1])


@dataclass(frozen=True)
class Weighing:
    """What the features say: log10 likelihood by use, and each feature's weight for extraction against the best rival."""

    log10_likelihood: Mapping[str, float]
    log10_bayes_factor: float
    best_benign: str
    weights: Mapping[str, float]

    def probability(self, prior: float) -> float:
        """Of extraction, under this prior."""
        log_odds = np.log(prior / (1 - prior)) + self.log10_bayes_factor * np.log(10)
        return float(1 / (1 + np.exp(-log_odds)))


@cache
def _data() -> tuple[tuple[Feature, ...], Mapping[str, float], Mapping[str, float]]:
    raw = yaml.safe_load(
        (resources.files("stillwatch.detection") / "rivals.yaml").read_text(encoding="utf-8")
    )
    features = tuple(
        Feature(
            name=name,
            family=row["family"],
            meaning=row["meaning"],
            cuts=(row["cuts"][0], row["cuts"][1]),
            levels=MappingProxyType(
                {use: tuple(row.get(use, row[EXTRACTION])) for use in (*raw["ways"], *raw["weights"])}
            ),
        )
        for name, row in raw["features"].items()
    )
    return features, MappingProxyType(raw["ways"]), MappingProxyType(raw["weights"])


def features() -> tuple[Feature, ...]:
    """All features, in the order of rivals.yaml."""
    return _data()[0]


def _mixture(score: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """log10 of the weighted sum of likelihoods given by their log10."""
    parts = np.array([score[use] + np.log10(weights[use]) for use in weights])
    return float(parts.max() + np.log10((10 ** (parts - parts.max())).sum()))


def weigh(figures: Mapping[str, float | None], tempering: float) -> Weighing:
    """Weigh a group's figures (missing ones are left out) under every use.

    The Bayes factor sets the mixture of the ways of extraction against the mixture of benign uses, with the weights of
    rivals.yaml. A feature's weight is that between the best of the ones and the best of the others.
    """
    known, ways, weights = _data()
    score = dict.fromkeys((*ways, *weights), 0.0)
    by_feature: dict[str, dict[str, float]] = {}
    for feature in known:
        value = figures.get(feature.name)
        if value is None:
            continue
        level = feature.level(value)
        by_feature[feature.name] = {
            use: float(np.log10(feature.levels[use][level])) * tempering for use in score
        }
        for use, points in by_feature[feature.name].items():
            score[use] += points
    best_way = max(ways, key=lambda use: (score[use], use))
    best_benign = max(weights, key=lambda use: (score[use] + float(np.log10(weights[use])), use))
    extraction = _mixture(score, ways)
    return Weighing(
        log10_likelihood=MappingProxyType(
            {EXTRACTION: extraction} | {use: score[use] for use in weights},
        ),
        log10_bayes_factor=extraction - _mixture(score, weights),
        best_benign=best_benign,
        weights=MappingProxyType({n: p[best_way] - p[best_benign] for n, p in by_feature.items()}),
    )
