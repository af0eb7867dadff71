"""A move to a new model within a day of its release."""

from dataclasses import replace

from stillwatch.detection.behaviours.base import TIMING, Behaviour, Observation, most, percent
from stillwatch.detection.case import Case, binomial_tail


def examine(case: Case) -> Observation | None:
    """Members active before and after a release that put 40% or more of the next 24 hours' traffic on the new model."""
    best: Observation | None = None
    tested = 0
    for model, moved in case.population.pivots:
        own, pivots = case.members[moved.known[case.members]], moved.having
        pivoted, others = case.counts_outside(moved)
        if len(own) < 4 or others < 30:
            continue
        tested += 1
        rate = (pivoted + 0.5) / (others + 1)
        share = float(pivots[own].mean())
        p = binomial_tail(int(pivots[own].sum()), len(own), rate)
        if best is None or best.p_value is None or p < best.p_value:
            best = Observation(
                statistic=share,
                p_value=p,
                statement=f"{percent(share)} of the accounts that were active before moved 40% or more of their traffic to"
                f" {model} within 24 hours of its release; outside {percent(rate)} did.",
                supports=share >= 0.3 and p < 0.05,
                examples=most(own, pivots[own]),
            )
    if best is None or best.p_value is None:
        return None
    return replace(best, p_value=min(1.0, best.p_value * tested))


BEHAVIOUR = Behaviour(
    name="release_pivot",
    title="Move to a new model within a day",
    family=TIMING,
    field_numbers=(9,),
    statistic="share of accounts that put 40% or more of their traffic on a model in the 24 hours after release",
    null="accounts move as often as accounts outside the group (binomial, corrected for the releases tried)",
    atlas="AML.T0024.002",
    reference="Anthropic, 23 Feb 2026 (nearly half of the traffic within 24 hours)",
    examine=examine,
)
