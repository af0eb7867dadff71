"""Stage 4: groups of accounts by Leiden over the weighted graph, and who belongs to each and why."""

from collections.abc import Sequence
from dataclasses import dataclass

import igraph
import leidenalg
import numpy as np

from stillwatch.detection.evidence import KINDS, N_CONTENT, Bools, Floats, Ints, View
from stillwatch.detection.linking import Edges, linking_objects
from stillwatch.detection.settings import Settings

GRAIN = 64
"""Weights of edges and the resolution are counted in 64ths."""
SIGNATURE_LIFT = 5.0
"""An object marks a group when members hold it this many times as often as others do."""
ITEM_KIND = KINDS.index("item")
ALIKE = 0.3
"""An account belongs by its texts when it uses at least this share of what a typical one uses of the group's."""
ALIKE_TO_JOIN = 0.5
"""The same for an account that Leiden put elsewhere."""
FRAGMENT = 0.7
"""Share of a group's members, or of what marks it, that a larger group must hold for it to be a fragment of that one."""


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


def _distinct(edges: Edges) -> Edges:
    """One object in place of several that exactly the same accounts hold, with their weights together."""
    n = int(edges.acc.max()) + 1
    mark = np.random.default_rng(0).integers(1, 1 << 62, n)
    order = np.argsort(edges.obj, kind="stable")
    obj, acc, weight = edges.obj[order], edges.acc[order], edges.weight[order]
    starts = np.flatnonzero(np.r_[True, obj[1:] != obj[:-1]])
    # Sums of random numbers over sets tell sets apart (wrapping at 64 bits).
    signature = np.add.reduceat(mark[acc], starts)
    _, first, same = np.unique(signature, return_index=True, return_inverse=True)
    merged = obj[starts][first][same]
    owner = np.repeat(merged, np.diff(np.r_[starts, len(obj)]))
    cells, inverse = np.unique(acc * (np.int64(obj.max()) + 1) + owner, return_inverse=True)
    span = np.int64(obj.max()) + 1
    return Edges(cells // span, cells % span, np.bincount(inverse, weights=weight).astype(np.float64))


def communities(edges: Edges, settings: Settings) -> list[Ints]:
    """Account codes of each community with more than one account, in a fixed order.

    Leiden (Traag, Waltman, van Eck 2019), seeded, on accounts and objects together, maximising the constant Potts
    model in its bipartite form: within a community the weight of edges, less `resolution` for every pair of an
    account and an object. Unlike modularity it has no resolution limit (Traag, Van Dooren, Nesterov 2011): a
    campaign of 24,000 accounts is not cut for its size, nor is one of ten swallowed. Vertices are numbered by
    account and object code, so row order does not matter.
    """
    if not len(edges.acc):
        return []
    edges = _distinct(edges)
    accounts, a = np.unique(edges.acc, return_inverse=True)
    objects, o = np.unique(edges.obj, return_inverse=True)
    graph = igraph.Graph(
        n=len(accounts) + len(objects), edges=np.column_stack([a, o + len(accounts)]), directed=False
    )
    # Whole numbers: sums are exact on every machine. With fractions, rounding let Leiden move vertices for ever.
    graph.es["weight"] = np.rint(edges.weight * GRAIN).tolist()
    graph.vs["type"] = [0] * len(accounts) + [1] * len(objects)
    layers = leidenalg.CPMVertexPartition.Bipartite(
        graph,
        resolution_parameter_01=float(round(settings.resolution * GRAIN)),
        resolution_parameter_0=0,
        resolution_parameter_1=0,
        weights="weight",
        types="type",
    )
    optimiser = leidenalg.Optimiser()
    optimiser.set_rng_seed(settings.seed)
    optimiser.optimise_partition_multiplex(list(layers), layer_weights=[1, -1, -1], n_iterations=2)
    label = np.asarray(layers[0].membership)[: len(accounts)]
    order = np.argsort(label, kind="stable")
    cuts = np.flatnonzero(np.diff(label[order])) + 1
    found = [accounts[part] for part in np.split(order, cuts) if len(part) > 1]
    found.sort(key=lambda part: int(part[0]))
    return found


@dataclass(frozen=True)
class _Holdings:
    """How many accounts hold each object for good: texts on which they spend `tie_share`, links that may link."""

    text: Bools  # along share_*: counts as held
    link: Bools  # along link_*
    holders: Ints  # by object

    @classmethod
    def of(cls, view: View, settings: Settings) -> "_Holdings":
        usable = linking_objects(view, settings)
        kind = view.evidence.obj_kind[view.share_obj]
        text = (view.share >= settings.tie_share) & usable[view.share_obj] & (kind != ITEM_KIND)
        link = usable[view.link_obj]
        n_obj = len(view.evidence.obj_kind)
        holders = np.bincount(view.share_obj[text], minlength=n_obj) + np.bincount(
            view.link_obj[link], minlength=n_obj
        )
        return cls(text, link, holders)


def _signature(view: View, accounts: Ints, held: _Holdings, settings: Settings) -> tuple[Ints, Ints]:
    """Text and infrastructure objects that mark these accounts: far more frequent here, and mostly held here."""
    n, outside = len(accounts), max(view.population - len(accounts), 1)
    texts = view.texts_by_account.places(accounts)
    links = view.links_by_account.places(accounts)
    own = np.concatenate([view.share_obj[texts[held.text[texts]]], view.link_obj[links[held.link[links]]]])
    objects, inside = np.unique(own, return_counts=True)
    beyond = held.holders[objects] - inside
    lift = (inside / n) / ((beyond + 0.5) / (outside + 1))
    content = view.evidence.obj_kind[objects] < N_CONTENT
    enough = inside >= np.where(content, settings.content_accounts, settings.infrastructure_accounts)
    # A template may be cut into several communities; cards and addresses are not.
    marks = enough & (lift >= SIGNATURE_LIFT) & (inside > np.where(content, beyond / 3, beyond))
    return objects[marks & content], objects[marks & ~content]


def _own_exchanges(view: View, accounts: Ints, text: Ints) -> Ints:
    """Exchanges of anybody that are built on these text objects, in rising order.

    One closing phrase in common is chance; where the accounts' own exchanges typically carry three of the objects
    or more, two are asked for.
    """
    tied, carried = np.unique(view.tie_ex[view.exchanges_by_text.places(text)], return_counts=True)
    own = np.isin(view.evidence.ex_acc[tied], accounts)
    need = 2 if own.any() and np.median(carried[own]) >= 3 else 1
    return np.asarray(tied[carried >= need])


def _profile(view: View, accounts: Ints, everyone: Ints, text: Ints) -> Floats:
    """How much of the group's texts each account uses: its text objects, weighted by how many of `accounts` use each.

    1 for an account that uses all of them. One phrase in common with a campaign of many makes a small share.
    """
    places = view.accounts_by_text.places(text)
    acc, obj = view.share_acc[places], view.share_obj[places]
    inside = np.isin(acc, accounts)
    objects, held = np.unique(obj[inside], return_counts=True)
    # Objects in proportion to how common they are in the group; rare buckets say little of who belongs.
    weight = np.zeros(len(view.evidence.obj_kind))
    weight[objects] = held / len(accounts)
    at = np.searchsorted(everyone, acc)
    known = (at < len(everyone)) & (everyone[np.minimum(at, len(everyone) - 1)] == acc)
    score = np.bincount(at[known], weights=weight[obj[known]], minlength=len(everyone))
    total = float(weight.sum())
    return np.asarray(score / total if total else score)


def _membership(
    view: View, accounts: Ints, text: Ints, infrastructure: Ints, settings: Settings
) -> Group | None:
    tied = _own_exchanges(view, accounts, text)
    who, share = view.text_share(tied)
    everyone = np.unique(np.concatenate([accounts, who]))
    content = np.zeros(len(everyone))
    content[np.searchsorted(everyone, who)] = share
    inside = np.isin(everyone, accounts, assume_unique=True)
    typical = float(np.median(content[inside]))
    textual = typical >= settings.tie_share
    profile = _profile(view, accounts, everyone, text)
    alike = profile / max(float(np.median(profile[inside])), 1e-9)
    by_text = (content >= max(settings.tie_share, 0.3 * typical)) & (alike >= ALIKE)
    if textual:
        # Infrastructure binds to the accounts that the texts chose, not to a room that hangs on by a phrase.
        chosen = view.link_obj[view.links_by_account.places(everyone[inside & by_text])]
        infrastructure = np.intersect1d(infrastructure, chosen)
    links = view.links_by_object.places(infrastructure)
    kinds = np.unique(
        view.link_acc[links] * np.int64(len(KINDS)) + view.evidence.obj_kind[view.link_obj[links]]
    )
    linked, kind_count = np.unique(kinds // len(KINDS), return_counts=True)
    at = np.searchsorted(everyone, linked)
    known = (at < len(everyone)) & (everyone[np.minimum(at, len(everyone) - 1)] == linked)
    infra = np.zeros(len(everyone), dtype=np.int64)
    infra[at[known]] = kind_count[known]
    firm = inside & (by_text | (infra >= 2) | ((infra >= 1) & ((content > 0) | (not textual))))
    # Accounts that Leiden left elsewhere, whose texts are the group's all the same.
    joins = ~inside & textual & (content >= max(0.3, 0.5 * typical)) & (view.totals["texts"][everyone] >= 2)
    joins &= alike >= ALIKE_TO_JOIN
    kept = firm | joins | (inside & ((content > 0) | (infra > 0)))
    if not kept.any():
        return None
    members = everyone[kept]
    return Group(
        accounts=members,
        content_share=content[kept],
        infrastructure_kinds=infra[kept],
        firm=(firm | joins)[kept],
        text_objects=text,
        infrastructure_objects=infrastructure,
        exchanges=tied[np.isin(view.evidence.ex_acc[tied], members)],
    )


def _holders(view: View, found: Sequence[Ints], held: _Holdings) -> tuple[Ints, Ints, Ints]:
    """How many accounts of each community hold each text object: object, number of the community, count."""
    label = np.full(len(view.active), -1, dtype=np.int64)
    for number, accounts in enumerate(found):
        label[accounts] = number
    obj, community = view.share_obj[held.text], label[view.share_acc[held.text]]
    cells, count = np.unique(
        obj[community >= 0] * np.int64(len(found)) + community[community >= 0], return_counts=True
    )
    return cells // max(len(found), 1), cells % max(len(found), 1), count


def _owners(view: View, found: Sequence[Ints], held: _Holdings) -> Ints:
    """By object: the number of the community with most of its holders, -1 for none."""
    obj, community, count = _holders(view, found, held)
    owner = np.full(len(view.evidence.obj_kind), -1, dtype=np.int64)
    # The last to be written stays: the most holders; among equals the community that comes first.
    order = np.lexsort((-community, count))
    owner[obj[order]] = community[order]
    return owner


def _merged(view: View, found: list[Ints], held: _Holdings, settings: Settings) -> list[Ints]:
    """The communities, with those put into one that the same texts mark.

    Infrastructure can cut a campaign into parts. Most of what marks a part is then held by more accounts of a
    larger one: it goes there.
    """
    owner = _owners(view, found, held)
    obj, community, count = _holders(view, found, held)
    into = np.arange(len(found))
    for number, accounts in enumerate(found):
        text, _ = _signature(view, accounts, held, settings)
        own = (community == number) & np.isin(obj, text)
        if not own.any():
            continue
        weight = np.bincount(owner[obj[own]], weights=count[own])
        most = int(weight.argmax())
        larger = (len(found[most]), -most) > (len(accounts), -number)
        if larger and weight[most] >= FRAGMENT * weight.sum():
            into[number] = most
    while (into[into] != into).any():  # a part of a part; always into a larger one, so this ends
        into = into[into]
    return [
        np.sort(np.concatenate([found[part] for part in np.flatnonzero(into == number)]))
        for number in np.unique(into)
    ]


def form_groups(view: View, edges: Edges, settings: Settings) -> list[Group]:
    """Candidate groups of at least `settings.group_accounts` firm accounts, largest first."""
    found = communities(edges, settings)
    if not found:
        return []
    held = _Holdings.of(view, settings)
    found = [accounts for accounts in found if len(accounts) >= settings.group_accounts]
    found = _merged(view, found, held, settings)
    # What most of its holders use elsewhere marks nobody here: a few of a class in a campaign's community would
    # else bring their own assignments with them, and pass by those for members.
    owner = _owners(view, found, held)
    groups: list[Group] = []
    for number, accounts in enumerate(found):
        text, infrastructure = _signature(view, accounts, held, settings)
        group = _membership(view, accounts, text[owner[text] == number], infrastructure, settings)
        if group is not None and int(group.firm.sum()) >= settings.group_accounts:
            groups.append(group)
    groups.sort(key=lambda g: (-len(g.members), int(g.accounts[0])))
    return _without_fragments(groups, len(view.active))


def _without_fragments(groups: list[Group], n: int) -> list[Group]:
    """Leave out groups most of whose members a larger group has taken in already. Largest first in and out."""
    owner = np.full(n, -1, dtype=np.int64)
    kept: list[Group] = []
    for group in groups:
        owners = owner[group.members]
        taken = np.bincount(owners[owners >= 0], minlength=1)
        if taken.max() >= FRAGMENT * len(group.members):
            continue
        free = group.members[owners < 0]
        owner[free] = len(kept)
        kept.append(group)
    return kept
