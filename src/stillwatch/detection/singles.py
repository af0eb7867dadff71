"""Single accounts that may harvest alone, without any coordination to be seen."""

import numpy as np

from stillwatch.detection.behaviours import CONTENT, TIMING, Observation, heavy_account
from stillwatch.detection.behaviours.base import percent
from stillwatch.detection.case import Population
from stillwatch.detection.evidence import Bools, Ints
from stillwatch.detection.groups import ONE_ACCOUNT, Group

MARKED_SHARE = 0.5
"""Share of an account's texts from which it is examined for a mark."""
MARKED_TEXTS = 50
"""The same in texts: a few prove nothing."""
HEAVY_EXCHANGES = 500
"""Exchanges from which one of the heaviest accounts is examined without a mark: fewer are no harvest."""
VOLUME = heavy_account.BEHAVIOUR.name
"""The behaviour for which it is."""
CHECKED_MARKS = {
    "reasoning_elicitation": (
        "reasoning_elicitation",
        "reasoning_after_the_fact",
        "fake_debug",
    ),
    "rubric_grading": ("rubric_grading",),
    "thinking_language": ("thinking_language_coercion",),
    "replayed_block": ("replayed_block",),
    "safety_rewrites": ("safety_rewrite",),
}


def _alone(code: int) -> Group:
    """An account as a group of one."""
    empty: Ints = np.zeros(0, dtype=np.int64)
    return Group(
        origin=ONE_ACCOUNT,
        accounts=np.array([code], dtype=np.int64),
        content_share=np.ones(1),
        infrastructure_kinds=np.zeros(1, dtype=np.int64),
        firm=np.ones(1, dtype=bool),
        by_text=np.zeros(1, dtype=bool),
        likeness=0.0,
        text_objects=empty,
        infrastructure_objects=empty,
        # All that it did: what it happens to share with others says nothing of it.
        exchanges=empty,
    )


def _marked(population: Population, taken: Bools) -> dict[int, dict[str, Observation]]:
    """Accounts most of whose many texts carry a mark, by code, with what each mark shows.

    The p-value of a mark is the account's rank among all active ones: how many send as large a share of such texts; it
    cannot be smaller than one over their number.
    """
    view = population.view
    texts = view.totals["texts"]
    chosen: dict[int, dict[str, Observation]] = {}
    for behaviour, marks in CHECKED_MARKS.items():
        share = np.minimum(sum(population.mark_share[m] for m in marks), 1.0)
        heavy = view.active & ~taken & (share >= MARKED_SHARE) & (share * texts >= MARKED_TEXTS)
        for code in np.flatnonzero(heavy).tolist():
            as_marked = int((view.active & (texts >= MARKED_TEXTS / 2) & (share >= share[code])).sum())
            chosen.setdefault(code, {})[behaviour] = Observation(
                statistic=float(share[code]),
                p_value=min(1.0, as_marked / view.population),
                statement=f"{percent(float(share[code]))} of the account's {int(texts[code])} texts carry the mark;"
                f" {as_marked} of {view.population} accounts reach that share.",
                supports=True,
                examples=(code,),
            )
    return chosen


def heavy_singles(population: Population, taken: Bools) -> list[tuple[Group, dict[str, Observation]]]:
    """Accounts that may harvest by themselves: most of whose many texts carry a mark, and the heaviest of all.

    `taken`: by account code, in a group that texts or means formed. Without a mark, what an account is follows from its
    other figures. Its volume is no second family beside its marks: whoever sends many marked texts sends many texts. So
    the verdict is at most `review`.
    """
    view, left_out = population.view, population.settings.left_out
    chosen = {} if left_out == CONTENT else _marked(population, taken)
    if left_out == TIMING:
        return [(_alone(code), seen) for code, seen in sorted(chosen.items())]
    volumes = heavy_account.heaviest(view, ~taken)
    for code in volumes:
        if view.totals["n"][code] >= HEAVY_EXCHANGES:
            chosen.setdefault(code, {})
    return [
        (_alone(code), {**seen, VOLUME: heavy_account.of_account(view, code, volumes.get(code))})
        for code, seen in sorted(chosen.items())
    ]
