"""Which figures carry a verdict, and which would have to be otherwise to overturn it.

Both are found by weighing again with figures left out: what is left out speaks neither for nor against. Both are smallest
sets: all smaller ones have been tried (up to MOST of one size), and of those of the same size the most telling is given.
An accusation and a review are carried by figures that speak for extraction, and a cleared group by those that speak
against it.
"""

from dataclasses import dataclass
from itertools import chain, combinations
from math import comb

import numpy as np

from stillwatch.detection.candidates import EXTRACTION, REVIEW, Judged
from stillwatch.detection.evidence import Bools, Floats, Ints
from stillwatch.detection.rivals import bayes_factors, features
from stillwatch.detection.standing import log10_factor

MOST = 200_000
"""Sets of one size that are tried at most; beyond, only sets of the weightiest figures are."""
MOST_OF_CLEARED = 1_000
"""The same of a cleared group: of those a scan has many."""


@dataclass(frozen=True)
class _Line:
    """What a verdict depends on: on which side of this log10 Bayes factor the figures are."""

    needed: float
    cleared: bool
    """Does the verdict need them below?"""

    @classmethod
    def of(cls, judged: Judged) -> "_Line | None":
        """None for a group that something else has cleared: an agreement."""
        settings = judged.case.population.settings
        cleared = judged.verdict not in (EXTRACTION, REVIEW)
        if cleared and judged.weighing.probability(settings.prior) >= settings.review_probability:
            return None
        accused = judged.verdict == EXTRACTION
        least = settings.accuse_probability if accused else settings.review_probability
        return (
            None if judged.kind_of_use == "authorised" else cls(log10_factor(settings.prior, least), cleared)
        )

    def holds(self, factors: Floats) -> Bools:
        """Is the verdict the same with these Bayes factors?"""
        return np.asarray(factors < self.needed if self.cleared else factors >= self.needed)


def _smallest(judged: Judged, *, stay: bool) -> list[str] | None:
    """The smallest set of figures that speak for the verdict, the weightiest first; None if there is none.

    stay: a set with which the verdict still holds when the others of them are left out; or one without which it does not.
    """
    line = _Line.of(judged)
    if line is None:
        return None
    side = -1 if line.cleared else 1
    weights = {name: side * weight for name, weight in judged.weighing.weights.items()}
    speaking = sorted((n for n in weights if weights[n] > 0), key=lambda n: (-weights[n], n))
    names = [*speaking, *(n for n in weights if weights[n] <= 0)]
    for size in range(len(speaking) + 1):
        among = len(speaking)
        while comb(among, size) > (MOST_OF_CLEARED if line.cleared else MOST):
            among -= 1
        sets = np.fromiter(chain.from_iterable(combinations(range(among), size)), np.int64)
        sets = sets.reshape(comb(among, size), size)
        chosen = _among(sets, len(speaking))
        kept = np.ones((len(sets), len(names)), dtype=bool)
        kept[:, : len(speaking)] = chosen if stay else ~chosen
        # Rounded: which of two equal ones comes first must not depend on the machine.
        factors = np.round(bayes_factors(judged.figures, judged.power, names, kept), 9)
        best = int((factors if stay != line.cleared else -factors).argmax())
        if line.holds(factors)[best] == stay:
            return [speaking[k] for k in sets[best].tolist()]
    return None


def _among(sets: Ints, count: int) -> Bools:
    """Sets x places: is the place in the set?"""
    found = np.zeros((len(sets), count), dtype=bool)
    np.put_along_axis(found, sets, values=True, axis=1)
    return found


def smallest_carrying(judged: Judged) -> list[str] | None:
    """Names of the fewest figures that, with all that speaks the other way, still reach the verdict; the weightiest first.

    Empty where the verdict needs none; None where figures do not decide it.
    """
    return _smallest(judged, stay=True)


def overturning(judged: Judged) -> list[str] | None:
    """Names of the fewest figures without which the verdict would not stand, the weightiest first; None if none are."""
    return _smallest(judged, stay=False)


def sentences(judged: Judged) -> list[str]:
    """The two sets in words, for the report; none for a group that an agreement clears."""
    line = _Line.of(judged)
    if line is None:
        return []
    carrying, fallen = _words(smallest_carrying(judged)), _words(overturning(judged))
    found = []
    if line.cleared:
        against = sum(weight < 0 for weight in judged.weighing.weights.values())
        found.append(
            f"Cleared, against all that speaks for extraction, by: {carrying}."
            if carrying
            else "All that speaks for extraction is not enough for a review, even if nothing else is counted."
        )
        if fallen:
            found.append(f"Would be up for review if these figures were explained otherwise: {fallen}.")
        elif comb(against, against // 2) <= MOST_OF_CLEARED:
            # All sets were tried.
            found.append("Would be up for review only with more evidence for extraction than there is.")
        return found
    if carrying:
        found.append(f"Carried by, against all that speaks for other uses: {carrying}.")
    if fallen:
        found.append(f"Would not stand if these figures were explained otherwise: {fallen}.")
    if judged.verdict == EXTRACTION:
        families = ", ".join(sorted(judged.significant))
        found.append(f"Nor without two families of evidence that are significant; here: {families}.")
    return found


def _words(names: list[str] | None) -> str:
    """What the figures mean."""
    meaning = {f.name: f.meaning for f in features()}
    return "; ".join(meaning[name] for name in names or ())
