"""Groups of accounts that send the same system prompt: an application and its users, mostly."""

from collections.abc import Sequence

import numpy as np

from stillwatch.detection.cores import Cores
from stillwatch.detection.evidence import KINDS, Bools, Ints, Ragged
from stillwatch.detection.groups import FRAGMENT, SYSTEM_PROMPT, Group, infrastructure_marks, kinds_held
from stillwatch.records import findings

SYSTEM_KIND = KINDS.index("system")
MOSTLY = 0.2
"""Who sends a system prompt with at least this share of its texts uses what comes with it."""


def prompt_groups(cores: Cores, others: list[Group], left_out: Bools) -> list[Group]:
    """A group for each system prompt that several accounts use: an application's users, mostly. Largest first.

    Nothing chooses its members one by one, so such a group shows what it is and accuses nobody. `others`: groups formed
    otherwise, of which none is made again. `left_out`: by account code, not to be looked at.
    """
    view, settings = cores.view, cores.settings
    if settings.left_out == findings.CONTENT:
        return []
    at = np.flatnonzero((view.evidence.obj_kind == SYSTEM_KIND)[view.share_obj])
    acc = np.searchsorted(view.share_start, at, "right") - 1
    share = view.share(acc, at)
    sends = np.flatnonzero((share >= MOSTLY) & ~left_out[acc])
    sends = sends[np.lexsort((acc[sends], view.share_obj[at[sends]]))]
    acc, share = acc[sends], share[sends]
    prompts, start = np.unique(view.share_obj[at[sends]], return_index=True)
    if not len(prompts):
        return []
    groups: list[Group] = []
    made = _Made(others, len(view.active))
    each = zip(prompts.tolist(), np.split(acc, start[1:]), np.split(share, start[1:]), strict=True)
    for prompt, accounts, share_of in each:
        if len(accounts) < settings.group_accounts or made.has(accounts):
            continue
        infrastructure = infrastructure_marks(view, accounts, cores.usable)
        text = np.array([prompt])
        everybody = np.ones(len(accounts), dtype=bool)
        groups.append(
            Group(
                origin=SYSTEM_PROMPT,
                accounts=accounts,
                content_share=share_of,
                infrastructure_kinds=kinds_held(view, infrastructure, accounts),
                firm=everybody,
                by_text=everybody,
                likeness=0.0,
                text_objects=text,
                infrastructure_objects=infrastructure,
                exchanges=view.exchanges_with(text, accounts),
            )
        )
        made.add(accounts)
    return sorted(groups, key=lambda g: (-len(g.members), int(g.accounts[0])))


class _Made:
    """Sets of accounts that have a group already, found by their accounts: there may be thousands of prompts."""

    def __init__(self, groups: Sequence[Group], accounts: int) -> None:
        self.sizes = [len(group.members) for group in groups]
        members = np.concatenate([np.zeros(0, np.int64), *(group.members for group in groups)])
        self.group = np.repeat(np.arange(len(groups)), self.sizes)
        self.by_account = Ragged.of(members, accounts)
        self.later: dict[int, list[int]] = {}

    def add(self, accounts: Ints) -> None:
        """One more."""
        for account in accounts.tolist():
            self.later.setdefault(account, []).append(len(self.sizes))
        self.sizes.append(len(accounts))

    def has(self, accounts: Ints) -> bool:
        """Is one of them much the same set of accounts?"""
        both = np.bincount(self.group[self.by_account.places(accounts)], minlength=len(self.sizes))
        for account in accounts.tolist() if self.later else ():
            for place in self.later.get(account, ()):
                both[place] += 1
        return bool((both >= FRAGMENT * np.maximum(len(accounts), self.sizes))[both > 0].any())
