"""Stage 4: groups of accounts by Leiden over the weighted graph, and who belongs to each and why."""

from dataclasses import dataclass

import igraph
import leidenalg
import numpy as np

from stillwatch.detection.evidence import KINDS, N_CONTENT, Bools, Floats, Ints, View
from stillwatch.detection.linking import Edges, linking_objects
from stillwatch.detection.settings import Settings

SIGNATURE_LIFT = 5.0
"""An object marks a group when members hold it this many times as often as others do."""
ITEM_KIND = KINDS.index("item")


@dataclass(frozen=True)
class Group:
    """A candidate group at one view.

    `accounts` holds account codes in rising order; the other arrays run along it. `content_share` is the
    share of the account's exchanges with text that carry one of the group's text objects;
    `infrastructure_kinds` how many kinds of the group's infrastructure objects it holds. `exchanges` indexes
    the evidence's exchange arrays: the exchanges that carry a text object of the group.
    """

    accounts: Ints
    content_share: Floats
    infrastructure_kinds: Ints
    firm: Bools  # belongs by itself; others are linked only
    text_objects: Ints
    infrastructure_objects: Ints
    exchanges: Ints

    @property
    def members(self) -> Ints:
        """Codes of the accounts that belong."""
        return self.accounts[self.firm]


def communities(edges: Edges, settings: Settings) -> list[Ints]:
    """Account codes of each community with more than one account.

    Leiden (Traag, Waltman, van Eck 2019) on modularity over accounts and objects together, seeded;
    vertices are numbered by account code and object code, so row order does not matter.
    """
    if not len(edges.acc):
        return []
    accounts, a = np.unique(edges.acc, return_inverse=True)
    objects, o = np.unique(edges.obj, return_inverse=True)
    graph = igraph.Graph(
        n=len(accounts) + len(objects), edges=np.column_stack([a, o + len(accounts)]), directed=False
    )
    partition = leidenalg.find_partition(
        graph,
        leidenalg.RBConfigurationVertexPartition,
        weights=edges.weight.tolist(),
        n_iterations=3,
        seed=settings.seed,
        resolution_parameter=settings.resolution,
    )
    label = np.asarray(partition.membership)[: len(accounts)]
    order = np.argsort(label, kind="stable")
    cuts = np.flatnonzero(np.diff(label[order])) + 1
    return [accounts[part] for part in np.split(order, cuts) if len(part) > 1]


def _joined(view: View, found: list[Ints]) -> list[Ints]:
    """Join communities that use the same text object with most of their accounts: Leiden cut them for size."""
    label = np.full(len(view.active), -1, dtype=np.int64)
    for i, accounts in enumerate(found):
        label[accounts] = i
    used = (
        (view.share >= 0.2)
        & (label[view.share_acc] >= 0)
        & (view.evidence.obj_kind[view.share_obj] != ITEM_KIND)
    )
    size = np.array([len(accounts) for accounts in found])
    cell, count = np.unique(
        view.share_obj[used] * np.int64(len(found)) + label[view.share_acc[used]], return_counts=True
    )
    obj, community = cell // len(found), cell % len(found)
    most = count >= 0.5 * size[community]
    obj, community = obj[most], community[most]
    parent = np.arange(len(found))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = int(parent[i])
        return i

    for i in range(1, len(obj)):
        if obj[i] == obj[i - 1]:
            x, y = root(int(community[i])), root(int(community[i - 1]))
            parent[max(x, y)] = min(x, y)
    roots = np.array([root(i) for i in range(len(found))])
    return [np.sort(np.concatenate([found[j] for j in np.flatnonzero(roots == r)])) for r in np.unique(roots)]


def _signature(view: View, accounts: Ints, usable: Bools, settings: Settings) -> tuple[Ints, Ints]:
    """Text and infrastructure objects that members hold far more often than accounts outside do."""
    inside = np.zeros(len(view.active), dtype=bool)
    inside[accounts] = True
    n, outside = len(accounts), max(view.population - len(accounts), 1)
    n_obj = len(view.evidence.obj_kind)
    text = (view.share >= settings.tie_share) & usable[view.share_obj]
    link = usable[view.link_obj]
    held = np.bincount(view.share_obj[text & inside[view.share_acc]], minlength=n_obj)
    held += np.bincount(view.link_obj[link & inside[view.link_acc]], minlength=n_obj)
    beyond = np.bincount(view.share_obj[text & ~inside[view.share_acc]], minlength=n_obj)
    beyond += np.bincount(view.link_obj[link & ~inside[view.link_acc]], minlength=n_obj)
    lift = (held / n) / ((beyond + 0.5) / (outside + 1))
    content = view.evidence.obj_kind < N_CONTENT
    enough = held >= np.where(content, settings.content_accounts, settings.infrastructure_accounts)
    marks = enough & (lift >= SIGNATURE_LIFT) & (view.evidence.obj_kind != ITEM_KIND)
    return np.flatnonzero(marks & content), np.flatnonzero(marks & ~content)


def _membership(
    view: View, accounts: Ints, text: Ints, infrastructure: Ints, settings: Settings
) -> Group | None:
    n, n_obj = len(view.active), len(view.evidence.obj_kind)
    is_text, is_link = np.zeros(n_obj, dtype=bool), np.zeros(n_obj, dtype=bool)
    is_text[text], is_link[infrastructure] = True, True
    tied = np.unique(view.tie_ex[is_text[view.tie_obj]])
    content = np.bincount(view.evidence.ex_acc[tied], minlength=n) / np.maximum(view.totals["texts"], 1)
    kinds = np.unique(
        view.link_acc[is_link[view.link_obj]] * np.int64(len(KINDS))
        + view.evidence.obj_kind[view.link_obj[is_link[view.link_obj]]]
    )
    infra = np.bincount(kinds // len(KINDS), minlength=n)
    inside = np.zeros(n, dtype=bool)
    inside[accounts] = True
    typical = float(np.median(content[accounts]))
    by_text = content >= max(settings.tie_share, 0.3 * typical)
    textual = typical >= settings.tie_share
    firm = by_text | (infra >= 2) | ((infra >= 1) & ((content > 0) | (not textual)))
    # Accounts that Leiden left elsewhere, whose texts are the group's all the same.
    joins = textual & ~inside & view.active & (content >= max(0.3, 0.5 * typical))
    kept = np.flatnonzero((inside & (firm | (content > 0) | (infra > 0))) | joins)
    if not len(kept):
        return None
    of_kept = np.zeros(n, dtype=bool)
    of_kept[kept] = True
    return Group(
        accounts=kept,
        content_share=content[kept],
        infrastructure_kinds=infra[kept],
        firm=(firm | joins)[kept],
        text_objects=text,
        infrastructure_objects=infrastructure,
        exchanges=tied[of_kept[view.evidence.ex_acc[tied]]],
    )


def form_groups(view: View, edges: Edges, settings: Settings) -> list[Group]:
    """Candidate groups of at least `settings.group_accounts` firm accounts, largest first."""
    found = communities(edges, settings)
    if not found:
        return []
    usable = linking_objects(view, settings)
    groups: list[Group] = []
    seen: set[bytes] = set()
    for accounts in _joined(view, found):
        text, infrastructure = _signature(view, accounts, usable, settings)
        group = _membership(view, accounts, text, infrastructure, settings)
        if group is None or int(group.firm.sum()) < settings.group_accounts:
            continue
        fingerprint = group.members.tobytes()
        if fingerprint not in seen:
            seen.add(fingerprint)
            groups.append(group)
    groups.sort(key=lambda g: (-len(g.accounts), int(g.accounts[0])))
    return groups
