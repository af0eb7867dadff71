"""One account with the volume of many."""

import numpy as np
from scipy import stats

from stillwatch.detection.behaviours.base import TIMING, Behaviour, Observation
from stillwatch.detection.case import Case
from stillwatch.detection.evidence import Bools, Floats, Ints
from stillwatch.detection.view import View

HEAVIEST = 10
"""Accounts that may stand out together: one that is as heavy must not hide another."""
TIED = 50
"""Accounts that are looked at, at most, where many share a volume (a quota): of a larger tie nobody."""
RARE = 0.01
"""An account is heavy when fewer than this share of accounts sent as much."""
LEVEL = 0.05
"""A volume supports extraction, where it can be tested, up to this p-value."""
TAIL = 0.05
"""Share of accounts whose volumes make the tail."""
TAIL_LEAST = 50
"""Accounts in the tail, at least; with fewer there is no test."""


def tail_p_values(volumes: Floats) -> Floats:
    """p-values of the heaviest accounts, heaviest first; empty where too few are known.

    Volumes have heavy tails, so that the heaviest always looks large. In a tail that follows one power law the spacings
    of logarithms, each times its rank, are independent and exponential with one mean; the r heaviest belong to it if the
    mean of their r spacings is like that of the others (F distribution with 2r and 2(k - r) degrees of freedom).
    An account stands out with all that are as heavy or heavier, and with any further ones that do: its p-value is the least
    over the numbers from its rank on, corrected for the HEAVIEST numbers that are tried (Bonferroni).
    Sources: Hill 1975 (the spacings); Pisarenko and Sornette 2012 (the test, "DK").

    `volumes`: one for each account, above zero.
    """
    size = int(TAIL * len(volumes))
    if size < TAIL_LEAST:
        return np.zeros(0)
    logs = np.log(np.sort(volumes)[::-1][: size + 1])
    spacings = np.arange(1, size + 1) * (logs[:-1] - logs[1:])
    rank = np.arange(1, HEAVIEST + 1)
    above = np.cumsum(spacings)[:HEAVIEST]
    below = spacings.sum() - above
    # Where all others are of one volume nothing says how much volumes differ.
    ratio = np.divide(above / rank, below / (size - rank), out=np.zeros(HEAVIEST), where=below > 1e-9)
    p_values = np.minimum(1.0, HEAVIEST * stats.f.sf(ratio, 2 * rank, 2 * (size - rank)))
    return np.asarray(np.minimum.accumulate(p_values[::-1])[::-1])


def heaviest(view: View, pool: Bools) -> dict[int, float | None]:
    """Codes of the heaviest active accounts of `pool` (by account code), with their p-values where there is a test.

    Of accounts of one volume all are looked at, or none where they are too many; they share the rank of the last of them.
    """
    codes: Ints = np.flatnonzero(view.active & pool)
    volumes = view.totals["n"][codes].astype(np.float64)
    p_values = tail_p_values(volumes)
    ordered = np.sort(volumes)
    heavier = len(volumes) - np.searchsorted(ordered, volumes, "right")
    as_heavy = len(volumes) - np.searchsorted(ordered, volumes, "left")
    chosen = np.flatnonzero((heavier < HEAVIEST) & (as_heavy <= max(TIED, HEAVIEST)))
    return {
        int(codes[at]): float(p_values[min(as_heavy[at], HEAVIEST) - 1]) if len(p_values) else None
        for at in chosen.tolist()
    }


def of_account(view: View, code: int, p_value: float | None = None) -> Observation:
    """How many exchanges an account has, how many accounts have as many, and how its volume lies in the tail."""
    volume = view.totals["n"]
    as_busy = int((view.active & (volume >= volume[code])).sum())
    statement = (
        f"The account sent {int(volume[code]):,} requests; {as_busy:,} of {view.population:,} accounts sent as"
        " many."
    )
    if p_value is not None:
        statement += (
            " The heaviest accounts always differ much; that one of those which nothing ties to others stands out so far has"
            f" the probability {p_value:.2g}."
        )
    return Observation(
        statistic=float(volume[code]),
        p_value=p_value,
        statement=statement,
        supports=as_busy / view.population < RARE if p_value is None else p_value <= LEVEL,
        examples=(code,),
    )


def examine(case: Case) -> Observation | None:
    """The volume of an account that acts alone; in a group volumes are compared with each other instead."""
    return of_account(case.view, int(case.members[0])) if len(case.members) == 1 else None


BEHAVIOUR = Behaviour(
    name="heavy_account",
    title="One account with the volume of many",
    family=TIMING,
    field_numbers=(14,),
    statistic="exchanges of an account that acts alone",
    null="volumes of accounts that no texts or means tie to others follow one power law in their heaviest twentieth, the"
    " heaviest ten too (F test of the spacings of their logarithms, corrected for ranks); none for lighter accounts, and"
    " none among fewer than a thousand",
    atlas="AML.T0024.002",
    reference="Juuti et al. 2019 (PRADA: extraction through one client); Pisarenko and Sornette 2012 (the test)",
    examine=examine,
)
