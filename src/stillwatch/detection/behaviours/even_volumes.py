"""Volumes too even for people."""

import numpy as np

from stillwatch.detection.behaviours.base import TIMING, Behaviour, Observation
from stillwatch.detection.case import Case, draw_tail

SAMPLE = 2000
"""Accounts in a reference draw at most: spread is known well enough from so many."""


def spread(counts: np.ndarray) -> float:
    """Standard deviation of the logarithm of exchanges by account."""
    return float(np.log(np.maximum(counts, 1)).std())


def examine(case: Case) -> Observation | None:
    """Spread of log volumes against random sets of accounts outside that are active in the same range."""
    counts = case.exchanges_by_member
    pool = case.view.totals["n"][case.outside]
    # People who come once have no volume to be even about.
    pool = pool[pool >= max(2.0, float(np.quantile(counts, 0.05)))]
    if len(counts) < 4 or len(pool) < 30 or np.median(counts) < 2:
        return None
    observed = spread(counts)
    rng = case.generator(1)
    size = min(len(counts), SAMPLE)
    drawn = np.array(
        [spread(rng.choice(pool, size)) for _ in range(case.population.settings.reference_draws)]
    )
    p = draw_tail(-observed, -drawn)
    low, high = np.quantile(counts, [0.05, 0.95])
    return Observation(
        statistic=observed,
        p_value=p,
        statement=f"Exchanges an account: median {np.median(counts):.0f}, nine in ten between {low:.0f} and {high:.0f};"
        f" log spread {observed:.2f} against {drawn.mean():.2f} in random sets outside (people are heavy-tailed).",
        supports=observed < 0.7 and p < 0.05,
    )


BEHAVIOUR = Behaviour(
    name="even_volumes",
    title="Volumes too even",
    family=TIMING,
    field_numbers=(7,),
    statistic="standard deviation of log exchanges by account",
    null="random sets of as many accounts outside the group, of those at least as active as its least active",
    atlas="AML.T0024.002",
    reference="Anthropic, 23 Feb 2026 (load balancing); Cao et al. 2014 (SynchroTrap)",
    examine=examine,
)
