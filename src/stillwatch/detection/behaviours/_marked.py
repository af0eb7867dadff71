"""The test behind every behaviour that is a mark on texts."""

from collections.abc import Callable

import numpy as np

from stillwatch.detection.behaviours.base import Observation, most, percent
from stillwatch.detection.case import Case, binomial_tail
from stillwatch.detection.evidence import Floats
from stillwatch.detection.traits import Trait

NULL = (
    "the group's template is one drawn from those of accounts outside: it carries the mark with the probability that an"
    " account outside mostly does; in a group that infrastructure formed, accounts carry the mark as often as accounts"
    " outside (binomial)"
)
MOSTLY = 0.2
"""An account counts as marked from this share of its texts on: relayed traffic dilutes campaigns."""


def _marked(case: Case, names: tuple[str, ...]) -> tuple[Floats, Trait]:
    """By account code: share of its texts with one of these marks, and whether it mostly sends such."""
    share = np.minimum(sum(case.population.mark_share[name] for name in names), 1.0)
    return np.asarray(share), Trait(np.asarray(share >= MOSTLY), case.view.active, case.view.active)


def marked_test(mark_names: tuple[str, ...], wording: str) -> Callable[[Case], Observation | None]:
    """A test of how many accounts mostly send texts that carry one of these marks.

    In a group that infrastructure formed, accounts are independent draws: binomial with the outside rate. Those whom
    content chose are not: one template is one draw, however many accounts repeat it; so p is the outside rate itself.
    """

    def examine(case: Case) -> Observation | None:
        view = case.view
        if not view.totals["texts"][case.members].sum():
            return None
        share, mostly = case.population.once(f"marked {mark_names}", lambda: _marked(case, mark_names))
        marked = mostly.having
        inside = float(marked[case.members].mean())
        rate = case.rate_outside(mostly)
        if case.by_content is not None:
            p = min(1.0, rate) if inside >= 0.5 else 1.0
        else:
            p = binomial_tail(int(marked[case.members].sum()), len(case.members), rate)
        of_texts = float(
            (share[case.members] * view.totals["texts"][case.members]).sum()
            / view.totals["texts"][case.members].sum()
        )
        return Observation(
            statistic=of_texts,
            p_value=p,
            statement=f"{percent(of_texts)} of the group's texts {wording}; {percent(inside)} of its accounts do so"
            f" regularly, against {percent(rate)} outside.",
            supports=inside >= 0.3 and inside > 3 * rate,
            examples=most(case.members, share[case.members]),
        )

    return examine
