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


def size_weights(sizes: Sequence[int]) -> list[float]:
    """Weights of groups in the correction for how many there are: roots of their sizes, with a mean of one.

    What a handful of accounts could show is little, and there are many handfuls.
    """
    roots = np.sqrt(np.asarray(sizes, dtype=np.float64))
    return (roots / roots.mean()).tolist() if len(roots) else []


def passes(p_value: float, level: float, weight: float, hypotheses: int) -> bool:
    """Is a hypothesis rejected, with the chance of a single false rejection among all of them at most `level`?

    Weighted Bonferroni (Genovese, Roeder and Wasserman 2006): weights are fixed before any p-value is seen and have a mean
    of one. Each group is decided by itself, whatever the others show, also when few of them are tested. (False discovery
    rates would let a scan full of campaigns lower the bar for everybody else in it.)
    """
    return p_value <= level * weight / max(hypotheses, 1)
