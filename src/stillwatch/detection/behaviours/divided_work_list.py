"""A work list that is divided: no item asked twice."""

import numpy as np

from stillwatch.detection.behaviours.base import CONTENT, Behaviour, Observation, percent
from stillwatch.detection.case import Case

EVERYWHERE = 0.4
"""From this share of repeated items on, accounts work through the same items: a benchmark or a class."""


def repeats(case: Case) -> tuple[int, int]:
    """Exchanges of members on the group's texts, and how many of their whole texts two accounts or more sent."""
    repeated, _ = case.population.repeated_item
    member = np.zeros(len(case.view.active), dtype=bool)
    member[case.members] = True
    own = case.group.exchanges[member[case.view.evidence.ex_acc[case.group.exchanges]]]
    own = own[case.view.evidence.ex_item[own] >= 0]
    return len(own), int(repeated[own].sum())


def examine(case: Case) -> Observation | None:
    """Repeated items among the group's exchanges, beside how often accounts outside repeat each other's texts."""
    exchanges, repeated = repeats(case)
    if exchanges < case.population.settings.min_exchanges:
        return None
    view = case.view
    flags, _ = case.population.repeated_item
    outside_mask = ~case.inside
    outside_repeats = int(flags[outside_mask[view.evidence.ex_acc]].sum())
    outside_texts = float(view.totals["texts"][case.outside].sum())
    rate = (outside_repeats + 0.5) / (outside_texts + 1)
    share = repeated / exchanges
    return Observation(
        statistic=share,
        p_value=None,
        statement=f"Of {exchanges:,} exchanges on the group's texts {percent(share)} ask something that another account"
        f" asked too; outside the group {percent(rate)} of texts are repeated by others."
        + (
            " The same items everywhere are the mark of a benchmark or a class."
            if share >= EVERYWHERE
            else ""
        ),
        supports=share < 0.05 and case.typical_share >= 0.2,
    )


BEHAVIOUR = Behaviour(
    name="divided_work_list",
    title="A divided work list",
    family=CONTENT,
    field_numbers=(6,),
    statistic="share of the group's exchanges whose whole text two accounts or more sent",
    null="none: how often strangers' items repeat by chance depends on what the template asks; the figure is described,"
    " and weighed against rival explanations",
    atlas="AML.T0024.002",
    reference="Anthropic, 23 Feb 2026 (load balancing over accounts)",
    examine=examine,
)
