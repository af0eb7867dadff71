"""Day and night alike."""

import numpy as np

from stillwatch.detection.behaviours._matched import alike
from stillwatch.detection.behaviours.base import TIMING, Behaviour, Observation, most
from stillwatch.detection.case import Case, draw_tail
from stillwatch.detection.evidence import Ints
from stillwatch.detection.orders import Pool

LEAST = 30
"""Pairs of hours on different days that a group must show, and accounts outside that have such pairs."""
DIGITS = 9
"""Rhythms are compared to so many digits: sines of a clock that is shifted differ in the sixteenth."""


def daily_rhythm(case: Case, accounts: Ints) -> float | None:
    """Mean cosine between hours of one account on different days, over all such pairs of these accounts."""
    cosines, pairs = case.population.rhythm
    return mean_cosine(float(cosines[accounts].sum()), float(pairs[accounts].sum()))


def mean_cosine(cosines: float, pairs: float) -> float | None:
    """Of a sum of cosines over so many pairs of hours; None where these are too few."""
    return round(cosines / pairs, DIGITS) if pairs >= LEAST else None


def by_rhythm(case: Case) -> Pool:
    """Accounts outside whose hours can be compared, by how many pairs of hours they have."""
    pairs = case.population.rhythm[1]
    return case.pool("pairs of hours", lambda: pairs, lambda: pairs > 0)


def examine(case: Case) -> Observation | None:
    """The daily rhythm of members against random sets of accounts outside with as many pairs of hours."""
    cosines, pairs = case.population.rhythm
    observed = daily_rhythm(case, case.members)
    own = case.members[pairs[case.members] > 0]
    pool = by_rhythm(case)
    if observed is None or len(own) < 4 or len(pool) < LEAST:
        return None
    # As many pairs of hours each: rhythms of busy accounts are known better, and they weigh more.
    reference = alike(pool, pairs[own])
    sets = reference.draws(case.population.settings.reference_draws, case.generator(3))
    means = np.concatenate([cosines[some].sum(axis=1) / pairs[some].sum(axis=1) for some in sets])
    drawn = reference.widened(np.array([round(mean, DIGITS) for mean in means.tolist()]))
    p = draw_tail(-observed, -drawn)
    return Observation(
        statistic=observed,
        p_value=p,
        statement=f"Daily rhythm of the accounts from one day to another is {observed:.2f} (0: all hours alike); of accounts"
        f" outside that are as active it is {drawn.mean():.2f}. Batch jobs have none either.",
        supports=observed < 0.5 * float(drawn.mean()) and p < 0.05,
        # Of those whose rhythm is known best.
        examples=most(own, pairs[own] * np.maximum(1 - cosines[own] / pairs[own], 0)),
    )


BEHAVIOUR = Behaviour(
    name="round_the_clock",
    title="Day and night alike",
    family=TIMING,
    field_numbers=(7,),
    statistic="mean cosine, on a clock of 24 hours, between hours of an account on different days",
    null="random sets, of the same size, of accounts outside the group that are active as often",
    atlas="AML.T0024.002",
    reference="Fisher 1993, Statistical Analysis of Circular Data, 2.3",
    examine=examine,
)
