"""Semantic similarity of accounts, off line: which accounts ask in the same phrases, whatever they ask about?

An account is a sparse vector over the sampled phrases of its texts (`records/sketches/phrases.py`): the share of its texts
with the phrase, times the root of the phrase's rarity log(accounts / holders), of length one. Cosine similarity of such
vectors is the standard measure of information retrieval (Salton and Buckley 1988); it needs no model and no download, in
any language. The root keeps a campaign of a third of all accounts from vanishing: its phrases are not rare.
What two accounts ask about differs from text to text and averages out; what they wrap it in comes again and again. So
paraphrased wordings, which share sentences but no whole text, lie close together.

Everybody else asks a `Similarity`, which a `Likening` makes of a view: `vectors` is the default, and a model of a
provider's own may stand in its place.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from scipy import sparse

from stillwatch.detection import nearest_rows
from stillwatch.detection import vector_rows as rows
from stillwatch.detection.column import narrow
from stillwatch.detection.evidence import KINDS, Bools, Floats, Ints, counts, starts
from stillwatch.detection.settings import Settings
from stillwatch.detection.view import View

VECTOR_KINDS = ("phrase", "prefix", "suffix", "block")
"""Parts of texts that make up a vector. Whole texts and system prompts stay out: greetings and popular clients."""
SYSTEM_KINDS = ("system", "system_phrase")
"""What makes up a vector of system prompts."""
LONGEST = 256
"""Text objects in a vector, the weightiest: bounds it for accounts that ask much. What comes with most texts stays
(document-centric pruning of an index: Buettcher and Clarke 2006)."""
VISITS = 1 << 14
"""Holders of all objects of a vector that its account is compared with, as many of each as come to this: at 256 objects 64
of each. So one account costs what another does."""
SET_VISITS = 1 << 17
"""The same of sets of accounts by their mean vectors, of which there are fewer: at 256 objects 512 of each."""
COMMON = 512
"""Mean vectors that have an object, from which on it does not tell to which of them an account is nearest."""
AT_ONCE = 1 << 16
"""Accounts whose nearest sets are found at once: bounds the memory."""
SUMMED = 512
"""Text objects, the weightiest, by which those most alike a whole set of accounts are found."""
SUMS = 3
"""Summing a set once and for all costs so many times what one product with each of its accounts does."""
LANDMARKS = 1000
"""Holders of an object by which those most alike a set of accounts are found, the first of a draw: bounds the work for one
of many thousands, and hides nobody, since all are held against the same thousand."""


@dataclass(frozen=True)
class Frames:
    """What accounts' texts carry, object by object.

    `shares`: accounts (by code) x text objects (by code), the share of an account's texts that carry the object. `texts`:
    how many these are, by account. `rarity`: by object, log(accounts / holders).
    """

    shares: sparse.csr_matrix
    texts: Floats
    rarity: Floats


class Similarity(Protocol):
    """How alike accounts are in what they ask. Accounts are codes, likenesses cosines or the like, from 0 to 1.

    An account is like itself by 1 where it is `known`, and by 0 where it is not.
    """

    @property
    def known(self) -> Bools:
        """By account code: is it like anybody at all?"""

    @property
    def frames(self) -> Frames | None:
        """What texts carry, for accounts of a few texts; None where it is not known what makes two texts alike."""

    def likeness_of(self, accounts: Ints, others: Ints) -> Floats:
        """Along `accounts`: sum of each one's likeness to these others, to itself where it is among them."""

    def around(self, accounts: Ints, counts: Iterable[int]) -> Iterator[Ints]:
        """For each of these counts, rising: accounts, in rising order, among which so many of the most like these are.

        These accounts, and twice the count of others or more; as far as can be known without all, and fewer others where no
        more are known to be like them at all. Each holds the one before.
        """

    def pairs(self, sets: Sequence[Ints], count: int) -> tuple[Ints, Ints]:
        """Pairs of sets (the lower number first), once each, among which the `count` most like each set are."""

    def closest(self, sets: Sequence[Ints], count: int) -> list[Ints]:
        """Along the sets: accounts, rising, that have it among the `count` sets that they are most like on average.

        Who is like none of them is nowhere, and like fewer, with these alone.
        """

    def across(self, sets: Sequence[Ints], i: Ints, j: Ints) -> Floats:
        """Of each pair of sets, by number: sum of likeness over all pairs across; over itself with all of its own."""

    def neighbours(self, count: int) -> tuple[Ints, Ints, Floats]:
        """(account, neighbour, likeness) of the `count` most similar others of each account.

        Of others that are just as similar not the same for all: many accounts of one template would be a star.
        """

    def mean_similarity(self, accounts: Ints) -> float:
        """Mean likeness over the pairs of a set of accounts; 0 for fewer than two."""

    def similarity_across(self, accounts: Ints, others: Ints) -> float:
        """Mean likeness of one set's accounts with another's; 0 where one is empty."""

    def separations(self, sets: Sequence[Ints], pool: Ints) -> Floats:
        """For each set of accounts of a pool: mean likeness within less that with the rest of the pool."""

    def discrepancy(self, accounts: Ints, others: Ints) -> float:
        """Squared maximum mean discrepancy of two sets of accounts, with the likeness as kernel."""


class Likening(Protocol):
    """Makes a Similarity of all accounts of a view."""

    def __call__(
        self, view: View, settings: Settings, half: int | None = None, kinds: Sequence[str] = VECTOR_KINDS
    ) -> Similarity:
        """`half`: of all accounts' exchanges only the first (0) or the second (1). `kinds`: VECTOR_KINDS or SYSTEM_KINDS."""


@dataclass(frozen=True)
class Vectors:
    """Accounts as vectors: the Similarity that is used by default.

    `matrix`: accounts (by code) x text objects (by code), rows of length one or zero.
    """

    matrix: sparse.csr_matrix
    framed: Callable[[], Frames]
    """Makes the frames, which are as large as the matrix and asked for once."""
    seed: int

    @property
    def frames(self) -> Frames:
        """See `Similarity.frames`."""
        return self.framed()

    @cached_property
    def known(self) -> Bools:
        """By account code: has it a vector?"""
        return np.asarray(np.diff(self.matrix.indptr) > 0)

    @cached_property
    def _scratch(self) -> tuple[Floats, Floats]:
        """Two sums of vectors in the making, by text object, zero between uses."""
        return np.zeros(self.matrix.shape[1]), np.zeros(self.matrix.shape[1])

    @cached_property
    def _scores(self) -> Floats:
        """By account, zero between uses."""
        return np.zeros(self.matrix.shape[0])

    @property
    def _rows(self) -> rows.Rows:
        return self.matrix.indptr, self.matrix.indices, self.matrix.data

    def likeness_of(self, accounts: Ints, others: Ints) -> Floats:
        """Along `accounts`: sum of each one's cosines with these others, with itself where it is among them."""
        return np.asarray(rows.products(self._rows, _int64(accounts), _int64(others), self._scratch[0]))

    def around(self, accounts: Ints, counts: Iterable[int]) -> Iterator[Ints]:
        """See `Similarity.around`: over landmarks the most alike, twice as many as asked for, and these accounts."""
        found, score = nearest_rows.scored(
            self._rows, _int64(accounts), *self._landmarks, self._scratch[0], self._scores, SUMMED
        )
        for count in counts:
            yield np.union1d(nearest_rows.foremost(found, score, 2 * count + len(accounts)), accounts)

    def _totals(self, sets: Sequence[Ints]) -> rows.Rows:
        """Sets x text objects, as rows: sums of their accounts' vectors."""
        ends = np.r_[0, np.cumsum([len(accounts) for accounts in sets])]
        begin, objects, total = rows.sums(self._rows, _int64(np.concatenate(sets)), ends, self._scratch[0])
        return begin, objects, total

    def _heads(self, sets: Sequence[Ints]) -> sparse.csr_matrix:
        """The same with the LONGEST largest objects of each, as a matrix."""
        begin, objects, total = self._totals(sets)
        total[rows.lighter((begin, objects, total), LONGEST)] = 0.0
        heads = sparse.csr_matrix((total, objects, begin), shape=(len(sets), self.matrix.shape[1]))
        heads.eliminate_zeros()
        heads.sort_indices()
        return heads

    def closest(self, sets: Sequence[Ints], count: int) -> list[Ints]:
        """See `Similarity.closest`: by mean vectors, of which the LONGEST largest objects count.

        Objects that more than COMMON mean vectors have say little of which set is meant, and are left out.
        """
        mean = sparse.diags(1 / np.array([len(accounts) for accounts in sets])) @ self._heads(sets)
        common = counts(mean.indices, mean.shape[1]) > COMMON
        mean.data[common[mean.indices]] = 0.0
        mean.eliminate_zeros()
        n = self.matrix.shape[0]
        # Numbered behind the accounts, so that no set is taken for an account itself.
        numbers = n + np.arange(len(sets))
        begin, held_by, held = nearest_rows.holders(
            (mean.indptr, mean.indices, mean.data), np.arange(len(sets)), mean.shape[1], COMMON
        )
        found: list[tuple[Ints, Ints]] = []
        for first in range(0, n, AT_ONCE):
            some = self.matrix.indptr[first : first + AT_ONCE + 1], self.matrix.indices, self.matrix.data
            who, near = nearest_rows.nearest(some, numbers, begin, held_by, held, count)
            row, place = np.nonzero(near > 0)
            found.append((narrow(who[row, place] - n), (row + first).astype(np.int32)))
        which, accounts = (np.concatenate([part[k] for part in found]) for k in (0, 1))
        order = np.argsort(which, kind="stable")
        return np.split(accounts[order], starts(which, len(sets))[1:-1])

    def pairs(self, sets: Sequence[Ints], count: int) -> tuple[Ints, Ints]:
        """Pairs of sets (the lower number first), once each: each set with those whose mean vectors are nearest by angle.

        Of a mean vector its LONGEST largest objects count.
        """
        n = len(sets)
        if n <= count + 1:
            i, j = np.triu_indices(n, 1)
            return i, j
        totals = self._heads(sets)
        length = np.sqrt(np.asarray(totals.multiply(totals).sum(axis=1)).ravel())
        unit = sparse.diags(1 / np.maximum(length, 1e-12)) @ totals
        own = (unit.indptr, unit.indices, unit.data)
        # In a draw, as accounts are (`neighbours`): the first by number are near to all in the same things.
        order = np.random.default_rng(self.seed).permutation(n)
        begin, held_by, held = nearest_rows.holders(own, order, unit.shape[1], n)
        who, near = nearest_rows.nearest(own, order, begin, held_by, held, count, SET_VISITS)
        one, place = np.nonzero(near > 0)
        other = who[one, place].astype(np.int64)
        cells = np.unique(np.minimum(one, other) * n + np.maximum(one, other))
        return cells // n, cells % n

    def across(self, sets: Sequence[Ints], i: Ints, j: Ints) -> Floats:
        """Of each pair of sets, by number: sum of cosines over all pairs across; over itself with all of its own."""
        if not len(i):
            return np.zeros(0)
        asked, place = np.unique(np.concatenate([i, j]), return_inverse=True)
        chosen = [sets[k] for k in asked.tolist()]
        # The larger one first: it is summed once, for all that it is compared with.
        size = np.array([len(accounts) for accounts in chosen])
        rank = np.argsort(np.argsort(-size, kind="stable"))
        first = rank[place[: len(i)]] < rank[place[len(i) :]]
        one = np.where(first, place[: len(i)], place[len(i) :])
        other = np.where(first, place[len(i) :], place[: len(i)])
        found, scratch = np.empty(len(i)), self._scratch[0]
        if size[other].sum() <= SUMS * size.sum():
            # Summing up, and taking back, costs twice what a product does: what is compared once is not summed if larger.
            alone = counts(one, len(asked))[one] == 1
            one, other = np.where(alone, other, one), np.where(alone, one, other)
            order = np.argsort(one, kind="stable")
            ends = np.r_[0, np.cumsum(size)]
            members = _int64(np.concatenate(chosen))
            found[order] = rows.set_products(self._rows, members, ends, one[order], other[order], scratch)
            return found
        order = np.argsort(one, kind="stable")
        found[order] = rows.pair_products(self._totals(chosen), one[order], other[order], scratch)
        return found

    def mean_similarity(self, accounts: Ints) -> float:
        """Mean cosine over the pairs of a set of accounts; 0 for fewer than two."""
        n = len(accounts)
        if n < 2:
            return 0.0
        return float(
            (self.likeness_of(accounts, accounts).sum() - self.known[accounts].sum()) / (n * (n - 1))
        )

    def similarity_across(self, accounts: Ints, others: Ints) -> float:
        """Mean cosine of one set's accounts with another's; 0 where one is empty."""
        if not len(accounts) or not len(others):
            return 0.0
        return float(self.likeness_of(accounts, others).sum()) / (len(accounts) * len(others))

    def separation(self, accounts: Ints, others: Ints) -> float:
        """How much more alike these accounts are to one another than to others: mean cosine within less that across."""
        return self.mean_similarity(accounts) - self.similarity_across(accounts, others)

    def separations(self, sets: Sequence[Ints], pool: Ints) -> Floats:
        """For each set of accounts of a pool its separation from the rest of the pool. No account twice in a set."""
        size = np.array([len(accounts) for accounts in sets], dtype=np.int64)
        ends = np.r_[0, np.cumsum(size)]
        members = _int64(np.concatenate(sets))
        own, whole = rows.squares_and_products(self._rows, members, ends, _int64(pool), *self._scratch)
        alone = np.add.reduceat(self.known[members].astype(np.float64), ends[:-1])
        within = np.where(size > 1, (own - alone) / np.maximum(size * (size - 1), 1), 0.0)
        return np.asarray(within - (whole - own) / np.maximum(size * (len(pool) - size), 1))

    def discrepancy(self, accounts: Ints, others: Ints) -> float:
        """Squared maximum mean discrepancy of two sets of accounts with the cosine as kernel, without bias.

        Mean similarity within each, less twice that across (Gretton et al. 2012, equation 3): near 0, and as often below,
        where both write the same; at most 2. 0 where one of the sets has fewer than two accounts.
        """
        if len(accounts) < 2 or len(others) < 2:
            return 0.0
        return self.separation(accounts, others) + self.separation(others, accounts)

    def neighbours(self, count: int) -> tuple[Ints, Ints, Floats]:
        """(account, neighbour, cosine) of the `count` most similar others of each account, among those next to it in a draw.

        Of an object that very many have, each account meets others of these: were they the same for all, they would be
        everybody's neighbours, and a campaign of hundreds a star that communities leave in pieces of one. So ties go to
        those next to it in the draw, too: accounts of one template are alike to the last digit.
        """
        # Not kept: a graph is made of the neighbours next, which takes as much room.
        who, near = nearest_rows.nearest(self._rows, *self._drawn(len(self.known)), count, VISITS)
        found = near > 0
        account = np.repeat(np.arange(len(found), dtype=np.int32), found.sum(axis=1))
        return account, who[found], near[found]

    @cached_property
    def _landmarks(self) -> tuple[Ints, Ints, Ints, Floats]:
        """The first LANDMARKS holders of each object, as `_drawn` gives them."""
        return self._drawn(LANDMARKS)

    def _drawn(self, most: int) -> tuple[Ints, Ints, Ints, Floats]:
        """A fixed draw of all accounts; by object at most so many of its holders, those that the draw puts first.

        So the landmarks of many objects are the same accounts. Where each object's begin, their places in the draw, and
        their values.
        """
        # Drawn among those that have a vector: accounts that come later must not move the draw.
        known = np.flatnonzero(self.known)
        order = known[np.random.default_rng(self.seed).permutation(len(known))]
        return order, *nearest_rows.holders(self._rows, order, self.matrix.shape[1], most)


def _int64(codes: Ints) -> Ints:
    return np.ascontiguousarray(codes, dtype=np.int64)


def vectors(
    view: View, settings: Settings, half: int | None = None, kinds: Sequence[str] = VECTOR_KINDS
) -> Vectors:
    """Vectors of all accounts of a view over text objects of some kinds.

    `half`: of every account's exchanges that carry an object only the first (0) or the second (1) half, every other one.
    """
    n, n_obj = len(view.active), len(view.evidence.obj_kind)
    sent = view.texts
    if half is not None:
        # Texts that share nothing with anybody's are in neither half: they count for both.
        tied = np.ceil(view.carrying / 2) if half == 0 else np.floor(view.carrying / 2)
        sent = np.maximum(tied, sent / 2)
    holders = rows.filled(view.share_obj, _carrying(view, half), n_obj)
    usable = np.isin(view.evidence.obj_kind, [KINDS.index(kind) for kind in kinds])
    usable &= holders >= settings.content_accounts
    rarity = np.log(max(view.population, 2) / np.maximum(holders, 1)).clip(0)

    def matrix(*, unit: bool) -> sparse.csr_matrix:
        counted = (view.share_start, view.share_obj, _carrying(view, half))
        rank, weight, divisor = view.evidence.obj_rank, np.sqrt(rarity), np.maximum(sent, 1)
        start, obj, value = rows.weightiest(counted, usable, weight, rank, divisor, LONGEST, unit=unit)
        return sparse.csr_matrix((value, obj, start), shape=(n, n_obj))

    def framed() -> Frames:
        shares = matrix(unit=False)
        # System prompts come without a text, too.
        np.minimum(shares.data, 1.0, out=shares.data)
        return Frames(shares, sent, rarity)

    scaled = matrix(unit=True)
    scaled.eliminate_zeros()
    return Vectors(scaled, framed, settings.seed)


def _carrying(view: View, half: int | None) -> Ints:
    """Along an account's text objects: how many of its exchanges carry each, of all or of a half."""
    if half is None:
        return view.share_count
    return view.share_first if half == 0 else view.share_count - view.share_first
