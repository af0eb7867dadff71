"""Stage 7: which use explains the group best? Likelihoods of its features under each, as a Bayes factor.

The model is additive: each feature falls into a level (low, middle, high), and the logarithm of the level's
probability under a use is that feature's weight of evidence (Good 1950). The levels and probabilities are
data (rivals.yaml). Features are not independent and the lines are cautious: a power on the sum is set by calibration.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from types import MappingProxyType

import numpy as np
import yaml

from stillwatch.detection.evidence import Bools, Floats

EXTRACTION = "extraction"


@dataclass(frozen=True)
class Feature:
    """One line of rivals.yaml: level probabilities by use."""

    name: str
    family: str
    meaning: str
    cuts: tuple[float, float]
    levels: Mapping[str, tuple[float, float, float]]

    @cached_property
    def log10_levels(self) -> tuple[Mapping[str, float], ...]:
        """By level: log10 of its probability under each way."""
        return tuple({way: float(np.log10(p[level])) for way, p in self.levels.items()} for level in range(3))

    def level(self, value: float) -> int:
        """0 low, 1 middle, 2 high."""
        return int(value > self.cuts[0]) + int(value > self.cuts[1])


@dataclass(frozen=True)
class Weighing:
    """What the features say: log10 likelihood by use, and each feature's weight for extraction against the best rival.

    `compared`: the way of extraction and that of the best benign use between which the weights are.
    """

    log10_likelihood: Mapping[str, float]
    log10_bayes_factor: float
    best_benign: str
    weights: Mapping[str, float]
    compared: tuple[str, str] = (EXTRACTION, "unknown")

    def probability(self, prior: float) -> float:
        """Of extraction, under this prior."""
        log_odds = np.log(prior / (1 - prior)) + self.log10_bayes_factor * np.log(10)
        return float(1 / (1 + np.exp(-log_odds)))


@dataclass(frozen=True)
class _Table:
    """rivals.yaml: its features, the ways in which each use comes with how often, and how often each benign use is."""

    features: tuple[Feature, ...]
    ways: Mapping[str, Mapping[str, float]]
    weights: Mapping[str, float]


@cache
def _table() -> _Table:
    raw = yaml.safe_load(
        (resources.files("stillwatch.detection") / "rivals.yaml").read_text(encoding="utf-8")
    )
    uses = (EXTRACTION, *raw["weights"])
    ways = {use: MappingProxyType(raw["ways"].get(use, {use: 1.0})) for use in uses}
    return _Table(
        features=tuple(
            Feature(
                name=name,
                family=row["family"],
                meaning=row["meaning"],
                cuts=(row["cuts"][0], row["cuts"][1]),
                levels=MappingProxyType(
                    {way: tuple(row.get(way, row[use])) for use in uses for way in ways[use]}
                ),
            )
            for name, row in raw["features"].items()
        ),
        ways=MappingProxyType(ways),
        weights=MappingProxyType(raw["weights"]),
    )


def features() -> tuple[Feature, ...]:
    """All features, in the order of rivals.yaml."""
    return _table().features


def ways() -> Mapping[str, Mapping[str, float]]:
    """For extraction and each benign use: the ways in which it comes, and how often each is, summing to one."""
    return _table().ways


@cache
def most_to_gain(names: tuple[str, ...]) -> float:
    """The most that these features together can add to a log10 Bayes factor (before tempering), whatever they say."""
    table = _table()
    found = 0.0
    for feature in table.features:
        if feature.name not in names:
            continue
        for_it, against = (
            np.log10([feature.levels[way] for use in uses for way in table.ways[use]])
            for uses in ((EXTRACTION,), table.weights)
        )
        found += max(0.0, float((for_it.max(axis=0) - against.min(axis=0)).max()))
    return found


def _mixtures(score: Mapping[str, float] | Mapping[str, Floats], weights: Mapping[str, float]) -> Floats:
    """log10 of the weighted sum of likelihoods given by their log10: one of each, or as many of each."""
    parts = np.array([score[use] + np.log10(weights[use]) for use in weights])
    most = parts.max(axis=0)
    return np.asarray(most + np.log10((10 ** (parts - most)).sum(axis=0)))


def weigh(figures: Mapping[str, float | None], tempering: float) -> Weighing:
    """Weigh a group's figures (missing ones are left out) under every use.

    A use is the mixture of its ways. The Bayes factor sets extraction against the mixture of benign uses, with the
    weights of rivals.yaml. A feature's weight is that between the likeliest way of extraction and the likeliest way of
    the best benign use.
    """
    table = _table()
    score = {way: 0.0 for of_use in table.ways.values() for way in of_use}
    by_feature: dict[str, dict[str, float]] = {}
    for feature in table.features:
        value = figures.get(feature.name)
        if value is None:
            continue
        points = {way: p * tempering for way, p in feature.log10_levels[feature.level(value)].items()}
        by_feature[feature.name] = points
        for way, more in points.items():
            score[way] += more
    likelihood = {use: float(_mixtures(score, of_use)) for use, of_use in table.ways.items()}
    best_benign = max(
        table.weights, key=lambda use: (likelihood[use] + float(np.log10(table.weights[use])), use)
    )

    def best_way(use: str) -> str:
        return max(table.ways[use], key=lambda way: (score[way] + float(np.log10(table.ways[use][way])), way))

    one, other = best_way(EXTRACTION), best_way(best_benign)
    return Weighing(
        log10_likelihood=MappingProxyType(likelihood),
        log10_bayes_factor=likelihood[EXTRACTION] - float(_mixtures(likelihood, table.weights)),
        best_benign=best_benign,
        weights=MappingProxyType({n: p[one] - p[other] for n, p in by_feature.items()}),
        compared=(one, other),
    )


def bayes_factors(
    figures: Mapping[str, float | None], tempering: float, names: Sequence[str], kept: Bools
) -> Floats:
    """log10 Bayes factors as of `weigh`, of many sets of a group's figures at once.

    kept: sets x names, which of the figures so named stay; one that is not named is left out of all. Returns one a set.
    """
    table = _table()
    of_ways = [way for of_use in table.ways.values() for way in of_use]
    points = np.zeros((len(names), len(of_ways)))
    for feature in table.features:
        value = figures.get(feature.name)
        if value is not None and feature.name in names:
            levels = feature.log10_levels[feature.level(value)]
            points[names.index(feature.name)] = [levels[way] * tempering for way in of_ways]
    score = dict(zip(of_ways, (kept @ points).T, strict=True))
    likelihood = {use: _mixtures(score, of_use) for use, of_use in table.ways.items()}
    return np.asarray(likelihood[EXTRACTION] - _mixtures(likelihood, table.weights))
