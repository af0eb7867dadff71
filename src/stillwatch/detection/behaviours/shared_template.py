"""One template over many accounts."""

import numpy as np

from stillwatch.detection.behaviours._sharing import together_tail
from stillwatch.detection.behaviours.base import CONTENT, Behaviour, Observation, percent
from stillwatch.detection.case import Case


def examine(case: Case) -> Observation | None:
    """Share of members who use the group's text objects; tested is how much all who use them share besides."""
    view, group = case.view, case.group
    if not len(group.text_objects):
        return None
    uses = np.zeros(len(view.active), dtype=bool)
    uses[case.users] = True
    inside = float(uses[case.members].mean())
    rate = case.rate_outside(uses)
    p = together_tail(case, case.users) if case.textual else None
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
    null="those who use these templates, anywhere, hold payment, contact, sign-up and network addresses in common as"
    " often as accounts outside the group (binomial, each account against those before it)",
    atlas="AML.T0024.002",
    reference="Broder 1997 (min-wise hashing); Anthropic, 23 Feb 2026 (identical patterns)",
    examine=examine,
)
