"""Use that does not fit the plan."""

import numpy as np

from stillwatch.detection.behaviours.base import TIMING, Behaviour, Observation, most, percent
from stillwatch.detection.case import Case, binomial_tail
from stillwatch.detection.evidence import Floats

PLANS = ("free", "paid", "startup")
"""Plans of people and small firms. On others much use is what the plan is for."""
TOP = 0.01
LEAST = 100
"""Accounts outside on a plan from which on the hundredth part of them is somebody."""


def limit_of(volumes: Floats) -> tuple[float, float]:
    """(volume that all but the heaviest hundredth of these accounts stay below or at, exchanges' share of those above).

    The share is of exchanges, pulled up by the volume of one account at the limit.
    """
    ordered = np.sort(volumes)
    limit = float(ordered[-1 - max(1, int(TOP * len(ordered)))])
    return limit, float((ordered[ordered > limit].sum() + limit) / (ordered.sum() + limit))


def examine(case: Case) -> Observation | None:
    """Members with more exchanges than 99% of outside accounts on the same plan.

    Groups are formed by what accounts do, so that any group, a benign one too, holds more of those that do much. In the
    null accounts come into it by their exchanges, not by heads: the rate is the share of outside exchanges that belongs
    to accounts above the limit, which is many times their own share.
    """
    volumes, plans = case.view.totals["n"], case.view.evidence.accounts.plan
    known = plans[case.members] != ""
    if 2 * known.sum() < len(case.members):
        return None
    beyond = np.zeros(len(volumes), dtype=bool)
    exceeding, rates = 0, []
    limits = []
    for plan in PLANS:
        mine = case.members[plans[case.members] == plan]
        own = volumes[mine]
        others = volumes[case.outside[plans[case.outside] == plan]]
        if not len(own) or len(others) < LEAST:
            continue
        limit, rate = limit_of(others)
        beyond[mine] = own > limit
        exceeding += int((own > limit).sum())
        rates += [rate] * len(own)
        limits.append(f"{limit:,.0f} on {plan}")
    if len(rates) < 4:
        return None
    share = exceeding / len(rates)
    rate = float(np.mean(rates))
    p = binomial_tail(exceeding, len(rates), rate)
    return Observation(
        statistic=share,
        p_value=p,
        statement=f"{percent(share)} of {len(rates)} accounts on such plans sent more than 99 in 100 accounts outside on"
        f" the same plan do (exchanges: {', '.join(limits)}); such accounts make {percent(rate)} of exchanges outside.",
        supports=share >= 0.3 and p < 0.05,
        examples=most(case.members, (volumes * beyond)[case.members]),
    )


BEHAVIOUR = Behaviour(
    name="plan_misfit",
    title="Use that does not fit the plan",
    family=TIMING,
    field_numbers=(14,),
    statistic="share of accounts on free, paid and startup plans with more exchanges than 99% of accounts outside on the"
    " same plan",
    null="accounts are so as often as an exchange outside, on the same plan, is of such an account: heavy accounts come into"
    " any group more often (binomial with the mean of these shares)",
    atlas="AML.T0024.002",
    reference="Hoeffding 1956 (unequal draws)",
    examine=examine,
)
