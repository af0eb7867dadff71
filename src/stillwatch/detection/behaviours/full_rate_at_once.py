"""New accounts at full rate at once."""

from stillwatch.detection.behaviours.base import TIMING, Behaviour, Observation, most, percent
from stillwatch.detection.case import Case, binomial_tail
from stillwatch.detection.traits import Trait


def _at_once(case: Case) -> Trait:
    rushed = case.population.first_days >= 10
    return Trait(rushed, case.view.active, case.view.active)


def examine(case: Case) -> Observation | None:
    """Share of members with ten exchanges or more on one of their first three days alive."""
    view = case.view
    if "created_at" not in view.evidence.accounts.present:
        return None
    at_once = case.population.once("full rate at once", lambda: _at_once(case))
    rushed = at_once.having
    inside = float(rushed[case.members].mean())
    rate = case.rate_outside(at_once)
    p = binomial_tail(int(rushed[case.members].sum()), len(case.members), rate)
    return Observation(
        statistic=inside,
        p_value=p,
        statement=f"{percent(inside)} of the accounts sent ten requests or more on a day within three days of their"
        f" creation; outside {percent(rate)} did.",
        supports=inside >= 0.3 and p < 0.05,
        examples=most(case.members, case.population.first_days[case.members] * rushed[case.members]),
    )


BEHAVIOUR = Behaviour(
    name="full_rate_at_once",
    title="New accounts at full rate",
    family=TIMING,
    field_numbers=(14,),
    statistic="share of accounts with ten exchanges or more on one of their first three days",
    null="accounts do so as often as accounts outside the group (binomial)",
    atlas="AML.T0024.002",
    reference="Anthropic, 10 Sep 2026 (disposable accounts)",
    examine=examine,
)
