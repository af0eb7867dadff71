"""Accounts outside with the volumes of a group's members."""

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
