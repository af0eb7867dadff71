"""Stage 7: what each account of a judged group is: a member, one that relays, or only suspected."""

from collections.abc import Iterator, Sequence

import numpy as np

from stillwatch.detection.case import Case
from stillwatch.detection.decision import EXTRACTION, MORE_THAN_NOT, Judged, weigh_figures
from stillwatch.detection.evidence import Bools
from stillwatch.detection.features import measure
from stillwatch.detection.groups import SYSTEM_PROMPT
from stillwatch.detection.mixtures import cuts
from stillwatch.detection.ties import tied
from stillwatch.records import findings

RELAY_SHARE = 0.6
"""A member with a smaller share of its texts in the campaign mixes it with other traffic."""
FEW = 3
"""Accounts of one declared organisation from which it is weighed by itself."""
CLEARLY = 2.0
"""log10 of how many times better a benign use must explain the larger part of a group than extraction does."""
STANDING = ("education", "research", "enterprise")
"""Plans of institutions and businesses; so are invoices."""


def _parts(judged: Judged) -> Iterator[Bools]:
    """Along `judged.group.accounts`: members that have something in common which most of the group has not.

    Those that declare one organisation, and the verified accounts of institutions and businesses.
    """
    facts, group = judged.case.view.evidence.accounts, judged.group
    who = group.accounts
    names = facts.organisation[who].astype(str)
    for name, count in zip(*np.unique(names[group.firm], return_counts=True), strict=True):
        if name and count >= FEW:
            yield group.firm & (names == name)
    standing = np.isin(facts.plan[who], STANDING) | (facts.payment_kind[who] == "invoice")
    yield group.firm & standing & (facts.verified[who] == 1)


def of_their_own(judged: Judged) -> Bools:
    """Along `judged.group.accounts`: members that by themselves are something else than the group.

    A company's batch work or a study whose texts resemble a campaign's may be put beside it, and the group's figures then
    say little of these few. Accounts of one organisation, and verified ones of institutions and businesses, are weighed by
    themselves where they are fewer than half of an accused group, without what comes from the others. Where a benign use
    explains them better than extraction they are not accused for the others' figures. A name alone gains a campaign
    nothing: what accounts do is weighed, not what they call themselves.
    """
    case, group = judged.case, judged.group
    found = np.zeros(len(group.accounts), dtype=bool)
    settings = case.population.settings
    if judged.verdict != EXTRACTION or judged.single or settings.left_out == findings.INFRASTRUCTURE:
        return found
    for own in _parts(judged):
        count = int(own.sum())
        if not count or 2 * count >= len(group.members):
            continue
        part = case.only(own)
        if weigh_figures(measure(part, None), part, single=count == 1)[1].log10_bayes_factor < 0:
            found |= own
    return found


def beside_it(judged: Judged) -> Bools:
    """Along `judged.group.accounts`: members that were put beside a campaign, and are something else.

    Whoever speaks a rare language, or asks about the same subject, may come out in one group with a campaign that does. Cut
    in two by what its texts did not choose (when accounts were made, where they are, whose system prompt they send, whose
    cards they hold), one part of the group may be better explained by a benign use than by extraction, by figures that
    did not choose it: far better, if it is the larger part. Where the other part stands by itself, that one is not accused.
    """
    case = judged.case
    found = np.zeros(len(case.group.accounts), dtype=bool)
    if judged.verdict != EXTRACTION or judged.single:
        return found
    likely = log10_factor(case.population.settings.prior, MORE_THAN_NOT)
    for part, chosen_by in cuts(case):
        # What one cut has taken out takes no part in the next: so there is always a part that stood.
        left = case.group.firm & ~found
        sides = (part & left, left & ~part)
        if min(side.sum() for side in sides) < FEW:
            continue
        evidence = [_alone(case.only(side), chosen_by) for side in sides]
        for side, mine, other in zip(sides, evidence, reversed(evidence), strict=True):
            needed = -CLEARLY if 2 * side.sum() > left.sum() else 0.0
            if mine < needed and other >= likely:
                found |= side
    return found


def log10_factor(prior: float, probability: float) -> float:
    """log10 of the Bayes factor that makes this probability of this prior."""
    return float(np.log10(probability / (1 - probability) * (1 - prior) / prior))


def _alone(part: Case, chosen_by: Sequence[str]) -> float:
    """log10 Bayes factor of a part of a group by its figures, without those that chose it."""
    figures = measure(part, None) | dict.fromkeys(chosen_by)
    return weigh_figures(figures, part, single=False)[1].log10_bayes_factor


def roles(judged: Judged) -> list[tuple[str, float]]:
    """(role, probability) for each account of `judged.group.accounts`.

    An account's probability is the group's times how surely it belongs: tied by texts and infrastructure, by
    one of them, or only linked, or unlike the others in who it is. Of a group of system prompts only accounts that are
    tied to others of it by more than that are accused. Who is exempt is not accused, and keeps the probability that the
    evidence gives.
    """
    group = judged.group
    unlike = of_their_own(judged) | beside_it(judged)
    if group.origin == SYSTEM_PROMPT and judged.verdict == EXTRACTION:
        unlike |= ~tied(judged.case)
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
