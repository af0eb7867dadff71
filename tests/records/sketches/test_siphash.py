"""SipHash against the designers' published vector and an independent implementation."""

import random

import numpy as np

from stillwatch.records.sketches.siphash import siphash24

MASK = (1 << 64) - 1


def plain(k0: int, k1: int, word: int) -> int:
    """SipHash-2-4 of eight bytes in plain integers, written from the paper."""
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def turn(x: int, by: int) -> int:
        return ((x << by) | (x >> (64 - by))) & MASK

    def rounds(n: int) -> None:
        for _ in range(n):
            v[0] = (v[0] + v[1]) & MASK
            v[1] = turn(v[1], 13) ^ v[0]
            v[0] = turn(v[0], 32)
            v[2] = (v[2] + v[3]) & MASK
            v[3] = turn(v[3], 16) ^ v[2]
            v[0] = (v[0] + v[3]) & MASK
            v[3] = turn(v[3], 21) ^ v[0]
            v[2] = (v[2] + v[1]) & MASK
            v[1] = turn(v[1], 17) ^ v[2]
            v[2] = turn(v[2], 32)

    for block in (word, 8 << 56):
        v[3] ^= block
        rounds(2)
        v[0] ^= block
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def test_published_vector():
    # The ninth vector of the reference implementation: key 00..0f, message 00..07.
    k0, k1 = np.frombuffer(bytes(range(16)), "<u8")
    word = np.frombuffer(bytes(range(8)), "<u8")[0]
    assert int(siphash24(k0, k1, word)) == 0x93F5F5799A932462


def test_as_plain_integers():
    source = random.Random(7)
    for _ in range(200):
        values = [source.getrandbits(64) for _ in range(3)]
        assert int(siphash24(*(np.uint64(v) for v in values))) == plain(*values)
