"""Search for techniques: many wordings, mostly refused."""

import numpy as np
from scipy import special

from stillwatch.detection.behaviours._blocks import status_known
from stillwatch.detection.behaviours.base import CONTENT, Behaviour, Observation, most, percent
from stillwatch.detection.case import Case
from stillwatch.detection.evidence import Floats

RATES = np.r_[0.0, 1 / (1 + np.exp(-np.linspace(-8, 8, 65)))]
"""Rates of refusal at which accounts may stand, from none over 1 in 3000 to nearly all."""
STEPS = 60
POOL = 5000
"""Accounts outside that rates are learnt from, at most: of each rate the share is then known to under 1%."""
SLOPES = np.geomspace(1e-3, 30, 80)


def rates_outside(refused: Floats, known: Floats) -> Floats:
    """Share of accounts at each of RATES, from how many of each one's exchanges were refused.

    Accounts differ: most are hardly ever refused, some often. So the law of rates is estimated without a form
    (maximum likelihood of a mixture of binomials, Laird 1978, by expectation and maximisation), and one account more,
    whose rate could be any, stands for those that nobody has seen.
    """
    pairs, times = np.unique(np.stack([refused, known]), axis=1, return_counts=True)
    log = special.xlogy(pairs[0][:, None], RATES) + special.xlog1py((pairs[1] - pairs[0])[:, None], -RATES)
    likelihood = np.exp(log - log.max(axis=1, keepdims=True))
    share = np.full(len(RATES), 1 / len(RATES))
    for _ in range(STEPS):
        belongs = likelihood * share
        belongs /= belongs.sum(axis=1, keepdims=True)
        share = times @ belongs / times.sum()
    # An even rate between 0 and 1, as weights of the grid's cells.
    edges = np.r_[0.0, 0.0, (RATES[1:-1] + RATES[2:]) / 2, 1.0]
    accounts = times.sum()
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


def examine(case: Case) -> Observation | None:
    """Share of exchanges that the model refused, against accounts outside and their different rates of refusal."""
    view, told = case.view, status_known(case)
    members, others = case.members[told[case.members]], case.outside[told[case.outside]]
    known, refused = view.totals["status_known"], view.totals["refused"]
    if 2 * len(members) < len(case.members) or len(others) < 30:
        return None
    if known[members].sum() < case.population.settings.min_exchanges:
        return None
    share = float(refused[members].sum() / known[members].sum())
    outside = float(refused[others].sum() / known[others].sum())
    chosen = case.by_infrastructure
    if chosen is None:
        # Who sends the same is refused the same: the group is one draw, and its rank is among accounts.
        busy = others[known[others] >= 5]
        p = (float((refused[busy] >= share * known[busy]).sum()) + 1) / (len(busy) + 1)
    else:
        chosen = chosen[told[chosen]]
        rng = case.generator(6)
        pool = np.sort(rng.choice(others, POOL, replace=False)) if len(others) > POOL else others
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
