"""The mixing functions: the same in the kernel and in plain Python, and with few coincidences."""

import random

import numpy as np

from stillwatch.records.sketches.mixing import absorb, absorbed, finish, finished


def test_kernel_and_python_agree():
    source = random.Random(3)
    for _ in range(200):
        a, b = source.getrandbits(64), source.getrandbits(64)
        assert int(finish(np.uint64(a))) == int(finished(a))
        assert int(absorb(np.uint64(a), np.uint64(b))) == absorbed(a, b)


def test_finish_is_one_to_one_and_spreads_single_bits():
    values = {int(finished(i)) for i in range(20_000)}
    assert len(values) == 20_000
    flips = [bin(int(finished(1 << k)) ^ int(finished(0))).count("1") for k in range(64)]
    assert 24 < sum(flips) / 64 < 40


def test_absorb_minds_the_order():
    assert absorbed(absorbed(7, 1), 2) != absorbed(absorbed(7, 2), 1)
