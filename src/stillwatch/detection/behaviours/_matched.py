"""Accounts outside with the volumes of a group's members."""

import numpy as np

from stillwatch.detection.evidence import Floats, Ints


def matched(volumes: Floats, members: Ints, pool: Ints) -> tuple[Ints, Ints, Ints]:
    """`pool` in order of volume, and for each member from where to where (exclusive) volumes are like its own.

    `volumes`: exchanges by account. Volumes are matched by halves of a doubling, and the halves beside them; where
    fewer than five accounts are so, the fifty of most volume stand in.
    """
    stratum = np.round(2 * np.log2(np.maximum(volumes, 1))).clip(0).astype(int)
    order = pool[np.argsort(stratum[pool], kind="stable")]
    edges = stratum[order]
    low = np.searchsorted(edges, stratum[members] - 1, "left")
    high = np.searchsorted(edges, stratum[members] + 1, "right")
    few = high - low < 5
    return order, np.where(few, max(len(order) - 50, 0), low), np.where(few, len(order), high)
