"""Stage 3: candidate edges between accounts and the things they share, weighted by rarity.

Star edges: an account is joined to the object itself, never to every other holder, so that a template of
24,000 accounts is 24,000 edges and not 288 million (no bucket has a cap).
"""

from dataclasses import dataclass

import numpy as np

from stillwatch.detection.evidence import KINDS, N_CONTENT, POPULAR_KINDS, Bools, Floats, Ints, View
from stillwatch.detection.settings import Settings
from stillwatch.detection.templates import screen

KIND_WEIGHT = {
    "system": 0.4,  # a shared system prompt alone is a popular client
    "block": 2.0,  # the same opaque block in two places is rarely chance
    "prefix": 1.0,
    "suffix": 1.0,
    "item": 0.5,  # repeated questions are often greetings and viral prompts
    # Infrastructure is light: campaigns hand out cards by the dozen, and must not be cut into dozens.
    "payment": 0.5,
    "telephone": 0.5,
    "mail": 0.5,
    "credential": 0.5,
    "signup": 0.25,
    "address": 0.25,
}
BAND_WEIGHT = 0.5
"""A template hits several bands; together they weigh as a prefix and a suffix do."""
STARS = tuple(k for k in KINDS if k not in ("fingerprint", "client"))
"""Kinds that form groups. Fingerprints and client names are tested later: too many strangers share them."""
EDGES_PER_ACCOUNT = 24
"""Edges of each family that an account keeps: bounds the graph by accounts, whatever the exchanges."""
FAINT = 0.1
"""Edges lighter than this are one bucket in twenty texts: left out, they cost time and move nobody."""


@dataclass(frozen=True)
class Edges:
    """Edges of the graph of accounts and objects: account code, object code, weight."""

    acc: Ints
    obj: Ints
    weight: Floats


def linking_objects(view: View, settings: Settings) -> Bools:
    """Which objects may link: held by enough accounts, and not by too many where kinds can be popular."""
    kind = view.evidence.obj_kind
    limit = max(settings.popular_floor, settings.popular_share * view.population)
    popular = np.isin(kind, [KINDS.index(k) for k in POPULAR_KINDS]) & (view.popularity > limit)
    enough = view.popularity >= np.where(
        kind < N_CONTENT, settings.content_accounts, settings.infrastructure_accounts
    )
    return np.asarray(enough & ~popular)


def candidate_edges(view: View, settings: Settings) -> Edges:
    """Edges of every family that forms groups.

    A text edge weighs kind x surprise x share of the account's texts; an infrastructure edge kind x rarity.
    """
    usable = linking_objects(view, settings)
    kind = view.evidence.obj_kind
    kind_weight = np.array([KIND_WEIGHT.get(k, BAND_WEIGHT) for k in KINDS])[kind]
    passed, surprising = screen(view, settings)
    text = usable[view.share_obj] & passed
    star = np.isin(kind, [KINDS.index(k) for k in STARS])
    link = (usable & star)[view.link_obj]
    rarity = np.log10(max(view.population, 10) / np.maximum(view.popularity, 1)).clip(0.1)
    acc = np.concatenate([view.share_acc[text], view.link_acc[link]])
    obj = np.concatenate([view.share_obj[text], view.link_obj[link]])
    strength = np.concatenate(
        [
            surprising[text] * view.share[text],
            2 * rarity[view.link_obj[link]],
        ]
    )
    weight = strength * kind_weight[obj]
    # An object left with one account joins nobody.
    keep = (np.bincount(obj, minlength=len(kind)) > 1)[obj] & (weight >= FAINT)
    acc, obj, weight = acc[keep], obj[keep], weight[keep]
    # Text and infrastructure have places of their own, the heaviest first, so that neither crowds the other out.
    family = (kind[obj] >= N_CONTENT).astype(np.int64)
    order = np.lexsort((obj, -np.round(weight, 9), family, acc))
    acc, obj, weight, family = acc[order], obj[order], weight[order], family[order]
    start = (
        np.flatnonzero(np.r_[True, (acc[1:] != acc[:-1]) | (family[1:] != family[:-1])]) if len(acc) else acc
    )
    rank = np.arange(len(acc)) - np.repeat(start, np.diff(np.r_[start, len(acc)]))
    near = rank < EDGES_PER_ACCOUNT
    acc, obj, weight = acc[near], obj[near], weight[near]
    order = np.lexsort((obj, acc))
    return Edges(acc[order], obj[order], weight[order])
