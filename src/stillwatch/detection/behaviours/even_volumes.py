"""Volumes too even for people."""

import numpy as np

from stillwatch.detection.behaviours._matched import widened
from stillwatch.detection.behaviours.base import TIMING, Behaviour, Observation
from stillwatch.detection.case import Case, draw_tail
from stillwatch.detection.evidence import Floats

SAMPLE = 2000
"""Accounts in a reference draw at most: spread is known well enough from so many."""


def spread(counts: np.ndarray) -> float:
    """Coefficient of variation of exchanges by account beyond what counting alone brings: sqrt(variance - mean) / mean.

    0 for counts no more uneven than Poisson's, which accounts with a few exchanges each are under any plan.
    """
    return float(spreads(counts[None, :])[0])


def spreads(counts: np.ndarray) -> Floats:
    """The same for each row of counts."""
    mean = counts.mean(axis=1)
    beyond = np.sqrt(np.maximum(counts.var(axis=1) - mean, 0.0))
    return np.asarray(np.divide(beyond, mean, out=np.zeros_like(beyond), where=mean > 0))


def examine(case: Case) -> Observation | None:
    """Spread of volumes against random sets of accounts outside that are active in the same range."""
    counts = case.view.totals["n"][case.members]
    pool = case.view.totals["n"][case.outside]
    # People who come once have no volume to be even about.
    pool = pool[pool >= max(2.0, float(np.quantile(counts, 0.05)))]
    if len(counts) < 4 or len(pool) < 30 or np.median(counts) < 2:
        return None
    observed = spread(counts)
    rng = case.generator(1)
    size = min(len(counts), SAMPLE)
    drawn = spreads(rng.choice(pool, (case.population.settings.reference_draws, size)))
    # On the scale of logarithms the spread of heavy-tailed sets is near normal.
    p = draw_tail(-np.log(observed + 0.1), widened(-np.log(drawn + 0.1), size, len(pool)))
    low, high = np.quantile(counts, [0.05, 0.95])
    return Observation(
        statistic=observed,
        p_value=p,
        statement=f"Exchanges an account: median {np.median(counts):.0f}, nine in ten between {low:.0f} and {high:.0f};"
        f" coefficient of variation {observed:.2f}, in random sets outside {np.median(drawn):.2f} (people are uneven).",
        supports=observed < 1.0 and p < 0.05,
    )


BEHAVIOUR = Behaviour(
    name="even_volumes",
    title="Volumes too even",
    family=TIMING,
    field_numbers=(7,),
    statistic="coefficient of variation of exchanges by account, beyond Poisson's",
    null="random sets of as many accounts outside the group, of those at least as active as its least active",
    atlas="AML.T0024.002",
    reference="Anthropic, 23 Feb 2026 (load balancing); Cao et al. 2014 (SynchroTrap)",
    examine=examine,
)
