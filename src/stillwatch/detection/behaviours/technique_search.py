"""Search for techniques: many wordings, mostly refused."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from stillwatch.detection.behaviours._blocks import status_known
from stillwatch.detection.behaviours.base import CONTENT, Behaviour, Observation, most, percent
from stillwatch.detection.case import Case
from stillwatch.detection.evidence import Bools, Floats, Ints

RATES = np.r_[0.0, 1 / (1 + np.exp(-np.linspace(-8, 8, 65)))]
"""Rates of refusal at which accounts may stand, from none over 1 in 3000 to nearly all."""
STEPS = 60
POOL = 5000
"""Accounts outside that rates are learnt from, at most: of each rate the share is then known to under 1%."""
BUSY = 5
"""Exchanges from which an account has a rate of its own."""
SLOPES = np.geomspace(1e-3, 30, 80)


def rates_outside(refused: Floats, known: Floats) -> Floats:
    """Share of accounts at each of RATES, from how many of each one's exchanges were refused.

    Accounts differ: most are hardly ever refused, some often. So the law of rates is estimated without a form
    (maximum likelihood of a mixture of binomials, Laird 1978, by expectation and maximisation), and one account more,
    whose rate could be any, stands for those that nobody has seen.
    """
    # Complex numbers stand in order of their real parts and, of the same, of the others.
    pairs, times = np.unique(refused + 1j * known, return_counts=True)
    some, others = pairs.real[:, None], (pairs.imag - pairs.real)[:, None]
    log = special.xlogy(some, RATES) + special.xlog1py(others, -RATES)
    likelihood = np.exp(log - log.max(axis=1, keepdims=True))
    share = np.full(len(RATES), 1 / len(RATES))
    accounts = times.sum()
    for _ in range(STEPS):
        # What belongs to each rate, summed over accounts, without a table of who belongs to which.
        share = share * ((times / (likelihood @ share)) @ likelihood) / accounts
    # An even rate between 0 and 1, as weights of the grid's cells.
    edges = np.r_[0.0, 0.0, (RATES[1:-1] + RATES[2:]) / 2, 1.0]
    return np.asarray((accounts * share + np.diff(edges)) / (accounts + 1))


def refusal_tail(refused: float, known: Floats, share: Floats) -> float:
    """P(so many refusals or more in all) for accounts with `known` exchanges each, whose rates come from `share`.

    An upper bound (Chernoff 1952): min over t of E exp(t (S - refused)).
    """
    sizes, times = np.unique(known, return_counts=True)
    with np.errstate(divide="ignore"):
        weight = np.log(share)
    one = np.log1p(RATES[None, :] * np.expm1(SLOPES)[:, None])
    total = np.zeros(len(SLOPES))
    for size, count in zip(sizes, times, strict=True):
        total += count * special.logsumexp(weight + size * one, axis=1)
    return float(np.exp(min(0.0, (total - SLOPES * refused).min())))


@dataclass(frozen=True)
class _Refusals:
    """Of all active accounts of which it is known: how many they are, and sums of refusals and exchanges.

    `by_pair`: refusals, exchanges, and how many accounts have so many of both.
    """

    accounts: int
    sums: tuple[float, float]
    by_pair: tuple[Floats, Floats, Ints]

    @classmethod
    def of(cls, case: Case, told: Bools) -> "_Refusals":
        """In the case's population; `told`: by account code, is it known?"""
        some = case.view.active & told
        refused, known = case.view.totals["refused"][some], case.view.totals["status_known"][some]
        pairs, times = np.unique(np.stack([refused, known]), axis=1, return_counts=True)
        return cls(int(some.sum()), (float(refused.sum()), float(known.sum())), (pairs[0], pairs[1], times))


def _as_refused(share: float, refused: Floats, known: Floats, times: Ints) -> tuple[int, int]:
    """(accounts with BUSY exchanges or more that are refused at least so large a share, all with so many)."""
    busy = known >= BUSY
    return int(times[busy & (refused >= share * known)].sum()), int(times[busy].sum())


def examine(case: Case) -> Observation | None:
    """Share of exchanges that the model refused, against accounts outside and their different rates of refusal."""
    view, told = case.view, status_known(case)
    members = case.members[told[case.members]]
    known, refused = view.totals["status_known"], view.totals["refused"]
    everybody = case.population.once("refusals", lambda: _Refusals.of(case, told))
    others = everybody.accounts - int(told[case.everyone_inside].sum())
    if 2 * len(members) < len(case.members) or others < 30:
        return None
    if known[members].sum() < case.population.settings.min_exchanges:
        return None
    share = float(refused[members].sum() / known[members].sum())
    some, of = case.left_outside(everybody.sums, refused, known)
    outside = some / of
    chosen = case.by_infrastructure
    if chosen is None:
        # Who sends the same is refused the same: the group is one draw, and its rank is among accounts.
        inside = case.everyone_inside
        own = _as_refused(share, refused[inside], known[inside], np.ones(len(inside), np.int64))
        often, busy = (
            every - some for every, some in zip(_as_refused(share, *everybody.by_pair), own, strict=True)
        )
        p = (often + 1) / (busy + 1)
    else:
        chosen = chosen[told[chosen]]
        rng = case.generator(6)
        roll = case.roll("status known, by code", lambda: told)
        numbers = np.arange(len(roll)) if len(roll) <= POOL else rng.choice(len(roll), POOL, replace=False)
        pool = roll.at(np.sort(numbers))
        rates = rates_outside(refused[pool], known[pool])
        p = refusal_tail(float(refused[chosen].sum()), known[chosen], rates)
    mostly = int((refused[members] > known[members] / 2).sum())
    return Observation(
        statistic=share,
        p_value=p,
        statement=f"The model refused {percent(share)} of {int(known[members].sum()):,} exchanges, and most of what"
        f" {mostly} of {len(members)} accounts sent; outside it refused {percent(outside)}. Safety research is refused,"
        " too.",
        supports=share >= 0.3 and p < 0.05,
        examples=most(members, refused[members]),
    )


BEHAVIOUR = Behaviour(
    name="technique_search",
    title="Search for techniques",
    family=CONTENT,
    field_numbers=(12,),
    statistic="share of exchanges that the model refused",
    null="each account's rate of refusal is drawn from those of accounts outside (mixture of binomials, Laird 1978; tail"
    " bounded after Chernoff 1952); a group that texts hold together is one account",
    atlas="AML.T0024.002",
    reference="Anthropic, 10 Sep 2026 (over 12,000 extraction techniques tried)",
    examine=examine,
)
