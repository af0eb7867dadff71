"""Stage 5: from p-values of behaviours to how many families speak, with one error rate over a whole scan."""

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


def speaking(family_p: Mapping[str, float], level: float) -> frozenset[str]:
    """The families that speak, at an error rate of `level` for this group: the largest number that the tests support.

    That at least u of n families are more than chance is a partial conjunction hypothesis (Benjamini and Heller 2008); its
    p-value is (n - u + 1) times the u-th smallest, valid however the families depend on each other. One family is tested
    first, two only where one passes, and so on, so the chance that too many are named is at most `level`.
    """
    ordered = sorted(family_p, key=lambda family: (family_p[family], family))
    found = 0
    for at, family in enumerate(ordered):
        if (len(ordered) - at) * family_p[family] > level:
            break
        found = at + 1
    return frozenset(ordered[:found])


def levels(sizes: Sequence[int], whole: float) -> list[float]:
    """The error rate of each group, of `whole` for a scan: weighted Bonferroni (Genovese, Roeder and Wasserman 2006).

    Weights are fixed before any p-value is seen. Each group is decided by itself, whatever the others show, also when few
    of them are tested. (False discovery rates would let a scan full of campaigns lower the bar for everybody else in it.)
    """
    return [whole * weight / len(sizes) for weight in size_weights(sizes)]
