"""One template over many accounts."""

import numpy as np

from stillwatch.detection.behaviours.base import CONTENT, Behaviour, Observation, percent
from stillwatch.detection.case import Case, binomial_tail


def examine(case: Case) -> Observation | None:
    """Share of members who use the group's text objects, tested on accounts chosen by infrastructure alone."""
    view, group = case.view, case.group
    if not len(group.text_objects):
        return None
    settings = case.population.settings
    uses = np.zeros(len(view.active), dtype=bool)
    pairs = view.accounts_by_text.places(group.text_objects)
    uses[view.share_acc[pairs[view.share[pairs] >= settings.tie_share]]] = True
    inside = float(uses[case.members].mean())
    rate = case.rate_outside(uses)
    chosen = case.by_infrastructure
    p = None if chosen is None else binomial_tail(int(uses[chosen].sum()), len(chosen), rate)
    texts = float(np.median(group.content_share[group.firm]))
    return Observation(
        statistic=inside,
        p_value=p,
        statement=f"{percent(inside)} of the {len(case.members)} accounts send texts built on the same templates or"
        f" system prompt ({percent(texts)} of a typical account's texts); outside the group {percent(rate)} of accounts do.",
        supports=inside >= 0.5 and texts >= 0.3,
    )


BEHAVIOUR = Behaviour(
    name="shared_template",
    title="One template, many accounts",
    family=CONTENT,
    field_numbers=(1, 2),
    statistic="share of accounts with at least 5% of their texts on the group's templates",
    null="accounts that share infrastructure use these templates as often as accounts outside the group"
    " (binomial, accounts chosen by infrastructure alone)",
    atlas="AML.T0024.002",
    reference="Broder 1997 (min-wise hashing); Anthropic, 23 Feb 2026 (identical patterns)",
    examine=examine,
)
