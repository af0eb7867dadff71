"""How near are accounts' texts to those of a core, and who comes next to it?"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from stillwatch.detection.evidence import Floats, Ints
from stillwatch.detection.similarity import Similarity

ALIKE_TO_JOIN = 0.5
"""The same for an account that Leiden put elsewhere."""
FARTHEST = 1 << 14
"""Among twice so many accounts at most, the most alike, those that come next are looked for: bounds the work."""
LIKEST = 200
"""Accounts outside, most alike in texts, that a core is compared with: of its language and subjects, where there are any."""


@dataclass(frozen=True)
class Nearness:
    """How alike accounts' texts are to those of a core: mean cosine with its accounts, itself left out."""

    space: Similarity
    core: Ints
    within: Floats  # along the core
    typical: float  # median of these

    @classmethod
    def to(cls, space: Similarity, core: Ints) -> "Nearness":
        """Nearness to these accounts."""
        within = (space.likeness_of(core, core) - space.known[core]) / max(len(core) - 1, 1)
        return cls(space, core, within, float(np.median(within)))

    def of(self, outside: Ints) -> Floats:
        """Of these accounts, none of the core."""
        return self.space.likeness_of(outside, self.core) / len(self.core)

    @cached_property
    def likest(self) -> Ints:
        """Accounts outside that come next, but are not like members."""
        most = max(LIKEST, 2 * len(self.core))
        looked_at = most
        while True:
            others = np.setdiff1d(self.space.around(self.core, looked_at), self.core, assume_unique=True)
            near = self.of(others)
            next_to = (near > 0) & (near < ALIKE_TO_JOIN * self.typical)
            # Among very many accounts thousands may be like members, whom nobody put into a core: who comes next is behind
            # them. Without anybody to compare with all that a language has in common would mark the core.
            if next_to.sum() >= most or len(others) < 2 * looked_at or 4 * looked_at > FARTHEST:
                break
            looked_at *= 4
        others, near = others[next_to], near[next_to]
        return np.sort(others[np.lexsort((others, -np.round(near, 9)))[:most]])
