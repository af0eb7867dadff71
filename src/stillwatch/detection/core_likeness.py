"""How alike sets of accounts are across, beside how alike each is within."""

from dataclasses import dataclass

import numpy as np

from stillwatch.detection.evidence import Floats, Ints
from stillwatch.detection.similarity import Similarity


@dataclass
class Sets:
    """Disjoint sets of accounts: of each its size, how much of its likeness is accounts with themselves, and all of it."""

    sizes: Ints
    alone: Floats
    own: Floats

    @classmethod
    def of(cls, space: Similarity, sets: list[Ints]) -> "Sets":
        """Of these accounts."""
        each = np.arange(len(sets))
        alone = np.array([space.known[accounts].sum() for accounts in sets], dtype=np.float64)
        return cls(np.array([len(accounts) for accounts in sets]), alone, space.across(sets, each, each))

    def likeness(self, i: Ints, j: Ints, between: Floats) -> Floats:
        """How alike pairs across two sets are, as a share of pairs within the tighter of the two."""
        within = (self.own - self.alone) / np.maximum(self.sizes * (self.sizes - 1), 1)
        tighter = np.maximum(np.maximum(within[i], within[j]), 1e-12)
        return np.asarray(np.round(between / (self.sizes[i] * self.sizes[j]) / tighter, 9))
