"""Volumes too even for people."""

import math

import numpy as np

from stillwatch.detection.behaviours._matched import widened
from stillwatch.detection.behaviours.base import TIMING, Behaviour, Observation, most
from stillwatch.detection.case import Case, draw_tail
from stillwatch.detection.evidence import Bools, Floats
from stillwatch.detection.groups import CERTAIN, busy_from

SAMPLE = 2000
"""Accounts in a reference draw at most: spread is known well enough from so many."""


def spread(counts: np.ndarray) -> float:
    """Coefficient of variation of exchanges by account beyond what counting alone brings: sqrt(variance - mean) / mean.

    0 for counts no more uneven than Poisson's, which accounts with a few exchanges each are under any plan.
    """
    return float(spreads(counts[None, :])[0])


def spreads(counts: np.ndarray, kept: Bools | None = None) -> Floats:
    """The same for each row of counts, or of those of them that are `kept` (at least one a row)."""
    kept = np.ones(counts.shape, dtype=bool) if kept is None else kept
    mean = counts.mean(axis=1, where=kept)
    beyond = np.sqrt(np.maximum(counts.var(axis=1, where=kept) - mean, 0.0))
    return np.asarray(np.divide(beyond, mean, out=np.zeros_like(beyond), where=mean > 0))


def usual(counts: np.ndarray) -> Bools:
    """In each row of counts: those that no group would leave out for how much or how little they sent.

    Groups of texts are formed without accounts far busier than the typical one, or far less active: any set looks more
    even after that, so that those it is compared with have to be cut alike (here by all that accounts sent).
    """
    volume = np.log1p(counts)
    typical = np.median(volume, axis=1, keepdims=True)
    return np.asarray((volume < busy_from(volume, typical)) & (volume >= CERTAIN * typical))


def examine(case: Case) -> Observation | None:
    """Spread of volumes against random sets of accounts outside that are active in the same range.

    Of all of them, the group too, without those whom `usual` leaves out.
    """
    volumes = case.view.totals["n"]
    counts = volumes[case.members]
    # People who come once have no volume to be even about. Volumes are whole numbers, so that few limits are different.
    least = math.ceil(max(2.0, float(np.quantile(counts, 0.05))))
    pool = case.roll(f"{least} exchanges or more", lambda: volumes >= least)
    if len(counts) < 4 or len(pool) < 30 or np.median(counts) < 2:
        return None
    observed = float(spreads(counts[None, :], usual(counts[None, :]))[0])
    rng = case.generator(1)
    size = min(len(counts), SAMPLE)
    sets = volumes[pool.at(rng.choice(len(pool), (case.population.settings.reference_draws, size)))]
    drawn = spreads(sets, usual(sets))
    # On the scale of logarithms the spread of heavy-tailed sets is near normal.
    p = draw_tail(-np.log(observed + 0.1), widened(-np.log(drawn + 0.1), size, len(pool)))
    low, high = np.quantile(counts, [0.05, 0.95])
    return Observation(
        statistic=observed,
        p_value=p,
        statement=f"Exchanges an account: median {np.median(counts):.0f}, nine in ten between {low:.0f} and {high:.0f};"
        f" coefficient of variation {observed:.2f}, in random sets outside {np.median(drawn):.2f} (people are"
        " uneven; accounts far busier or less active than the typical one are left out of either).",
        supports=observed < 1.0 and p < 0.05,
        examples=most(case.members, 1 / (1 + np.abs(counts - np.median(counts)))),
    )


BEHAVIOUR = Behaviour(
    name="even_volumes",
    title="Volumes too even",
    family=TIMING,
    field_numbers=(7,),
    statistic="coefficient of variation of exchanges by account, beyond Poisson's",
    null="random sets of as many accounts outside the group, of those at least as active as its least active; all without"
    " accounts far busier or far less active than the set's typical one, whom groups of texts leave out",
    atlas="AML.T0024.002",
    reference="Anthropic, 23 Feb 2026 (load balancing); Cao et al. 2014 (SynchroTrap)",
    examine=examine,
)
