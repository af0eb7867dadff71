"""Stage 7: is an accused group one thing, or two that were put together and incriminate each other?

An event's accounts and other people's builds may send texts so alike that they come out as one group. It then shows the
burst and the place of the one and the tool calls and the repetition of the other, and is neither. What is true of a
campaign is true of its parts: so a group that falls into two by what its texts did not choose, when its accounts were made
and where they are, has to be a campaign in one of the two at least, more probably than not, by figures that had no part in
the cut.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from stillwatch.detection.behaviours.signup_burst import WINDOW, densest
from stillwatch.detection.case import Case
from stillwatch.detection.evidence import KINDS, Bools
from stillwatch.detection.features import PLACES
from stillwatch.detection.tied import PROMPT_KINDS
from stillwatch.records import findings

LEAST = 0.2
"""Smallest share of a group that a part has: of less the other part is as good as the whole."""
FEW = 3
BURST_FIGURES = ("signup_burst", "new_accounts")
PLACE_FIGURES = ("one_place", "shared_address", "undeclared_sharing", "address_spread")
Cut = tuple[Bools, Bools, Bools]
"""Members of one part, of the other, and those of whom it is not known where they belong, along `group.accounts`."""


def _made_together(case: Case) -> Cut:
    """Those that were made in the fullest 48 hours, and those made at other times."""
    created, firm = case.view.created[case.group.accounts], case.group.firm
    known = np.asarray((created >= 0) & firm)
    then = np.zeros_like(known)
    if known.any():
        _, start = densest(created[known], WINDOW)
        then = (created >= start) & (created < start + WINDOW)
    return known & then, known & ~then, firm & ~known


def _by_place(case: Case) -> Iterator[Cut]:
    """Those at the address that most of them use, and those at others; and those at any that as many use as make a group.

    Two events have two places.
    """
    view, group = case.view, case.group
    shown = group.firm & (view.novelty["address"][group.accounts] > 0)
    links = view.links_by_account.places(case.members)
    obj, acc = view.link_obj[links], view.link_acc[links]
    there = (view.evidence.obj_kind[obj] == KINDS.index("address")) & (view.novelty["address"][acc] <= PLACES)
    found, users = np.unique(obj[there], return_counts=True)
    full = np.flatnonzero(users >= case.population.settings.group_accounts)
    ways = [np.argmax(users, keepdims=True)] if len(users) else []
    for places in [*ways, full] if len(full) > 1 else ways:
        within = np.isin(group.accounts, acc[there & np.isin(obj, found[places])])
        yield shown & within, shown & ~within, group.firm & ~shown


def _by_prompt(case: Case) -> Cut:
    """Those half of whose texts come with system prompts that mostly this group sends, and the others."""
    view, group = case.view, case.group
    prompts = group.text_objects[np.isin(view.evidence.obj_kind[group.text_objects], PROMPT_KINDS)]
    sent = view.share_obj[view.texts_by_account.places(group.accounts)]
    own, held = np.unique(sent[np.isin(sent, prompts)], return_counts=True)
    who, share = view.text_share(view.exchanges_with(own[2 * held > view.popularity[own]], group.accounts))
    mostly = np.zeros(len(group.accounts), dtype=bool)
    mostly[np.searchsorted(group.accounts, who[share >= 0.5])] = True
    return group.firm & mostly, group.firm & ~mostly, np.zeros_like(group.firm)


def _by_means(case: Case) -> Cut:
    """Those that hold cards, addresses, fingerprints or the like that mostly the group holds, and the others."""
    group = case.group
    held = group.infrastructure_kinds > 0
    return group.firm & held, group.firm & ~held, np.zeros_like(group.firm)


def _by_origin(case: Case) -> Iterator[tuple[Cut, tuple[str, ...]]]:
    """Those of `cuts` that say when accounts were made and where they are."""
    if case.population.settings.left_out != findings.INFRASTRUCTURE:
        yield _made_together(case), BURST_FIGURES
        for cut in _by_place(case):
            yield cut, PLACE_FIGURES


def cuts(case: Case) -> Iterator[tuple[Cut, tuple[str, ...]]]:
    """Ways to cut the group in two, and the figures that chose its parts."""
    yield from _by_origin(case)
    left_out = case.population.settings.left_out
    if left_out != findings.INFRASTRUCTURE:
        yield _by_means(case), ("shared_payment", *PLACE_FIGURES)
    if left_out != findings.CONTENT:
        yield _by_prompt(case), ("system_prompt",)


def halves(case: Case) -> Iterator[tuple[list[Case], tuple[str, ...]]]:
    """The parts, and the figures that chose them, for each way in which burst or place cut the group in two.

    Small parts are left out. Members that are not dated, or show no address, are a part of their own.
    """
    least = max(FEW, LEAST * case.group.firm.sum())
    for cut, chosen_by in _by_origin(case):
        parts = [case.only(part) for part in cut if part.sum() >= least]
        if min(cut[0].sum(), cut[1].sum()) >= least:
            yield parts, chosen_by


def is_mixture(case: Case, stands: Callable[[Case, Sequence[str]], bool]) -> bool:
    """Does the group fall into parts none of which stands by itself, by figures that did not choose it?

    `stands` is told the part and the figures to leave out.
    """
    return any(not any(stands(part, chosen_by) for part in parts) for parts, chosen_by in halves(case))
