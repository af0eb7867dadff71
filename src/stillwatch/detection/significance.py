"""Stage 5: from p-values of behaviours to families that are significant over a whole scan."""

from collections.abc import Mapping, Sequence

import numpy as np

from stillwatch.detection.behaviours import REGISTRY, Observation
from stillwatch.records.findings import FAMILIES


def family_p_values(observations: Mapping[str, Observation]) -> dict[str, float]:
    """For each family with a test: Bonferroni over its tests, counting only figures that speak for extraction.

    A family in which every test speaks against extraction has p = 1.
    """
    found: dict[str, float] = {}
    for family in FAMILIES:
        tested = [
            o for name, o in observations.items() if REGISTRY[name].family == family and o.p_value is not None
        ]
        if tested:
            speaking = [o.p_value for o in tested if o.supports and o.p_value is not None]
            found[family] = min(1.0, len(tested) * min(speaking)) if speaking else 1.0
    return found


def benjamini_hochberg(
    p_values: Sequence[float],
    level: float,
    weights: Sequence[float] | None = None,
    hypotheses: float | None = None,
) -> list[bool]:
    """Which hypotheses the Benjamini-Hochberg procedure (1995) rejects at this level, in the order given.

    With `weights` (fixed before any p-value is seen) p-values are divided by them (Genovese, Roeder and Wasserman 2006);
    the level holds where weights of all hypotheses sum to `hypotheses`. That is also how many there are when some were
    not tested; those count as p = 1.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if not len(p):
        return []
    if weights is not None:
        p = p / np.asarray(weights, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    passes = p[order] <= level * np.arange(1, len(p) + 1) / (hypotheses or len(p))
    last = int(np.flatnonzero(passes).max()) if passes.any() else -1
    rejected = np.zeros(len(p), dtype=bool)
    rejected[order[: last + 1]] = True
    return rejected.tolist()


def decided_alone(p_value: float, level: float, weight: float, hypotheses: float) -> bool:
    """Does Benjamini-Hochberg decide this hypothesis the same way whatever the others' p-values are?

    It rejects whatever is at most level / hypotheses times the weight, and nothing above level times the weight.
    """
    return p_value / weight <= level / hypotheses or p_value / weight > level
