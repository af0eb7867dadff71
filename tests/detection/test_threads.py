"""Pieces on threads: everything once, whatever the number of threads."""

import numba
import numpy as np
import pytest

from stillwatch.detection.threads import FEW, in_pieces


@pytest.fixture(params=[1, 2])
def threads(request):
    """numba set to so many threads."""
    before = numba.get_num_threads()
    numba.set_num_threads(min(request.param, numba.config.NUMBA_NUM_THREADS))
    yield request.param
    numba.set_num_threads(before)


@pytest.mark.parametrize("count", [1, FEW - 1, FEW, FEW + 1, 3 * FEW + 7])
def test_everything_is_done_once(threads, count):
    done = np.zeros(count, np.int64)

    def work(first, last):
        done[first:last] += 1

    in_pieces(count, work)
    assert (done == 1).all()


def test_nothing_is_asked_for_nothing(threads):
    in_pieces(0, lambda first, last: pytest.fail("there is nothing to do"))


def test_what_a_piece_raises_is_raised(threads):
    def work(first, last):
        if last == 2 * FEW:
            raise ValueError("the last piece")

    with pytest.raises(ValueError, match="the last piece"):
        in_pieces(2 * FEW, work)
