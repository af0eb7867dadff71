"""Counter hashes and named generators: the same everywhere, independent where they should be."""

import numpy as np
import pytest

from stillwatch.drill.randomness import below, generator, key, mix, normal, uniform


def test_mix_is_the_published_function() -> None:
    # First outputs of splitmix64 from state 0 (Steele, Lea, Flood 2014; reference implementation by Vigna).
    assert [int(x) for x in mix(np.arange(3))] == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


def test_names_and_seeds_give_streams_of_their_own() -> None:
    draws = {
        int(generator(s, *n).integers(1 << 62)) for s in (1, 2) for n in (("a",), ("b",), ("a", "b"), ("ab",))
    }
    assert len(draws) == 8
    assert key(1, "a") == key(1, "a") != key(1, "b")


def test_uniform_normal_and_below_have_their_distributions() -> None:
    keys = mix(np.arange(200_000))
    u, z, k = uniform(keys, 5), normal(keys, 6), below(keys, 7, 10)
    assert u.min() >= 0 and u.max() < 1
    assert u.mean() == pytest.approx(0.5, abs=0.005)
    assert (z.mean(), z.std()) == (pytest.approx(0, abs=0.01), pytest.approx(1, abs=0.01))
    assert np.bincount(k, minlength=10).min() > 19_000
    assert abs(np.corrcoef(u, uniform(keys, 6))[0, 1]) < 0.01
