"""Single accounts that harvest alone, without any coordination to be seen."""

import numpy as np

from stillwatch.detection.behaviours import Observation, heavy_account
from stillwatch.detection.behaviours.base import percent
from stillwatch.detection.case import Population
from stillwatch.detection.evidence import Bools, Ints
from stillwatch.detection.groups import ONE_ACCOUNT, Group

MARKED_SHARE = 0.5
MARKED_TEXTS = 50
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


def heavy_singles(population: Population, taken: Bools) -> list[tuple[Group, dict[str, Observation]]]:
    """Accounts in no group, most of whose many texts carry a mark, with what speaks for and against.

    `taken`: by account code, already in a group. The p-value of a mark is the account's rank among all active ones: how
    many send as large a share of such texts; it cannot be smaller than one over their number. Volume has none:
    whoever sends many marked texts sends many texts, so it is no second family and the verdict is at most `review`.
    """
    view = population.view
    texts = view.totals["texts"]
    found = []
    n_active = view.population
    empty = np.zeros(0, dtype=np.int64)
    chosen: dict[int, dict[str, Observation]] = {}
    for behaviour, marks in CHECKED_MARKS.items():
        share = np.minimum(sum(population.mark_share[m] for m in marks), 1.0)
        heavy = view.active & ~taken & (share >= MARKED_SHARE) & (share * texts >= MARKED_TEXTS)
        for code in np.flatnonzero(heavy).tolist():
            as_marked = int((view.active & (texts >= MARKED_TEXTS / 2) & (share >= share[code])).sum())
            chosen.setdefault(code, {})[behaviour] = Observation(
                statistic=float(share[code]),
                p_value=min(1.0, as_marked / n_active),
                statement=f"{percent(float(share[code]))} of the account's {int(texts[code])} texts carry the mark;"
                f" {as_marked} of {n_active} accounts reach that share.",
                supports=True,
            )
    for code, observations in sorted(chosen.items()):
        observations["heavy_account"] = heavy_account.of_account(view, code)
        accounts: Ints = np.array([code], dtype=np.int64)
        found.append(
            (
                Group(
                    origin=ONE_ACCOUNT,
                    accounts=accounts,
                    content_share=np.ones(1),
                    infrastructure_kinds=np.zeros(1, dtype=np.int64),
                    firm=np.ones(1, dtype=bool),
                    by_text=np.zeros(1, dtype=bool),
                    likeness=0.0,
                    text_objects=empty,
                    infrastructure_objects=empty,
                    # All that it did: what it happens to share with others says nothing of it.
                    exchanges=empty,
                ),
                observations,
            )
        )
    return found
