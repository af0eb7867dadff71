"""Unverified accounts on virtual and prepaid cards."""

from stillwatch.detection.behaviours.base import INFRASTRUCTURE, Behaviour, Observation, most, percent
from stillwatch.detection.case import Case, binomial_tail


def examine(case: Case) -> Observation | None:
    """Share of accounts that nobody verified and that pay with a virtual or prepaid card."""
    trait = case.population.traits["disposable"]
    known, disposable = trait.known, trait.having
    if 2 * known[case.members].sum() < len(case.members):
        return None
    chosen = case.by_content
    inside = float(disposable[case.members].mean())
    rate = case.rate_outside(trait)
    p = None if chosen is None else binomial_tail(int(disposable[chosen].sum()), len(chosen), rate)
    return Observation(
        statistic=inside,
        p_value=p,
        statement=f"{percent(inside)} of the accounts are unverified and pay with virtual or prepaid cards;"
        f" outside {percent(rate)} are.",
        supports=inside >= 0.2 and inside > 2 * rate,
        examples=most(case.members, disposable[case.members]),
    )


BEHAVIOUR = Behaviour(
    name="disposable_identity",
    title="Disposable identities",
    family=INFRASTRUCTURE,
    field_numbers=(8,),
    statistic="share of accounts that are unverified and pay with virtual or prepaid cards",
    null="accounts are so as often as outside the group (binomial, accounts chosen by texts alone)",
    atlas="AML.T0024.002",
    reference="Anthropic, 10 Sep 2026 (virtual cards, disposable mail)",
    examine=examine,
)
