"""Communities of accounts: whose texts are alike, and who holds the same cards and addresses."""

import random
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import igraph
import numpy as np

from stillwatch.detection.core_likeness import Sets
from stillwatch.detection.evidence import Floats, Ints
from stillwatch.detection.framing import of_one_frame
from stillwatch.detection.linking import Edges
from stillwatch.detection.settings import Settings
from stillwatch.detection.similarity import Likening, Similarity, vectors
from stillwatch.detection.view import View

GRAIN = 64
"""Weights of edges and the resolution are counted in 64ths."""
TEXT_ROUNDS, MEANS_ROUNDS = 1, 4
"""Rounds of Leiden over likeness of texts and over cards and addresses. Among 500,000 accounts three more of the first raise
modularity by a five-hundredth and find the same campaigns; the fourth of the second still finds tighter ones, at no cost."""
INNER = 2.0
"""Resolution at which a community is looked at by itself."""
APART = 0.5
"""Parts of a core that are less alike across than this share of pairs within the tighter of the two are cores apart."""
ALIKE_CORES = 0.75
"""Two cores are one when pairs across are at least so alike as a share of pairs within the tighter of the two."""
LIKE_CORES = 16
"""Nearest cores that a core is compared with: bounds the work where there are many thousands."""


def _parts(membership: Ints, accounts: Ints) -> list[Ints]:
    """Account codes of each community with more than one account, in a fixed order."""
    order = np.argsort(membership, kind="stable")
    cuts = np.flatnonzero(np.diff(membership[order])) + 1
    found = [np.sort(accounts[part]) for part in np.split(order, cuts) if len(part) > 1]
    found.sort(key=lambda part: int(part[0]))
    return found


def _graph(size: int, a: Ints, b: Ints, *, directed: bool = False) -> igraph.Graph:
    """A graph of so many vertices, with an edge from each of `a` to each of `b`."""
    graph = igraph.Graph(n=size, directed=directed)
    # Given to the graph when it is made, they take igraph three times as long.
    graph.add_edges(np.column_stack([a, b]))
    return graph


def _leiden(graph: igraph.Graph, seed: int, **how: Any) -> Ints:
    """By vertex the number of its community. igraph draws from one generator for the whole process: a seeded one here."""
    igraph.set_random_number_generator(random.Random(seed))
    try:
        return np.asarray(graph.community_leiden(**how).membership)
    finally:
        igraph.set_random_number_generator(None)


@dataclass(frozen=True)
class Likeness:
    """The graph of nearest neighbours: accounts `a` and `b` of each edge, with its weight in 64ths of a cosine."""

    a: Ints
    b: Ints
    weight: Ints

    @classmethod
    def of(cls, space: Similarity, settings: Settings) -> "Likeness":
        """Each account joined with those nearest to it."""
        who, near, cosine = space.neighbours(settings.neighbours)
        n = np.int64(max(len(space.known), 1))
        cells, first = np.unique(np.minimum(who, near) * n + np.maximum(who, near), return_index=True)
        # Whole numbers, so that the order of sums decides nothing.
        weight = np.rint(cosine[first] * GRAIN).clip(1).astype(np.int8)
        return cls((cells // n).astype(np.int32), (cells % n).astype(np.int32), weight)

    def within(self, sets: list[Ints]) -> list["Likeness"]:
        """For each of these sets, no two of which have an account in common, the edges between its accounts."""
        if not sets or not len(self.a):
            return [Likeness(self.a[:0], self.b[:0], self.weight[:0]) for _ in sets]
        of = np.full(int(max(self.a.max(), self.b.max())) + 1, -1, dtype=np.int64)
        for number, accounts in enumerate(sets):
            of[accounts[accounts < len(of)]] = number
        inner = np.flatnonzero((of[self.a] == of[self.b]) & (of[self.a] >= 0))
        order = inner[np.argsort(of[self.a[inner]], kind="stable")]
        cuts = np.searchsorted(of[self.a[order]], np.arange(1, len(sets)))
        return [Likeness(self.a[at], self.b[at], self.weight[at]) for at in np.split(order, cuts)]

    def communities(self, part: float, seed: int) -> list[Ints]:
        """Leiden's communities of more than one account, in a fixed order.

        Modularity with a resolution (Reichardt and Bornholdt 2006), seeded; vertices are numbered by account code, so row
        order does not matter. The resolution cuts communities larger than about `part` accounts.
        """
        if not len(self.a):
            return []
        accounts = np.union1d(self.a, self.b).astype(np.int64)
        ends = (np.searchsorted(accounts, end) for end in (self.a, self.b))
        found = _leiden(
            _graph(len(accounts), *ends),
            seed,
            objective_function="modularity",
            weights=self.weight.tolist(),
            resolution=max(1.0, len(accounts) / part),
            n_iterations=TEXT_ROUNDS,
        )
        return _parts(found, accounts)


def alike_in_texts(space: Similarity, settings: Settings) -> list[Ints]:
    """Communities of at least `group_accounts` accounts whose texts are alike.

    In a small population the resolution of modularity puts small groups of different kinds into one. So each community is
    looked at by itself once more, and where its own communities are strangers to each other (APART) they stand in its
    place.
    """
    graph = Likeness.of(space, settings)
    least = settings.group_accounts
    cores = [core for core in graph.communities(settings.text_part, settings.seed) if len(core) >= least]
    found: list[Ints] = []
    for core, inside in zip(cores, graph.within(cores), strict=True):
        parts = [core]
        if len(core) >= 2 * least:
            inner = inside.communities(len(core) / INNER, settings.seed)
            parts = merged(space, [p for p in inner if len(p) >= least], APART)
        found += parts if len(parts) > 1 else [core]
    return sorted(found, key=lambda part: int(part[0]))


def tied_by_infrastructure(edges: Edges, settings: Settings) -> list[Ints]:
    """Communities of accounts that hold the same cards, addresses and the like.

    Leiden (Traag, Waltman, van Eck 2019), seeded, on accounts and objects together, maximising the constant Potts
    model in its bipartite form: within a community the weight of edges, less `resolution` for every pair of an
    account and an object. Unlike modularity it has no resolution limit (Traag, Van Dooren, Nesterov 2011).
    """
    if not len(edges.acc):
        return []
    accounts, a = np.unique(edges.acc, return_inverse=True)
    objects, o = np.unique(edges.obj, return_inverse=True)
    n, m = len(accounts), len(objects)
    # Edges lead from accounts to objects. In a directed graph a community costs what its vertices weigh as ends that edges
    # leave times what they weigh as ends that edges reach: accounts weigh as the one, objects as the other.
    found = _leiden(
        _graph(n + m, a, o + n, directed=True),
        settings.seed,
        objective_function="CPM",
        weights=np.rint(edges.weight * GRAIN).tolist(),
        node_weights=[1.0] * n + [0.0] * m,
        node_in_weights=[0.0] * n + [1.0] * m,
        resolution=float(round(settings.resolution * GRAIN)),
        n_iterations=MEANS_ROUNDS,
    )
    return _parts(found[:n], accounts)


def _best(i: Ints, j: Ints, likeness: Floats, count: int) -> tuple[Ints, Floats]:
    """(the likest partner, how like) of each of so many, from pairs; itself and 0 for none. Ties go to the lower."""
    one, other = np.concatenate([i, j]), np.concatenate([j, i])
    like = np.concatenate([likeness, likeness])
    order = np.lexsort((other, -like, one))
    first = order[np.r_[True, one[order[1:]] != one[order[:-1]]]] if len(order) else order
    best, how = np.arange(count), np.zeros(count)
    best[one[first]], how[one[first]] = other[first], like[first]
    return best, how


def merged(space: Similarity, cores: list[Ints], least: float = ALIKE_CORES) -> list[Ints]:
    """The cores, with those put into one whose accounts are about as alike across as within.

    Likeness of two cores is the mean cosine over pairs across, in multiples of the larger mean within. In each pass
    those that are each other's likest, and at least `least`, become one; until there are none. Compared is each core with
    the LIKE_CORES nearest ones; what becomes of it is as like others as those of its parts are that were compared, and is
    compared with its likest whole.
    """
    parts = list(cores)
    i, j = space.pairs(parts, LIKE_CORES) if parts else (np.zeros(0, np.int64), np.zeros(0, np.int64))
    sets, between = Sets.of(space, parts), space.across(parts, i, j)
    # Strangers do not become alike by what either is put together with: most pairs go at once.
    near = sets.likeness(i, j, between) >= least / 2
    i, j, between = i[near], j[near], between[near]
    # Over so many pairs of accounts `between` is summed up.
    over = (sets.sizes[i] * sets.sizes[j]).astype(np.float64)
    while len(i):
        every = sets.sizes[i] * sets.sizes[j]
        best, how = _best(i, j, sets.likeness(i, j, between * (every / over)), len(parts))
        one = np.arange(len(parts))
        pairs = one[(best[best] == one) & (one < best) & (how >= least)]
        if not len(pairs):
            break
        at = np.searchsorted(i * len(one) + j, pairs * len(one) + best[pairs])
        partly = at[over[at] < every[at]]
        between[partly], over[partly] = space.across(parts, i[partly], j[partly]), every[partly]
        pairs = pairs[sets.likeness(i[at], j[at], between[at]) >= least]
        into = one.copy()
        into[best[pairs]] = pairs
        kept = np.flatnonzero(into == one)
        place = np.searchsorted(kept, into)
        taken = dict(zip(pairs.tolist(), best[pairs].tolist(), strict=True))
        parts = [
            np.sort(np.concatenate([parts[k], parts[taken[k]]])) if k in taken else parts[k]
            for k in kept.tolist()
        ]
        # Sums over pairs of accounts add up.
        a, b = np.minimum(place[i], place[j]), np.maximum(place[i], place[j])
        within = a == b
        own = sets.own[kept]
        own += np.bincount(place[into != one], weights=sets.own[into != one], minlength=len(kept))
        own += 2 * np.bincount(a[within], weights=between[within], minlength=len(kept))
        alone = np.bincount(place, weights=sets.alone, minlength=len(kept)).astype(np.float64)
        sets = Sets(np.array([len(part) for part in parts]), alone, own)
        cells, cell = np.unique(a[~within] * len(one) + b[~within], return_inverse=True)
        i, j = cells // len(one), cells % len(one)
        between = np.bincount(cell, weights=between[~within], minlength=len(cells)).astype(np.float64)
        over = np.bincount(cell, weights=over[~within], minlength=len(cells)).astype(np.float64)
    return parts


@dataclass(frozen=True)
class Halves:
    """Each account's texts in two halves, every other one: communities of the first, and vectors of both."""

    cores: list[Ints]
    first: Similarity
    second: Similarity

    def settle(self) -> None:
        """Make what it takes to find who is near to one of the cores."""
        if self.cores:
            next(self.first.around(self.cores[0], [1]))

    @cached_property
    def place(self) -> Ints:
        """By account code: which of the cores it is in; -1 for none."""
        place = np.full(len(self.first.known), -1, dtype=np.int64)
        for number, core in enumerate(self.cores):
            place[core] = number
        return place

    def core_of(self, accounts: Ints) -> tuple[Ints, int]:
        """The core that holds most of these accounts, and how many; of equal ones that with the lowest code."""
        place = self.place[accounts]
        held = np.bincount(place[place >= 0], minlength=1)
        if not held.max():
            return np.zeros(0, dtype=np.int64), 0
        most = np.flatnonzero(held == held.max()).tolist()
        return min((self.cores[number] for number in most), key=lambda core: int(core[0])), int(held.max())

    @staticmethod
    def cores_of(first: Similarity, settings: Settings) -> list[Ints]:
        """Communities of first halves."""
        return of_one_frame(first, alike_in_texts(first, settings))

    @classmethod
    def of(
        cls, view: View, settings: Settings, likening: Likening = vectors, cores: list[Ints] | None = None
    ) -> "Halves":
        """Split the texts of a view; with `cores` where those of the first halves are known."""
        first = likening(view, settings, 0)
        return cls(
            cls.cores_of(first, settings) if cores is None else cores, first, likening(view, settings, 1)
        )
