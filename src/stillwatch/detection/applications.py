"""Groups of accounts that send the same system prompt: an application and its users, mostly."""

import numpy as np

from stillwatch.detection.evidence import KINDS, Bools, Ints, View
from stillwatch.detection.groups import FRAGMENT, SYSTEM_PROMPT, Group, infrastructure_marks, kinds_held
from stillwatch.detection.linking import linking_objects
from stillwatch.detection.settings import Settings
from stillwatch.records import findings

SYSTEM_KIND = KINDS.index("system")
MOSTLY = 0.2
"""Who sends a system prompt with at least this share of its texts uses what comes with it."""


def prompt_groups(view: View, settings: Settings, others: list[Group], left_out: Bools) -> list[Group]:
    """A group for each system prompt that several accounts use: an application's users, mostly. Largest first.

    Nothing chooses its members one by one, so such a group shows what it is and accuses nobody. `others`: groups formed
    otherwise, of which none is made again. `left_out`: by account code, not to be looked at.
    """
    if settings.left_out == findings.CONTENT:
        return []
    usable = linking_objects(view, settings)
    sends = (view.evidence.obj_kind[view.share_obj] == SYSTEM_KIND) & (view.share >= MOSTLY)
    at = np.flatnonzero(sends & ~left_out[view.share_acc])
    prompts, number = np.unique(view.share_obj[at], return_inverse=True)
    groups: list[Group] = []
    for k, prompt in enumerate(prompts.tolist()):
        chosen = at[number == k]
        order = np.argsort(view.share_acc[chosen])
        accounts, share = view.share_acc[chosen][order], view.share[chosen][order]
        if len(accounts) < settings.group_accounts or any(
            _same(accounts, o.members) for o in [*others, *groups]
        ):
            continue
        infrastructure = infrastructure_marks(view, accounts, usable)
        text = np.array([prompt])
        tied = view.exchanges_with(text)
        everybody = np.ones(len(accounts), dtype=bool)
        groups.append(
            Group(
                origin=SYSTEM_PROMPT,
                accounts=accounts,
                content_share=share,
                infrastructure_kinds=kinds_held(view, infrastructure, accounts),
                firm=everybody,
                by_text=everybody,
                likeness=0.0,
                text_objects=text,
                infrastructure_objects=infrastructure,
                exchanges=tied[np.isin(view.evidence.ex_acc[tied], accounts)],
            )
        )
    return sorted(groups, key=lambda g: (-len(g.members), int(g.accounts[0])))


def _same(one: Ints, other: Ints) -> bool:
    """Are they much the same set of accounts?"""
    both = len(np.intersect1d(one, other, assume_unique=True))
    return both >= FRAGMENT * max(len(one), len(other))
