"""A work list that is divided: no item asked twice."""

from collections.abc import Iterable

import numpy as np
from numba import njit
from scipy import sparse

from stillwatch.detection.behaviours._matched import alike
from stillwatch.detection.behaviours.base import CONTENT, Behaviour, Observation, most, percent
from stillwatch.detection.case import Case
from stillwatch.detection.evidence import Floats, Ints
from stillwatch.detection.orders import among

EVERYWHERE = 0.4
"""From this share of repeated items on, accounts work through the same items: a benchmark or a class."""
LEAST = 30
"""Accounts outside that a reference needs."""


def repeats(case: Case) -> tuple[int, int]:
    """Exchanges of members on the group's texts, and how many of their whole texts two accounts or more sent."""
    repeated = case.population.repeated_item
    own = case.own[case.view.evidence.ex_text[case.own]]
    return len(own), int(repeated[own].sum())


def met(acc: Ints, item: Ints, chosen: Ints) -> int:
    """How many items two or more of the chosen accounts sent. acc, item: who sent what, in pairs that may come again."""
    at = np.isin(acc, chosen)
    pairs = np.unique(item[at] * np.int64(1 << 31) + acc[at])
    _, senders = np.unique(pairs >> 31, return_counts=True)
    return int((senders >= 2).sum())


@njit(nogil=True, cache=True)
def _met(start, items, accounts, sender):  # type: ignore[no-untyped-def]
    """How many items two or more of these accounts sent; account a has `items[start[a]:start[a + 1]]`.

    `sender`: by item zero, and so again in the end.
    """
    found = 0
    for a in accounts:
        for i in range(start[a], start[a + 1]):
            if sender[items[i]] == 0:
                sender[items[i]] = a + 1
            elif sender[items[i]] > 0 and sender[items[i]] != a + 1:
                sender[items[i]] = -1
                found += 1
    for a in accounts:
        for i in range(start[a], start[a + 1]):
            sender[items[i]] = 0
    return found


def met_in_each(asked: sparse.csr_matrix, sets: Iterable[Ints]) -> Floats:
    """The same for each of many sets of accounts. asked: accounts x items, true where the account sent the item."""
    sender = np.zeros(asked.shape[1], np.int32)
    return np.array([_met(asked.indptr, asked.indices, chosen, sender) for chosen in sets], np.float64)


def chance_to_meet(observed: int, drawn: Floats) -> tuple[float, float]:
    """(p-value of so few items met, p-value of so many) among reference draws, by rank."""
    return (
        (1.0 + float((drawn <= observed).sum())) / (1.0 + len(drawn)),
        (1.0 + float((drawn >= observed).sum())) / (1.0 + len(drawn)),
    )


def examine(case: Case) -> Observation | None:
    """Items that several members asked, against sets of accounts outside that sent as many texts.

    Whether two texts ask the same is told by their whole text: the same question in another wording is not seen as a
    repeat. Texts too short for two sampled phrases (greetings, "go on") are left out on both sides.
    """
    exchanges, repeated = repeats(case)
    if exchanges < case.population.settings.min_exchanges:
        return None
    share = repeated / exchanges
    acc, item = case.population.long_items
    texts = case.view.texts
    own = case.sent_by(case.members, case.own).astype(np.float64)
    pool = case.pool("with texts, by texts", lambda: texts, lambda: texts > 0)
    p, text = None, ""
    if len(pool) >= LEAST and len(acc):
        rng = case.generator(6)
        chosen = np.arange(len(case.members))
        reference = alike(pool, own)
        # Sets of so many different accounts as the group has are not to be had where it is most of its kind.
        if len(chosen) > reference.effective / 2:
            chosen = np.sort(rng.choice(chosen, max(int(reference.effective / 2), 2), replace=False))
            reference = alike(pool, own[chosen])
        inside = among(case.population.long_item_exchanges, case.own)
        observed = met(acc[inside], item[inside], case.members[chosen])
        draws = case.population.settings.reference_draws
        drawn = met_in_each(case.population.asked, reference.distinct(draws, rng))
        fewer, more = chance_to_meet(observed, drawn)
        p = fewer
        found = (
            "less than chance" if fewer < 0.05 else "more than chance" if more < 0.05 else "as much as chance"
        )
        text = (
            f" {observed:,} questions were asked by two of {len(chosen):,} accounts or more; sets of accounts outside that"
            f" sent as many have {np.median(drawn):,.0f} (middle of {draws} draws): {found}."
        )
    return Observation(
        statistic=share,
        p_value=p,
        statement=f"Of {exchanges:,} exchanges on the group's texts {percent(share)} ask something that another account"
        f" asked too.{text}"
        + (
            " The same items everywhere are the mark of a benchmark or a class."
            if share >= EVERYWHERE
            else ""
        ),
        supports=share < 0.05 and case.typical_share >= 0.2 and p is not None and p < 0.05,
        examples=most(case.members, own),
    )


BEHAVIOUR = Behaviour(
    name="divided_work_list",
    title="A divided work list",
    family=CONTENT,
    field_numbers=(6,),
    statistic="share of the group's exchanges whose whole text two accounts or more sent",
    null="accounts ask each other's questions as often as sets of accounts outside that sent as many texts (rank among"
    " drawn sets of the number of questions asked by two or more; where people outside do not repeat each other either,"
    " that is no evidence)",
    atlas="AML.T0024.002",
    reference="Anthropic, 23 Feb 2026 (load balancing over accounts)",
    examine=examine,
)
