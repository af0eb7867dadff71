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
WIDER = 4
"""So many times as many are looked at where too few of them come next."""
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
        # Among very many accounts thousands may be like members, whom nobody put into a core: who comes next is behind them.
        # Without anybody to compare with all that a language has in common would mark the core.
        counts = [most]
        while WIDER * counts[-1] <= FARTHEST:
            counts.append(WIDER * counts[-1])
        others, near = self.core[:0], self.within[:0]
        for count, found in zip(counts, self.space.around(self.core, counts), strict=False):
            new = np.setdiff1d(found, np.concatenate([self.core, others]), assume_unique=True)
            others, near = np.concatenate([others, new]), np.concatenate([near, self.of(new)])
            next_to = (near > 0) & (near < ALIKE_TO_JOIN * self.typical)
            if next_to.sum() >= most or len(others) < 2 * count:
                break
        others, near = others[next_to], near[next_to]
        return np.sort(others[np.lexsort((others, -np.round(near, 9)))[:most]])
