"""Bands: agreement follows the Jaccard similarity of shingles."""

import random
from itertools import pairwise

import numpy as np
import pyarrow as pa

from stillwatch.records.sketches import BANDS, ROWS, Key, sketch
from stillwatch.records.sketches.minhash import LANES, lanes

KEY = Key(bytes(16))


def bands(texts: list[str]) -> np.ndarray:
    column = sketch(pa.array(texts), None, KEY, threads=1)["bands"]
    return column.flatten().to_numpy().reshape(len(texts), BANDS)


def test_lanes_are_fixed_and_odd():
    a, b = lanes()
    assert len(a) == len(b) == LANES >= BANDS * ROWS
    assert np.all(a & 1 == 1)
    assert len(set(a.tolist())) == len(set(b.tolist())) == LANES


def test_share_of_equal_bands_is_the_third_power_of_similarity():
    source = random.Random(5)
    shares, expected = [], []
    for _ in range(150):
        vocabulary = [f"w{source.getrandbits(40):x}q" for _ in range(80)]
        left = vocabulary[:60]
        right = vocabulary[20:]  # 39 of 79 pairs in common
        first, second = bands([" ".join(left), " ".join(right)])
        shares.append(np.mean(first == second))
        pairs = [set(pairwise(words)) for words in (left, right)]
        expected.append((len(pairs[0] & pairs[1]) / len(pairs[0] | pairs[1])) ** ROWS)
    # 150 texts of 42 bands: the standard error of the mean is below 0.005.
    assert abs(np.mean(shares) - np.mean(expected)) < 0.02


def test_same_words_in_another_order_differ_and_repetition_does_not():
    one, other, twice = bands(
        ["alpha beta gamma delta", "delta gamma beta alpha", "alpha beta gamma delta " * 3]
    )
    assert not np.any(one == other)
    assert np.mean(one == twice) > 0.2  # one more pair, where the text begins again


def test_a_single_word():
    one, same, other = bands(["Word!", "word", "words"])
    assert np.all(one == same)
    assert not np.any(one == other)
