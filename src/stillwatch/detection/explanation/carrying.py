"""Which figures carry a verdict, and which would have to be otherwise to overturn it.

Both are found by weighing again with figures left out: what is left out speaks neither for nor against. Both are smallest
sets: all smaller ones have been tried (up to MOST of one size), and of those of the same size the most telling is given.
"""

from collections.abc import Callable
from itertools import chain, combinations
from math import comb

import numpy as np

from stillwatch.detection.candidates import EXTRACTION, REVIEW, Judged
from stillwatch.detection.evidence import Bools, Floats, Ints
from stillwatch.detection.rivals import bayes_factors, features

MOST = 200_000
"""Sets of one size that are tried at most; beyond, only sets of the weightiest figures are."""


def _needed(judged: Judged) -> float | None:
    """The log10 Bayes factor that the verdict needs; None for one that needs none."""
    settings = judged.case.population.settings
    probability = {EXTRACTION: settings.accuse_probability, REVIEW: settings.review_probability}
    if judged.verdict not in probability:
        return None
    needed = probability[judged.verdict]
    return float(np.log10(needed / (1 - needed)) - np.log10(settings.prior / (1 - settings.prior)))


def _smallest(
    judged: Judged, gone: Callable[[Ints, int], Bools], reached: Callable[[Floats], tuple[bool, int]]
) -> list[str]:
    """The smallest set of figures that speak for extraction with which `reached` is so, the weightiest first; [] if none is.

    gone: from sets (of places among the figures that speak) to which of these are left out. reached: of the Bayes factors of
    sets of one size, whether one is enough, and which is.
    """
    settings = judged.case.population.settings
    power = settings.power(len(judged.case.members), heavy=judged.heavy)
    weights = judged.weighing.weights
    speaking = sorted((n for n in weights if weights[n] > 0), key=lambda n: (-weights[n], n))
    names = [*speaking, *(n for n in weights if weights[n] <= 0)]
    for size in range(len(speaking) + 1):
        among = len(speaking)
        while comb(among, size) > MOST:
            among -= 1
        sets = np.fromiter(chain.from_iterable(combinations(range(among), size)), np.int64)
        sets = sets.reshape(comb(among, size), size)
        kept = np.ones((len(sets), len(names)), dtype=bool)
        kept[:, : len(speaking)] = ~gone(sets, len(speaking))
        # Rounded: which of two equal ones comes first must not depend on the machine.
        enough, best = reached(np.round(bayes_factors(judged.figures, power, names, kept), 9))
        if enough:
            return [speaking[k] for k in sets[best].tolist()]
    return []


def _among(sets: Ints, count: int) -> Bools:
    """Sets x places: is the place in the set?"""
    found = np.zeros((len(sets), count), dtype=bool)
    np.put_along_axis(found, sets, values=True, axis=1)
    return found


def smallest_carrying(judged: Judged) -> list[str]:
    """Names of figures that, with all that speaks against, still reach the verdict; the weightiest first.

    Empty where the verdict needs no evidence (cleared groups).
    """
    needed = _needed(judged)
    if needed is None:
        return []
    return _smallest(
        judged,
        lambda sets, count: ~_among(sets, count),
        lambda found: (bool(found.max() >= needed), int(found.argmax())),
    )


def overturning(judged: Judged) -> list[str]:
    """Names of the fewest figures without which the verdict would not stand, the weightiest first."""
    needed = _needed(judged)
    if needed is None:
        return []
    return _smallest(judged, _among, lambda found: (bool(found.min() < needed), int(found.argmin())))


def sentences(judged: Judged) -> list[str]:
    """The two sets in words, for the report; none for a group that is cleared."""
    meaning = {f.name: f.meaning for f in features()}
    found = []
    if carrying := smallest_carrying(judged):
        found.append(
            "Carried by, against all that speaks for other uses: "
            + "; ".join(meaning[n] for n in carrying)
            + "."
        )
    if fallen := overturning(judged):
        found.append(
            "Would not stand if these figures were explained otherwise: "
            + "; ".join(meaning[n] for n in fallen)
            + "."
        )
    if judged.verdict == EXTRACTION:
        found.append(
            "Nor without two families of evidence that are significant; here: "
            + ", ".join(sorted(judged.significant))
            + "."
        )
    return found
