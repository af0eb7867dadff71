"""Exchanges that are a group's own, by the text objects that mark it."""

import numpy as np

from stillwatch.detection.evidence import KINDS, Floats, Ints
from stillwatch.detection.similarity import SYSTEM_KINDS
from stillwatch.detection.view import View

PROMPT_KINDS = [KINDS.index(kind) for kind in SYSTEM_KINDS]
"""Text objects that stand beside what was asked, the same with every request."""
OWN = 2.0
"""An exchange is the group's when its objects are together 10^2 times as frequent there as elsewhere."""
TELLING = 12.0
"""More than 10^12 times is not told apart: one long text must not outweigh many."""


def own_exchanges(view: View, accounts: Ints, text: Ints, weight: Floats) -> tuple[Ints, Floats]:
    """Exchanges of these accounts whose objects together are 10^OWN times as frequent in the group as elsewhere, rising.

    And by how much, as log10 and at most TELLING. Of a system prompt the most telling object counts alone: the many phrases
    of a client's prompt, each a little more frequent in the group, say one thing.
    """
    prompt = np.isin(view.evidence.obj_kind[text], PROMPT_KINDS)
    tied, score = view.weighed(accounts, text, weight, prompt, OWN)
    return tied, np.minimum(score, TELLING)


def drawn_exchanges(view: View, text: Ints, weight: Floats) -> Ints:
    """The same of the accounts that stand for everybody."""
    ready = view.evidence.obj_ready[text] < view.until
    text, weight = text[ready], weight[ready]
    return view.drawn.weighed(text, weight, np.isin(view.evidence.obj_kind[text], PROMPT_KINDS), OWN)


def both(one: tuple[Ints, Floats], other: tuple[Ints, Floats]) -> tuple[Ints, Floats]:
    """Exchanges of different accounts with their scores, rising."""
    exchanges = np.concatenate([one[0], other[0]])
    order = np.argsort(exchanges, kind="stable")
    return exchanges[order], np.concatenate([one[1], other[1]])[order]


def share_of(view: View, tied: Ints, accounts: Ints) -> Floats:
    """Along these accounts (rising): share of each one's texts that are among these exchanges, at most 1."""
    found = np.zeros(len(accounts))
    who, share = view.text_share(tied)
    there = np.isin(who, accounts, assume_unique=True)
    # System prompts come without a text, too.
    found[np.searchsorted(accounts, who[there])] = np.minimum(share[there], 1.0)
    return found
