"""Use that does not fit the plan."""

import numpy as np

from stillwatch.detection.behaviours.base import TIMING, Behaviour, Observation, most, percent
from stillwatch.detection.case import Case, binomial_tail
from stillwatch.detection.evidence import Floats
from stillwatch.detection.orders import Pool

PLANS = ("free", "paid", "startup")
"""Plans of people and small firms. On others much use is what the plan is for."""
TOP = 0.01
LEAST = 100
"""Accounts outside on a plan from which on the hundredth part of them is somebody."""


def _outside_on(case: Case, plan: str) -> tuple[Pool, Floats]:
    """Accounts outside on a plan in order of their exchanges, and sums of these along the order."""
    volumes = case.view.totals["n"]
    pool = case.pool(
        f"on {plan}, by exchanges", lambda: volumes, lambda: case.view.evidence.accounts.plan == plan
    )
    return pool, case.population.once(f"on {plan}: running", lambda: pool.order.running(volumes))


def limit_of(pool: Pool, running: Floats) -> tuple[float, float]:
    """(volume that all but the heaviest hundredth of a pool stay below or at, exchanges' share of those above).

    The pool is in order of volumes, and `running` their sums. The share is of exchanges, pulled up by the volume of one
    account at the limit.
    """
    every = len(pool)
    limit = pool.figure_at(np.array([every - 1 - max(1, int(TOP * every))]))
    heavy = int(pool.end_of(limit)[0])
    whole = float(pool.sums(running, np.array([0]), np.array([every]))[0])
    above = float(pool.sums(running, np.array([heavy]), np.array([every]))[0]) if heavy < every else 0.0
    return float(limit[0]), (above + float(limit[0])) / (whole + float(limit[0]))


def examine(case: Case) -> Observation | None:
    """Members with more exchanges than 99% of outside accounts on the same plan.

    Groups are formed by what accounts do, so that any group, a benign one too, holds more of those that do much. In the
    null accounts come into it by their exchanges, not by heads: the rate is the share of outside exchanges that belongs
    to accounts above the limit, which is many times their own share.
    """
    volumes, plans = case.view.totals["n"], case.view.evidence.accounts.plan
    plans_of, volumes_of = plans[case.members], volumes[case.members]
    if 2 * (plans_of != "").sum() < len(case.members):
        return None
    beyond = np.zeros(len(case.members), dtype=bool)
    exceeding, rates = 0, []
    limits = []
    for plan in PLANS:
        mine = plans_of == plan
        own = volumes_of[mine]
        if not len(own):
            continue
        pool, running = _outside_on(case, plan)
        if len(pool) < LEAST:
            continue
        limit, rate = limit_of(pool, running)
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
        examples=most(case.members, volumes_of * beyond),
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
