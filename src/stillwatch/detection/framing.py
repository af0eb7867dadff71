"""Cores of accounts of a few texts that are of one template: told by what most texts of each carry, its frame."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from stillwatch.detection.core_likeness import Sets
from stillwatch.detection.evidence import Floats, Ints
from stillwatch.detection.similarity import Frames, Similarity

FEW = 6.0
"""Texts of a typical account up to which one of them may decide what part of a campaign the account is put into."""
FRAME = 0.3
"""What this share of a core's texts or more carry, taken over its accounts, is its frame: what they wrap questions in."""
ONCE = 1.2
"""And what comes more often than this among a typical account's texts: what one text of each has in common may be what put
the accounts into one core."""
SAME_FRAME = 0.75
"""Cosine of two cores over both frames from which they are of one template."""
ALIKE_FRAMED = 0.4
"""And how alike pairs across have to be, as in ALIKE_CORES: a line that some client puts before everything is not enough."""
LARGE, OFTEN = 100, 0.15
"""In a part of so many accounts or more chance averages out: what this share of its texts carry is no chance."""
HARDLY, LACKING = 0.05, 0.2
"""So much of what one part's texts carry, of its frame or of what a large part sends often, hardly any of the other's may.
Who sends some client's line is not put to those that send it before one template or a few."""
AT_ONCE = 256
"""Parts that are held against all others at once: bounds the memory."""


def _membership(sets: list[Ints], n: int) -> sparse.csr_matrix:
    """Sets of accounts x accounts (n): how often each holds each, for sums over sets."""
    size = [len(accounts) for accounts in sets]
    return sparse.csr_matrix(
        (np.ones(sum(size)), (np.repeat(np.arange(len(sets)), size), np.concatenate(sets))),
        shape=(len(sets), n),
    )


def _at_least(share: sparse.csr_matrix, least: Floats) -> sparse.csr_matrix:
    """Entries that are at least so large, by row."""
    found = share.copy()
    found.data *= np.round(found.data, 9) >= np.repeat(least, np.diff(found.indptr))
    found.eliminate_zeros()
    return found


def _frames(frames: Frames, parts: list[Ints]) -> tuple[sparse.csr_matrix, Floats]:
    """Of parts: mean shares of texts by object, and from which share on one is of the frame (of accounts of a few texts)."""
    size = np.array([len(part) for part in parts])
    share = (sparse.diags(1 / size) @ _membership(parts, len(frames.texts)) @ frames.shares).tocsr()
    typical = np.array([np.median(frames.texts[part]) for part in parts])
    least = np.where(typical <= FEW, np.maximum(FRAME, ONCE / np.maximum(typical, 1)), np.inf)
    return share, least


@dataclass
class _Framed:
    """Parts that become one by their frames, with mean shares of texts by object. Who was put to another is left empty."""

    space: Similarity
    frames: Frames
    parts: list[Ints]
    share: sparse.csr_matrix
    least: Floats
    sets: Sets

    @classmethod
    def of(cls, space: Similarity, frames: Frames, parts: list[Ints], share: sparse.csr_matrix) -> "_Framed":
        """Of these parts; `share`: theirs, of all objects.

        A whole has no larger share of anything than the largest among its parts: what none of them sends often is in no
        frame, now or later, and not looked at.
        """
        often = np.unique(share.indices[np.round(share.data, 9) >= min(FRAME, OFTEN)])
        few = Frames(frames.shares[:, often], frames.texts, frames.rarity[often])
        return cls(space, few, parts, *_frames(few, parts), Sets.of(space, parts))

    def cosines(self, rows: Ints) -> Floats:
        """Cosines of some parts with all over the frames of both; 0 for those that are not of one, and for itself."""
        share, size = self.share, self.sets.sizes
        frame = _at_least(share, self.least)
        rarity = sparse.diags(np.sqrt(self.frames.rarity))

        def both(one: sparse.csr_matrix, other: sparse.csr_matrix) -> tuple[Floats, Floats]:
            """Along rows and parts: the row's one times the part's other, and the part's one times the row's other."""
            return (one[rows] @ other.T).toarray(), (other[rows] @ one.T).toarray()

        # Sums over the objects of either frame: over one's, and over the other's, less those of both.
        weighed = (frame @ rarity).tocsr()
        mine, theirs = both(weighed, share)
        across = mine + theirs - (weighed[rows] @ frame.T).toarray()
        squares = (frame.multiply(frame) @ rarity).tocsr()
        own = np.asarray(squares.sum(axis=1)).ravel()
        mine, theirs = both((share.multiply(share) @ rarity - squares).tocsr(), frame.sign())
        length = np.sqrt(own[rows, None] + mine) * np.sqrt(own + theirs)
        cosine = np.round(across / np.maximum(length, 1e-12), 9)
        telling = _at_least(share, np.where(size >= LARGE, OFTEN, self.least))
        telling = (telling.multiply(telling) @ rarity).tocsr()
        needed = (1 - LACKING) * np.asarray(telling.sum(axis=1)).ravel()
        mine, theirs = both(telling, _at_least(share, np.full(len(size), HARDLY)).sign())
        enough = (np.round(mine - needed[rows, None], 9) >= 0) & (np.round(theirs - needed, 9) >= 0)
        enough[np.arange(len(rows)), rows] = False
        i, j = np.nonzero((cosine >= SAME_FRAME) & enough)
        likeness = self.sets.likeness(rows[i], j, self.space.across(self.parts, rows[i], j))
        alike = likeness >= ALIKE_FRAMED
        found = np.zeros_like(cosine)
        found[i[alike], j[alike]] = cosine[i[alike], j[alike]]
        return np.asarray(found)

    def put_together(self, into: Ints, gone: Ints) -> None:
        """Part gone[k] becomes one with part into[k], and is left empty; no part is in both."""
        for k, taken in zip(into.tolist(), gone.tolist(), strict=True):
            self.parts[k] = np.sort(np.concatenate([self.parts[k], self.parts[taken]]))
            self.parts[taken] = self.parts[taken][:0]
        whole = [self.parts[k] for k in into.tolist()]
        share, self.least[into] = _frames(self.frames, whole)
        # Old rows, new ones behind them, and one of zeros.
        n, new = len(self.parts), len(into)
        source = np.arange(n)
        source[into], source[gone] = n + np.arange(new), n + new
        nothing = sparse.csr_matrix((1, share.shape[1]))
        self.share = sparse.vstack([self.share, share, nothing], format="csr")[source]
        sets = Sets.of(self.space, whole)
        self.sets.sizes[into], self.sets.alone[into], self.sets.own[into] = sets.sizes, sets.alone, sets.own
        self.sets.sizes[gone] = 0


def of_one_frame(space: Similarity, cores: list[Ints]) -> list[Ints]:
    """The cores, with those of accounts of a few texts put into one most of whose texts carry the same.

    Accounts that sent a few texts each are put into cores by what these happen to share. So pairs within look more alike
    than pairs across, and `merged` leaves a crowd of thousands in pieces. What many texts of a core carry was not chosen so.
    Compared are mean shares of texts over the objects of either frame, those that hardly anybody else sends a little more.
    In each pass those that are each other's likest become one, until there are none: a part that has something of two
    templates joins one, and does not make them one.
    """
    frames = space.frames
    if frames is None or not cores:
        return cores
    share, least = _frames(frames, cores)
    framed = np.diff(_at_least(share, least).indptr) > 0
    if framed.sum() < 2:
        return sorted(cores, key=lambda core: int(core[0]))
    others = [core for core, own in zip(cores, framed, strict=True) if not own]
    found = _Framed.of(space, frames, [cores[k] for k in np.flatnonzero(framed)], share[framed])
    number = np.arange(len(found.parts))
    cosine = np.zeros((len(number), len(number)))
    # Only what was put together is compared anew: thousands of accounts of one template come in hundreds of parts, of which
    # a pass may make no more than one.
    changed = number
    while len(changed):
        for rows in np.array_split(changed, -(-len(changed) // AT_ONCE)):
            cosine[rows] = found.cosines(rows)
            cosine[:, rows] = cosine[rows].T
        best = cosine.argmax(axis=1)
        changed = np.flatnonzero((cosine.max(axis=1) > 0) & (best[best] == number) & (number < best))
        if len(changed):
            gone = best[changed]
            found.put_together(changed, gone)
            cosine[gone], cosine[:, gone] = 0.0, 0.0
    parts = [part for part in found.parts if len(part)]
    return sorted((*parts, *others), key=lambda core: int(core[0]))
