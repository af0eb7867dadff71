"""Stage 3, infrastructure: which shared objects may tie accounts, and edges weighted by rarity.

Star edges: an account is joined to the object itself, never to every other holder, so that an address of
24,000 accounts is 24,000 edges and not 288 million.
"""

from dataclasses import dataclass

import numpy as np

from stillwatch.detection.evidence import KINDS, N_CONTENT, POPULAR_KINDS, Bools, Floats, Ints
from stillwatch.detection.settings import Settings
from stillwatch.detection.view import View
from stillwatch.records.findings import INFRASTRUCTURE

KIND_WEIGHT = {
    # Light: campaigns hand out cards by the dozen, and must not be cut into dozens.
    "payment": 0.5,
    "telephone": 0.5,
    "mail": 0.5,
    "credential": 0.5,
    "signup": 0.25,
    "address": 0.25,
}
"""Kinds that form groups. Fingerprints and client names are tested later: too many strangers share them."""
EDGES_PER_ACCOUNT = 24
"""Edges that an account keeps: bounds the graph by accounts, whatever the exchanges."""


@dataclass(frozen=True)
class Edges:
    """Edges of the graph of accounts and objects: account code, object code, weight."""

    acc: Ints
    obj: Ints
    weight: Floats


def linking_objects(view: View, settings: Settings) -> Bools:
    """Which objects may link: held by enough accounts, and not by too many where kinds can be popular.

    None where infrastructure is left out.
    """
    kind = view.evidence.obj_kind
    limit = max(settings.popular_floor, settings.popular_share * view.population)
    popular = np.isin(kind, [KINDS.index(k) for k in POPULAR_KINDS]) & (view.popularity > limit)
    enough = view.popularity >= np.where(
        kind < N_CONTENT, settings.content_accounts, settings.infrastructure_accounts
    )
    return np.asarray(enough & ~popular & (settings.left_out != INFRASTRUCTURE))


def infrastructure_edges(view: View, linking: Bools) -> Edges:
    """Edges between accounts and the infrastructure that they share: weight kind x rarity.

    linking: by object code, may it link (`linking_objects`)?
    """
    kind = view.evidence.obj_kind
    star = np.isin(kind, [KINDS.index(k) for k in KIND_WEIGHT])
    link = (linking & star)[view.link_obj]
    acc, obj = view.link_acc[link], view.link_obj[link]
    kind_weight = np.array([KIND_WEIGHT.get(k, 0.0) for k in KINDS])[kind[obj]]
    rarity = np.log10(max(view.population, 10) / np.maximum(view.popularity[obj], 1)).clip(0.1)
    weight = 2 * rarity * kind_weight
    order = np.lexsort((obj, -np.round(weight, 9), acc))
    acc, obj, weight = acc[order], obj[order], weight[order]
    near = np.arange(len(acc)) - np.searchsorted(acc, acc, "left") < EDGES_PER_ACCOUNT
    acc, obj, weight = acc[near], obj[near], weight[near]
    order = np.lexsort((obj, acc))
    return Edges(acc[order], obj[order], weight[order])
