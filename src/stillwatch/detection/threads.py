"""Compiled loops over accounts on threads, piece by piece."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numba
import numpy as np

PIECES = 8
"""Pieces for each thread: accounts that ask much come together."""
FEW = 1 << 10
"""Fewer than so many are not worth a thread."""


def in_pieces(count: int, work: Callable[[int, int], None]) -> None:
    """Have `work` do everything from a first number to a last one (exclusive), for all below `count`, on numba's threads.

    `work` lets go of the interpreter, and writes to nothing that another piece reads. Raises what it raises.
    """
    threads = numba.get_num_threads()
    if threads < 2 or count < FEW:
        if count:
            work(0, count)
        return
    cuts = np.linspace(0, count, PIECES * threads + 1).astype(np.int64).tolist()
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(work, first, last) for first, last in pairwise(cuts) if first < last]:
            done.result()
