"""Stage 7: what each account of a judged group is: a member, one that relays, or only suspected."""

import numpy as np

from stillwatch.detection.case import Case
from stillwatch.detection.decision import EXTRACTION, Judged
from stillwatch.detection.evidence import Bools
from stillwatch.detection.features import measure
from stillwatch.detection.rivals import weigh

RELAY_SHARE = 0.6
"""A member with a smaller share of its texts in the campaign mixes it with other traffic."""
VOUCHED_SHARE = 0.25
"""From this share of a group on, verified accounts of institutions and businesses are what the group is."""
FEW = 3
"""Accounts of one declared organisation from which it is weighed by itself."""


def vouched_for(judged: Judged) -> Bools:
    """Along `judged.group.accounts`: verified accounts of institutions and businesses in a group of others.

    A study or a company whose texts resemble a campaign's may be put into it, and the group's figures then say little of
    these few. Where such accounts are common in the group nobody is told apart by it.
    """
    facts, who = judged.case.view.evidence.accounts, judged.group.accounts
    standing = np.isin(facts.plan[who], ("education", "research", "enterprise"))
    standing |= facts.payment_kind[who] == "invoice"
    found = np.asarray((facts.verified[who] == 1) & standing)
    firm = judged.group.firm
    return found if firm.any() and found[firm].mean() < VOUCHED_SHARE else np.zeros(len(who), dtype=bool)


def of_their_own(judged: Judged) -> Bools:
    """Along `judged.group.accounts`: members of an organisation that by itself is something else than the group.

    Accounts that declare one organisation, fewer than half of an accused group, are weighed by themselves, without what
    comes from the others. Where a benign use explains them better than extraction they are not accused for the others'
    figures. A name alone gains a campaign nothing: what it does is weighed, not what it calls itself.
    """
    case, group = judged.case, judged.group
    found = np.zeros(len(group.accounts), dtype=bool)
    facts = case.view.evidence.accounts
    if judged.verdict != EXTRACTION or judged.single or "organisation" not in facts.present:
        return found
    names = facts.organisation[group.accounts].astype(str)
    for name, count in zip(*np.unique(names[group.firm], return_counts=True), strict=True):
        if not name or count < FEW or 2 * count >= len(group.members):
            continue
        own = group.firm & (names == name)
        figures = measure(Case(group.only(case.view, own), case.population), None)
        power = case.population.settings.power(int(count))
        found |= own & (weigh(figures, power).log10_bayes_factor < 0)
    return found


def roles(judged: Judged) -> list[tuple[str, float]]:
    """(role, probability) for each account of `judged.group.accounts`.

    An account's probability is the group's times how surely it belongs: tied by texts and infrastructure, by
    one of them, or only linked, or unlike the others in who it is. Who is exempt is not accused, and keeps the
    probability that the evidence gives.
    """
    group = judged.group
    unlike = vouched_for(judged) | of_their_own(judged)
    found = []
    for code, share, kinds, belongs_firmly in zip(
        group.accounts.tolist(),
        group.content_share,
        group.infrastructure_kinds,
        group.firm & ~unlike,
        strict=True,
    ):
        if not belongs_firmly:
            found.append(("suspected", 0.3 * judged.probability))
            continue
        belongs = 0.99 if share > 0 and kinds > 0 else 0.97
        relayed = judged.case.told_by_texts and 0 < share < RELAY_SHARE
        role = "suspected" if code in judged.exempt else "relay" if relayed else "member"
        found.append((role, belongs * judged.probability))
    return found
