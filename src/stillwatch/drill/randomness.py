"""Randomness that is the same for the same seed, however the work is cut into pieces.

Plans are drawn with numpy generators, one for each named purpose. Rows are rendered from counter hashes
(splitmix64, Steele, Lea and Flood, OOPSLA 2014), so a row's content depends on its number alone, not on
the chunk that it is rendered in.
"""

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

Arr = npt.NDArray[Any]
U64 = npt.NDArray[np.uint64]

_M1, _M2, _GOLDEN = (
    np.uint64(0xBF58476D1CE4E5B9),
    np.uint64(0x94D049BB133111EB),
    np.uint64(0x9E3779B97F4A7C15),
)


def _digest(seed: int, names: tuple[object, ...]) -> bytes:
    return hashlib.blake2b("\x1f".join(map(str, (seed, *names))).encode(), digest_size=16).digest()


def generator(seed: int, *names: object) -> np.random.Generator:
    """A generator for one named purpose: the same names and seed give the same draws on every platform."""
    return np.random.Generator(np.random.PCG64(int.from_bytes(_digest(seed, names), "little")))


def key(seed: int, *names: object) -> np.uint64:
    """A 64-bit key for one named purpose."""
    return np.uint64(int.from_bytes(_digest(seed, names)[:8], "little"))


def mix(values: Arr, salt: int | np.uint64 = 0) -> U64:
    """The splitmix64 finaliser over `values` (any integers, any shape) under `salt`; uint64, same shape."""
    with np.errstate(over="ignore"):
        x = (values.astype(np.uint64) + np.uint64(salt)) * _GOLDEN + _GOLDEN
        x = (x ^ (x >> np.uint64(30))) * _M1
        x = (x ^ (x >> np.uint64(27))) * _M2
        return np.asarray(x ^ (x >> np.uint64(31)), dtype=np.uint64)


def uniform(values: Arr, salt: int | np.uint64 = 0) -> npt.NDArray[np.float64]:
    """Uniform numbers in [0, 1), one for each of `values`."""
    return np.asarray((mix(values, salt) >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def below(values: Arr, salt: int | np.uint64, n: int | Arr) -> npt.NDArray[np.int64]:
    """Uniform whole numbers in [0, n), one for each of `values`."""
    return np.asarray((uniform(values, salt) * n).astype(np.int64))


def normal(values: Arr, salt: int) -> npt.NDArray[np.float64]:
    """Standard normal numbers (Box and Muller, 1958), one for each of `values`."""
    u, v = uniform(values, salt), uniform(values, salt + 7919)
    return np.asarray(np.sqrt(-2.0 * np.log1p(-u)) * np.cos(2.0 * np.pi * v))
