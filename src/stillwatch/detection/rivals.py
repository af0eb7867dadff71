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

from stillwatch.detection.evidence import Bools, Floats, Ints

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

    @cached_property
    def columns(self) -> Ints:
        """Uses x ways, as many as any use has: place of the way among those of all uses, one use behind the other."""
        sizes = np.array([len(of_use) for of_use in self.ways.values()])
        place = np.arange(sizes.max())
        return np.asarray((np.cumsum(sizes) - sizes)[:, None] + np.minimum(place, sizes[:, None] - 1))

    @cached_property
    def log10_ways(self) -> Floats:
        """Uses x ways: log10 of how often the use comes in this way; no chance where it has fewer ways."""
        found = np.full(self.columns.shape, -np.inf)
        for row, of_use in zip(found, self.ways.values(), strict=True):
            row[: len(of_use)] = np.log10(list(of_use.values()))
        return found

    @cached_property
    def log10_levels(self) -> Floats:
        """Features x levels x ways of all uses: log10 of the level's probability."""
        of_ways = [way for of_use in self.ways.values() for way in of_use]
        return np.array([[[of[way] for way in of_ways] for of in f.log10_levels] for f in self.features])

    @cached_property
    def benign(self) -> Ints:
        """Places of the benign uses, in the order of `weights`, among all uses."""
        uses = list(self.ways)
        return np.array([uses.index(use) for use in self.weights])

    @cached_property
    def log10_weights(self) -> Floats:
        """log10 of how often each benign use is."""
        return np.asarray(np.log10(list(self.weights.values())))


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


def _mixtures(parts: Floats) -> Floats:
    """log10 of the sum (last axis) of likelihoods given by their log10."""
    most = np.maximum.reduce(parts, axis=-1, keepdims=True)
    return np.asarray(most[..., 0] + np.log10(np.add.reduce(10 ** (parts - most), axis=-1)))


def weigh(figures: Mapping[str, float | None], tempering: float) -> Weighing:
    """Weigh a group's figures (missing ones are left out) under every use.

    A use is the mixture of its ways. The Bayes factor sets extraction against the mixture of benign uses, with the
    weights of rivals.yaml. A feature's weight is that between the likeliest way of extraction and the likeliest way of
    the best benign use.
    """
    table = _table()
    known = [
        (feature.name, number, feature.level(value))
        for number, feature in enumerate(table.features)
        if (value := figures.get(feature.name)) is not None
    ]
    points = table.log10_levels[[k[1] for k in known], [k[2] for k in known]] * tempering
    parts = np.add.reduce(points, axis=0)[table.columns] + table.log10_ways
    likelihood = _mixtures(parts)
    by_use = dict(zip(table.ways, likelihood.tolist(), strict=True))
    benign = likelihood[table.benign] + table.log10_weights
    _, best_benign = max(zip(benign.tolist(), table.weights, strict=True))

    def best_way(use: str) -> tuple[str, int]:
        """And its column."""
        row = list(table.ways).index(use)
        ways = zip(parts[row].tolist(), table.ways[use], table.columns[row].tolist(), strict=False)
        return max(ways)[1:]

    (one, mine), (other, theirs) = best_way(EXTRACTION), best_way(best_benign)
    weights = (points[:, mine] - points[:, theirs]).tolist()
    return Weighing(
        log10_likelihood=MappingProxyType(by_use),
        log10_bayes_factor=by_use[EXTRACTION] - float(_mixtures(benign)),
        best_benign=best_benign,
        weights=MappingProxyType(dict(zip((k[0] for k in known), weights, strict=True))),
        compared=(one, other),
    )


def bayes_factors(
    figures: Mapping[str, float | None], tempering: float, names: Sequence[str], kept: Bools
) -> Floats:
    """log10 Bayes factors as of `weigh`, of many sets of a group's figures at once.

    kept: sets x names, which of the figures so named stay; one that is not named is left out of all. Returns one a set.
    """
    table = _table()
    points = np.zeros((len(names), table.log10_levels.shape[2]))
    for number, feature in enumerate(table.features):
        value = figures.get(feature.name)
        if value is not None and feature.name in names:
            levels = table.log10_levels[number, feature.level(value)]
            points[names.index(feature.name)] = levels * tempering
    likelihood = _mixtures((kept @ points)[:, table.columns] + table.log10_ways)
    extraction = likelihood[:, list(table.ways).index(EXTRACTION)]
    return np.asarray(extraction - _mixtures(likelihood[:, table.benign] + table.log10_weights))
