"""SipHash of one 64-bit word: the keyed function that every stored hash leaves through.

J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast short-input PRF", Indocrypt 2012. The message is always
the eight bytes of one unsigned 64-bit value, least significant byte first.
"""

import numpy as np
from numba import njit

U = np.uint64
_LENGTH = U(8 << 56)  # the last block of an eight-byte message holds its length alone
_C0, _C1 = U(0x736F6D6570736575), U(0x646F72616E646F6D)
_C2, _C3 = U(0x6C7967656E657261), U(0x7465646279746573)
_FF = U(0xFF)
_R13, _R16, _R17, _R21, _R32 = U(13), U(16), U(17), U(21), U(32)
_L13, _L16, _L17, _L21 = U(51), U(48), U(47), U(43)


@njit(inline="always", cache=False)
def _round(v0, v1, v2, v3):  # type: ignore[no-untyped-def]
    v0 += v1
    v1 = ((v1 << _R13) | (v1 >> _L13)) ^ v0
    v0 = (v0 << _R32) | (v0 >> _R32)
    v2 += v3
    v3 = ((v3 << _R16) | (v3 >> _L16)) ^ v2
    v0 += v3
    v3 = ((v3 << _R21) | (v3 >> _L21)) ^ v0
    v2 += v1
    v1 = ((v1 << _R17) | (v1 >> _L17)) ^ v2
    v2 = (v2 << _R32) | (v2 >> _R32)
    return v0, v1, v2, v3


@njit(nogil=True, inline="always")
def siphash24(k0, k1, word):  # type: ignore[no-untyped-def]
    """SipHash-2-4 of one uint64 `word` under the key (`k0`, `k1`), both uint64 read least significant byte first."""
    v0, v1, v2, v3 = k0 ^ _C0, k1 ^ _C1, k0 ^ _C2, k1 ^ _C3
    v3 ^= word
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    v0 ^= word
    v3 ^= _LENGTH
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    v0 ^= _LENGTH
    v2 ^= _FF
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    return v0 ^ v1 ^ v2 ^ v3
