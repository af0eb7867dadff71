"""Which figures carry a verdict, and which would have to be otherwise to overturn it.

Both are found by weighing again with figures left out: what is left out speaks neither for nor against. Greedy by weight,
so that a set is small and each of its figures needed; another set of the same size may exist.
"""

from stillwatch.detection.candidates import EXTRACTION, REVIEW, Judged
from stillwatch.detection.rivals import features, weigh


def _needed(judged: Judged) -> float | None:
    """The probability that the verdict needs; None for one that needs none."""
    settings = judged.case.population.settings
    if judged.verdict == EXTRACTION:
        return settings.accuse_probability
    return settings.review_probability if judged.verdict == REVIEW else None


def _probability(judged: Judged, names: set[str]) -> float:
    settings = judged.case.population.settings
    figures = {name: value if name in names else None for name, value in judged.figures.items()}
    power = settings.power(len(judged.case.members), heavy=judged.heavy)
    return weigh(figures, power).probability(settings.prior)


def smallest_carrying(judged: Judged) -> list[str]:
    """Names of figures that, with all that speaks against, still reach the verdict; the weightiest first.

    Empty where the verdict needs no evidence (cleared groups).
    """
    needed = _needed(judged)
    if needed is None:
        return []
    weights = judged.weighing.weights
    speaking = sorted((n for n in weights if weights[n] > 0), key=lambda n: (-weights[n], n))
    kept = {n for n in weights if weights[n] <= 0}
    chosen: list[str] = []
    for name in speaking:
        if _probability(judged, kept) >= needed:
            break
        kept.add(name)
        chosen.append(name)
    # One that was taken early may not be needed any more.
    for name in list(chosen):
        if len(chosen) > 1 and _probability(judged, kept - {name}) >= needed:
            kept.discard(name)
            chosen.remove(name)
    return chosen


def overturning(judged: Judged) -> list[str]:
    """Names of a small set of figures without which the verdict would not stand, the weightiest first."""
    needed = _needed(judged)
    if needed is None:
        return []
    weights = judged.weighing.weights
    left = set(weights)
    gone: list[str] = []
    for name in sorted((n for n in weights if weights[n] > 0), key=lambda n: (-weights[n], n)):
        if _probability(judged, left) < needed:
            break
        left.discard(name)
        gone.append(name)
    return gone if _probability(judged, left) < needed else []


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
