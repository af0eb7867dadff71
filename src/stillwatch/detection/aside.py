"""Stage 7: who of an accused group was only put beside it, and is something else?"""

from collections.abc import Iterator

import numpy as np

from stillwatch.detection.case import Case
from stillwatch.detection.evidence import Bools
from stillwatch.detection.groups import SYSTEM_PROMPT
from stillwatch.detection.mixtures import cuts
from stillwatch.detection.standing import MORE_THAN_NOT, alone, log10_factor
from stillwatch.detection.ties import tied
from stillwatch.records import findings

FEW = 3
"""Accounts of one declared organisation from which it is weighed by itself."""
BETTER, CLEARLY = 0.3, 2.0
"""log10 of how many times better one explanation of a part of a group has to be than the other, to decide: for the smaller
part, and for the larger."""
STANDING = ("education", "research", "enterprise")
"""Plans of institutions and businesses; so are invoices."""


def put_aside(case: Case) -> Bools:
    """Along the accused group's accounts: members that are suspected and not accused with the others.

    Of a group of system prompts only accounts are accused that are tied to others of it by more than that.
    """
    unlike = of_their_own(case) | beside_it(case)
    if case.group.origin == SYSTEM_PROMPT:
        unlike |= ~tied(case)
    return unlike


def _parts(case: Case) -> Iterator[Bools]:
    """Along `group.accounts`: members that have something in common which most of the group has not.

    Those that declare one organisation, and the verified accounts of institutions and businesses.
    """
    facts, group = case.view.evidence.accounts, case.group
    who = group.accounts
    names = facts.organisation[who].astype(str)
    for name, count in zip(*np.unique(names[group.firm], return_counts=True), strict=True):
        if name and count >= FEW:
            yield group.firm & (names == name)
    standing = np.isin(facts.plan[who], STANDING) | (facts.payment_kind[who] == "invoice")
    yield group.firm & standing & (facts.verified[who] == 1)


def of_their_own(case: Case) -> Bools:
    """Along `group.accounts`: members that by themselves are something else than the group.

    A company's batch work or a study whose texts resemble a campaign's may be put beside it, and the group's figures then
    say little of these few. Accounts of one organisation, and verified ones of institutions and businesses, are weighed by
    themselves where they are fewer than half of an accused group, without what comes from the others. Where extraction does
    not explain them twice as well as benign uses they are not accused for the others' figures. A name alone gains a campaign
    nothing: what accounts do is weighed, not what they call themselves.
    """
    found = np.zeros(len(case.group.accounts), dtype=bool)
    if case.population.settings.left_out == findings.INFRASTRUCTURE:
        return found
    for own in _parts(case):
        if 0 < 2 * own.sum() < len(case.members) and alone(case.only(own)).log10_bayes_factor < BETTER:
            found |= own
    if 2 * found.sum() >= len(case.members) and alone(case.only(found)).log10_bayes_factor >= BETTER:
        # Each says little by itself, and together they are the group.
        return np.zeros_like(found)
    return found


def beside_it(case: Case) -> Bools:
    """Along `group.accounts`: members that were put beside a campaign, and are something else.

    Whoever speaks a rare language, or asks about the same subject, may come out in one group with a campaign that does. Cut
    in two by what its texts did not choose (when accounts were made, where they are, whose system prompt they send, whose
    cards they hold), one part of the group may be better explained by a benign use than by extraction, by figures that
    did not choose it: twice as well, and far better if it is the larger part. Where the other part stands by itself, the
    first is not accused.
    """
    found = np.zeros(len(case.group.accounts), dtype=bool)
    # What stands is never itself explained by a benign use, however high the prior.
    likely = max(0.0, log10_factor(case.population.settings.prior, MORE_THAN_NOT))
    for cut, chosen_by in cuts(case):
        # What one cut has taken out takes no part in the next: so there is always a part that stood.
        left = case.group.firm & ~found
        sides = [part & left for part in cut if (part & left).sum() >= FEW]
        evidence = [alone(case.only(side), chosen_by).log10_bayes_factor for side in sides if len(sides) > 1]
        if max(evidence, default=-np.inf) < likely:
            continue
        for side, mine in zip(sides, evidence, strict=True):
            needed = -CLEARLY if 2 * side.sum() > left.sum() else -BETTER
            if mine < needed:
                found |= side
    return found
