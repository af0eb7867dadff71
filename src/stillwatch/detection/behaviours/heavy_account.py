"""One account with the volume of many."""

import numpy as np
from scipy import stats

from stillwatch.detection.behaviours.base import TIMING, Behaviour, Observation
from stillwatch.detection.case import Case
from stillwatch.detection.evidence import Bools, Floats, Ints, View

HEAVIEST = 10
"""Accounts that may stand out together: one that is as heavy must not hide another."""
RARE = 0.01
"""An account is heavy when fewer than this share of accounts sent as much."""
LEVEL = 0.05
"""A volume supports extraction, where it can be tested, up to this p-value."""
TAIL = 0.05
"""Share of accounts whose volumes make the tail."""
TAIL_LEAST = 50
"""Accounts in the tail, at least; in fewer there is no test."""


def tail_p_values(volumes: Floats) -> Floats:
    """p-values of the heaviest accounts, heaviest first, each with those heavier than it; empty where too few are known.

    Volumes have heavy tails, so that the heaviest always looks large. In a tail that follows one power law the spacings
    of logarithms, each times its rank, are independent and exponential with one mean; the r heaviest belong to it if the
    mean of their r spacings is like that of the others (F distribution with 2r and 2(k - r) degrees of freedom).
    Sources: Hill 1975 (the spacings); Pisarenko and Sornette 2012 (the test, "DK").

    `volumes`: one for each account, above zero. Corrected for the HEAVIEST ranks that are tried (Bonferroni).
    """
    ordered = np.sort(volumes)[::-1]
    size = min(max(int(TAIL * len(ordered)), TAIL_LEAST), len(ordered) - 1)
    if size < TAIL_LEAST:
        return np.zeros(0)
    logs = np.log(ordered[: size + 1])
    spacings = np.arange(1, size + 1) * (logs[:-1] - logs[1:])
    rank = np.arange(1, HEAVIEST + 1)
    above = np.cumsum(spacings)[:HEAVIEST]
    below = spacings.sum() - above
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (above / rank) / (below / (size - rank))
    # Volumes that are all equal have no spacings, and nobody stands out.
    tail = stats.f.sf(np.where(above > 0, ratio, 0.0), 2 * rank, 2 * (size - rank))
    return np.asarray(np.minimum(1.0, HEAVIEST * tail))


def heaviest(view: View, pool: Bools) -> dict[int, float]:
    """Codes of the heaviest active accounts of `pool` (by account code), with their p-values.

    Accounts of one volume share the rank of the last of them, so that no order decides.
    """
    codes: Ints = np.flatnonzero(view.active & pool)
    volumes = view.totals["n"][codes].astype(np.float64)
    p_values = tail_p_values(volumes)
    if not len(p_values):
        return {}
    rank = len(volumes) - np.searchsorted(np.sort(volumes), volumes, "left")  # of the last that is as heavy
    return {
        int(codes[at]): float(p_values[rank[at] - 1]) for at in np.flatnonzero(rank <= len(p_values)).tolist()
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
            " The heaviest accounts always differ much; that one of those in no group stands out so far has the"
            f" probability {p_value:.2g}."
        )
    return Observation(
        statistic=float(volume[code]),
        p_value=p_value,
        statement=statement,
        supports=as_busy / view.population < RARE if p_value is None else p_value <= LEVEL,
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
    null="volumes of accounts in no group follow one power law in their heaviest twentieth, the heaviest ten too (F test of"
    " the spacings of their logarithms, corrected for ranks); for lighter accounts there is no test",
    atlas="AML.T0024.002",
    reference="Juuti et al. 2019 (PRADA: extraction through one client); Pisarenko and Sornette 2012 (the test)",
    examine=examine,
)
