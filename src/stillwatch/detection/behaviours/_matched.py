"""Accounts outside that are like a group's members in one figure."""

from collections.abc import Iterator

import numpy as np

from stillwatch.detection.evidence import Floats, Ints


def matched(volumes: Floats, wanted: Floats, pool: Ints) -> tuple[Ints, Ints, Ints]:
    """`pool` in order of volume, and for each wanted volume from where to where (exclusive) volumes are like it.

    `volumes`: exchanges by account code. Volumes are matched by halves of a doubling, and the halves beside them; where
    fewer than five accounts are so, the fifty of most volume stand in.
    """
    stratum = np.round(2 * np.log2(np.maximum(volumes, 1))).clip(0).astype(int)
    order = pool[np.argsort(stratum[pool], kind="stable")]
    edges = stratum[order]
    own = np.round(2 * np.log2(np.maximum(wanted, 1))).clip(0).astype(int)
    low = np.searchsorted(edges, own - 1, "left")
    high = np.searchsorted(edges, own + 1, "right")
    few = high - low < 5
    return order, np.where(few, max(len(order) - 50, 0), low), np.where(few, len(order), high)


RANKS = 25
"""Places up and down in the order of a figure within which accounts outside stand for one another."""


def alike(figure: Floats, wanted: Floats, pool: Ints, draws: int, rng: np.random.Generator) -> Iterator[Ints]:
    """So many sets of accounts of `pool`, each with one account for each of `wanted` that is near to it in rank.

    `figure`: what they are to be alike in, by account code.
    """
    order = pool[np.argsort(figure[pool], kind="stable")]
    at = np.searchsorted(figure[order], wanted)
    for _ in range(draws):
        yield order[(at + rng.integers(-RANKS, RANKS + 1, len(at))).clip(0, len(order) - 1)]
