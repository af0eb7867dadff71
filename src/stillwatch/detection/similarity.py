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

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numba import njit
from scipy import sparse

from stillwatch.detection.evidence import KINDS, Bools, Floats, Ints, View
from stillwatch.detection.settings import Settings

VECTOR_KINDS = ("phrase", "prefix", "suffix", "block")
"""Parts of texts that make up a vector. Whole texts and system prompts stay out: greetings and popular clients."""
SYSTEM_KINDS = ("system", "system_phrase")
"""What makes up a vector of system prompts."""
LANDMARKS = 1000
"""Holders of a phrase that others are compared with over it: bounds the work for a phrase of many thousands, and
hides nobody, since all of them are compared with the same thousand."""
DIGITS = 1e9
"""Cosines are compared to nine digits: the order of sums must not decide."""


@njit(nogil=True, cache=True)
def _nearest(start, columns, values, held_from, holders, held, who, near):  # type: ignore[no-untyped-def]
    """For each row of the first matrix (CSR) the most similar rows of the second (CSC), best first, into who and near."""
    n, count = who.shape
    score = np.zeros(n)
    touched = np.empty(n, np.int64)
    for i in range(n):
        seen = 0
        for at in range(start[i], start[i + 1]):
            column, value = columns[at], values[at]
            for h in range(held_from[column], held_from[column + 1]):
                j = holders[h]
                if score[j] == 0.0:
                    touched[seen] = j
                    seen += 1
                score[j] += value * held[h]
        filled = 0
        for t in range(seen):
            j = touched[t]
            value = np.round(score[j] * DIGITS) / DIGITS
            score[j] = 0.0
            if j == i or value <= 0.0:
                continue
            if filled == count and (
                value < near[i, count - 1] or (value == near[i, count - 1] and j > who[i, count - 1])
            ):
                continue
            place = min(filled, count - 1)
            while place > 0 and (
                value > near[i, place - 1] or (value == near[i, place - 1] and j < who[i, place - 1])
            ):
                near[i, place], who[i, place] = near[i, place - 1], who[i, place - 1]
                place -= 1
            near[i, place], who[i, place] = value, j
            filled = min(filled + 1, count)


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

    def likeness_to(self, accounts: Ints) -> Floats:
        """By account code: sum of its likeness to these accounts, to itself among them."""

    def sums(self, sets: Sequence[Ints]) -> tuple[Floats, Floats]:
        """Sets x sets: sums of likeness over all pairs across; by set, how much of its own is accounts with themselves."""

    def neighbours(self, count: int) -> tuple[Ints, Ints, Floats]:
        """(account, neighbour, likeness) of the `count` most similar others of each account; ties go to the lower code."""

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
        self, view: View, settings: Settings, keep: Bools | None = None, kinds: Sequence[str] = VECTOR_KINDS
    ) -> Similarity:
        """`keep`: along the view's ties; others are left out. `kinds`: VECTOR_KINDS (what is asked), or SYSTEM_KINDS."""


def membership(sets: Sequence[Ints], n: int) -> sparse.csr_matrix:
    """Sets of accounts x accounts (n): how often each holds each, for sums over sets."""
    size = [len(accounts) for accounts in sets]
    return sparse.csr_matrix(
        (np.ones(sum(size)), (np.repeat(np.arange(len(sets)), size), np.concatenate(sets))),
        shape=(len(sets), n),
    )


@dataclass(frozen=True)
class Vectors:
    """Accounts as vectors: the Similarity that is used by default.

    `matrix`: accounts (by code) x text objects (by code), rows of length one or zero.
    """

    matrix: sparse.csr_matrix
    frames: Frames
    seed: int

    @cached_property
    def known(self) -> Bools:
        """By account code: has it a vector?"""
        return np.asarray(np.diff(self.matrix.indptr) > 0)

    def total(self, accounts: Ints) -> Floats:
        """Sum of the vectors of these accounts."""
        return np.asarray(self.matrix[accounts].sum(axis=0)).ravel()

    def likeness_to(self, accounts: Ints) -> Floats:
        """By account code: sum of its cosines with these accounts, with itself among them."""
        return np.asarray(self.matrix @ self.total(accounts))

    def sums(self, sets: Sequence[Ints]) -> tuple[Floats, Floats]:
        """Sets x sets: sums of cosines over all pairs across; by set, accounts with a vector: each a pair with itself."""
        member = membership(sets, self.matrix.shape[0])
        totals = (member @ self.matrix).tocsr()
        return (totals @ totals.T).toarray(), np.asarray(member @ self.known.astype(np.float64))

    def _within(self, totals: sparse.csr_matrix, size: Ints, known: Floats) -> Floats:
        """Mean cosine over the pairs of each set, from sums of vectors; 0 for fewer than two."""
        pairs = np.asarray(totals.multiply(totals).sum(axis=1)).ravel() - known
        return np.asarray(np.where(size > 1, pairs / np.maximum(size * (size - 1), 1), 0.0))

    def mean_similarity(self, accounts: Ints) -> float:
        """Mean cosine over the pairs of a set of accounts; 0 for fewer than two."""
        total = sparse.csr_matrix(self.total(accounts))
        return float(self._within(total, np.array([len(accounts)]), self.known[accounts].sum())[0])

    def similarity_across(self, accounts: Ints, others: Ints) -> float:
        """Mean cosine of one set's accounts with another's; 0 where one is empty."""
        if not len(accounts) or not len(others):
            return 0.0
        return float(self.total(accounts) @ self.total(others)) / (len(accounts) * len(others))

    def separation(self, accounts: Ints, others: Ints) -> float:
        """How much more alike these accounts are to one another than to others: mean cosine within less that across."""
        return self.mean_similarity(accounts) - self.similarity_across(accounts, others)

    def separations(self, sets: Sequence[Ints], pool: Ints) -> Floats:
        """For each set of accounts of a pool its separation from the rest of the pool. No account twice in a set."""
        size = np.array([len(accounts) for accounts in sets], dtype=np.int64)
        member = membership(sets, self.matrix.shape[0])
        totals = (member @ self.matrix).tocsr()
        within = self._within(totals, size, member @ self.known.astype(np.float64))
        whole = np.asarray(totals @ self.total(pool))
        own = np.asarray(totals.multiply(totals).sum(axis=1)).ravel()
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
        """(account, neighbour, cosine) of the `count` most similar others of each account, over landmarks.

        Ties go to the lower code, so row order does not matter.
        """
        n = self.matrix.shape[0]
        holders = self._landmarks().tocsc()
        who, near = np.zeros((n, count), np.int64), np.zeros((n, count))
        _nearest(
            self.matrix.indptr, self.matrix.indices, self.matrix.data,
            holders.indptr, holders.indices, holders.data, who, near,
        )  # fmt: skip
        row, place = np.nonzero(near > 0)
        return row, who[row, place], near[row, place]

    def _landmarks(self) -> sparse.csr_matrix:
        """The matrix with at most LANDMARKS entries in a column: those of the accounts that a fixed draw puts first."""
        matrix = self.matrix.tocoo()
        held = np.bincount(matrix.col, minlength=matrix.shape[1])
        if held.max(initial=0) <= LANDMARKS:
            return self.matrix
        # Drawn among those that have a vector: accounts that come later must not move the draw.
        luck = np.zeros(matrix.shape[0], dtype=np.int64)
        luck[self.known] = np.random.default_rng(self.seed).permutation(int(self.known.sum()))
        order = np.lexsort((luck[matrix.row], matrix.col))
        column = matrix.col[order]
        keep = order[np.arange(len(column)) - np.searchsorted(column, column, "left") < LANDMARKS]
        return sparse.csr_matrix(
            (matrix.data[keep], (matrix.row[keep], matrix.col[keep])), shape=matrix.shape
        )


def vectors(
    view: View, settings: Settings, keep: Bools | None = None, kinds: Sequence[str] = VECTOR_KINDS
) -> Vectors:
    """Vectors of all accounts of a view over text objects of some kinds.

    `keep`: along the view's ties; others are left out (half of the exchanges).
    """
    n, n_obj = len(view.active), len(view.evidence.obj_kind)
    usable = np.isin(view.evidence.obj_kind, [KINDS.index(kind) for kind in kinds])
    if keep is None:
        acc, obj = view.share_acc, view.share_obj
        sent = view.totals["texts"]
        texts = np.round(view.share * np.maximum(sent[acc], 1))
    else:
        kept = view.tie_ex[keep]
        cells, count = np.unique(
            view.evidence.ex_acc[kept] * np.int64(max(n_obj, 1)) + view.tie_obj[keep], return_counts=True
        )
        acc, obj, texts = cells // max(n_obj, 1), cells % max(n_obj, 1), count.astype(np.float64)
        # Texts that share nothing with anybody's are in neither half: they count for both.
        tied = np.bincount(view.evidence.ex_acc[np.unique(kept)], minlength=n)
        sent = np.maximum(tied, view.totals["texts"] / 2)
    holders = np.bincount(obj, minlength=n_obj)
    take = usable[obj] & (holders[obj] >= settings.content_accounts)
    acc, obj, texts = acc[take], obj[take], texts[take]
    rarity = np.log(max(view.population, 2) / np.maximum(holders, 1)).clip(0)
    shares = sparse.csr_matrix((texts / np.maximum(sent[acc], 1), (acc, obj)), shape=(n, n_obj))
    matrix = shares @ sparse.diags(np.sqrt(rarity))
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    scaled = (sparse.diags(1 / np.maximum(length, 1e-12)) @ matrix).tocsr()
    scaled.eliminate_zeros()
    # System prompts come without a text, too.
    shares.data = np.minimum(shares.data, 1.0)
    return Vectors(scaled, Frames(shares, sent, rarity), settings.seed)
