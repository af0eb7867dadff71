"""Fixed public mixing functions on 64-bit words, in which all hashes are computed before the key comes in."""

import numpy as np
from numba import njit

U = np.uint64
_A, _B = U(0xBF58476D1CE4E5B9), U(0x94D049BB133111EB)
_S1, _S2, _S3 = U(30), U(27), U(31)
_STEP = U(0x9E3779B97F4A7C15)
_LEFT, _RIGHT = U(23), U(41)
_WORD = 0xFFFFFFFFFFFFFFFF


def finished(x: int) -> U:
    """`finish` in plain Python, for constants."""
    x = ((x ^ x >> int(_S1)) * int(_A)) & _WORD
    x = ((x ^ x >> int(_S2)) * int(_B)) & _WORD
    return U(x ^ x >> int(_S3))


@njit(nogil=True)
def finish(x):  # type: ignore[no-untyped-def]
    """Spread every bit of `x` over the whole word (the finaliser of SplitMix64: Steele, Lea, Flood, OOPSLA 2014)."""
    x = (x ^ (x >> _S1)) * _A
    x = (x ^ (x >> _S2)) * _B
    return x ^ (x >> _S3)


@njit(nogil=True)
def absorb(state, value):  # type: ignore[no-untyped-def]
    """Take one more value into a running hash; order matters."""
    return (((state << _LEFT) | (state >> _RIGHT)) ^ value) * _STEP


def absorbed(state: int, value: int) -> int:
    """`absorb` in plain Python."""
    turned = ((state << int(_LEFT)) & _WORD) | state >> int(_RIGHT)
    return ((turned ^ value) * int(_STEP)) & _WORD
