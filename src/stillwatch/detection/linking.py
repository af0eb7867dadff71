"""Stage 3: candidate edges between accounts and the things they share, weighted by rarity.

Star edges: an account is joined to the object itself, never to every other holder, so that a template of
24,000 accounts is 24,000 edges and not 288 million (no bucket has a cap).
"""

from dataclasses import dataclass

import numpy as np

from stillwatch.detection.evidence import KINDS, N_CONTENT, POPULAR_KINDS, Floats, Ints, View
from stillwatch.detection.settings import Settings

KIND_WEIGHT = {
    "system": 0.7,  # a shared system prompt alone is a popular client
    "block": 3.0,  # the same opaque block in two places is rarely chance
    "prefix": 1.0,
    "suffix": 1.0,
    "item": 0.5,  # repeated questions are often greetings and viral prompts
    "payment": 3.0,
    "telephone": 3.0,
    "mail": 3.0,
    "credential": 3.0,
    "signup": 1.5,
    "address": 1.5,
    "fingerprint": 0.7,
    "client": 0.3,
}
BAND_WEIGHT = 0.5
"""A template hits several bands; together they weigh as a prefix and a suffix do."""


@dataclass(frozen=True)
class Edges:
    """Edges of the graph of accounts and objects: account code, object code, weight."""

    acc: Ints
    obj: Ints
    weight: Floats


def linking_objects(view: View, settings: Settings) -> np.ndarray:
    """Which infrastructure objects may link: held by enough accounts, and not by too many where kinds can be popular."""
    kind = view.evidence.obj_kind
    limit = max(settings.popular_floor, settings.popular_share * view.population)
    popular = np.isin(kind, [KINDS.index(k) for k in POPULAR_KINDS]) & (view.popularity > limit)
    enough = view.popularity >= np.where(
        kind < N_CONTENT, settings.content_accounts, settings.infrastructure_accounts
    )
    return enough & ~popular


def candidate_edges(view: View, settings: Settings) -> Edges:
    """Edges of every family. Weight: kind x rarity (log of the share of accounts without it) x use of it."""
    usable = linking_objects(view, settings)
    kind_weight = np.array([KIND_WEIGHT.get(kind, BAND_WEIGHT) for kind in KINDS])
    rarity = 1.0 + np.log(max(view.population, 2) / np.maximum(view.popularity, 1))
    strength = kind_weight[view.evidence.obj_kind] * np.maximum(rarity, 0.1)
    text = usable[view.share_obj] & (view.share >= settings.tie_share)
    link = usable[view.link_obj]
    acc = np.concatenate([view.share_acc[text], view.link_acc[link]])
    obj = np.concatenate([view.share_obj[text], view.link_obj[link]])
    use = np.concatenate([view.share[text], np.ones(int(link.sum()))])
    order = np.lexsort((obj, acc))
    return Edges(acc[order], obj[order], (strength[obj] * use)[order])
