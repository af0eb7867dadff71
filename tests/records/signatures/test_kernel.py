"""The compiled loops against plain Python."""

import itertools

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.records.signatures import kernel
from stillwatch.records.signatures.form import POSITIONS
from stillwatch.records.sketches import Key, words
from stillwatch.records.sketches.mixing import absorbed, finished

KEY = Key(b"sixteen bytes !!")
WORD = (1 << 64) - 1
SEED = int(finished(0x7374696C6C))


def plain_pairs(hashes: list[int]) -> list[int]:
    return [int(finished(absorbed(absorbed(SEED, a), b))) >> 32 for a, b in itertools.pairwise(hashes)]


def plain_places(features: list[int]) -> list[int]:
    found = []
    for i in range(POSITIONS):
        factor = int(finished(0x5157 + 2 * i)) >> 32 | 1
        shift = int(finished(0x5158 + 2 * i)) >> 32
        least = min((f * factor + shift) % (1 << 32) for f in features)
        found.append(int(finished((least + SEED) & WORD)) >> 60)
    return found


def places(features: np.ndarray) -> list[int]:
    least, found = np.empty(POSITIONS, np.uint32), np.empty(POSITIONS, np.uint8)
    kernel.minima(features, least)
    kernel.shortened(least, found)
    return list(found.tolist())


def windows(hashes: list[int]) -> list[list[int]]:
    parts = [hashes[: kernel.LONGEST]]
    if len(hashes) > 2 * kernel.WINDOW:
        parts += [hashes[: kernel.WINDOW], hashes[-kernel.WINDOW :]]
    return parts


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, WORD), min_size=2, max_size=60))
def test_pairs_and_minima(hashes: list[int]) -> None:
    found = np.empty(len(hashes) - 1, np.uint32)
    kernel.pairs(np.array(hashes, np.uint64), found)
    assert found.tolist() == plain_pairs(hashes)
    assert places(found) == plain_places(found.tolist())
    assert places(np.unique(found)) == places(found[::-1].copy())


def test_no_feature_no_minimum() -> None:
    least = np.empty(POSITIONS, np.uint32)
    kernel.minima(np.zeros(0, np.uint32), least)
    assert (least == kernel.NONE).all()


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1 << 30))
def test_rows_against_signatures(seed: int) -> None:
    rng = np.random.default_rng(seed)
    texts = [
        " ".join(f"w{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in rng.integers(0, 90, n))
        for n in (0, 1, 2, 30, 129, 300, 1500)
    ]
    offsets, hashes = words(pa.array(texts), KEY, 1)
    own = [hashes[offsets[i] : offsets[i + 1]].tolist() for i in range(len(texts))]
    signed = [plain_places(plain_pairs(own[i])) for i in (3, 4, 5)]
    least = 12
    expected = np.zeros((len(texts), len(signed)), np.uint8)
    for row, tokens in enumerate(own):
        if len(tokens) < 2:
            continue
        for window in windows(tokens):
            found = plain_places(plain_pairs(window))
            for s, other in enumerate(signed):
                agree = sum(a == b for a, b in zip(found, other, strict=True))
                expected[row, s] = max(expected[row, s], agree if agree >= least else 0)
    at = (np.array(signed) + 16 * np.arange(POSITIONS)).T.ravel()
    order = np.argsort(at, kind="stable")
    which = np.tile(np.arange(len(signed), dtype=np.int32), POSITIONS)[order]
    starts = np.r_[0, np.cumsum(np.bincount(at, minlength=16 * POSITIONS))]
    best = np.zeros((len(texts), len(signed)), np.uint8)
    kernel.match_rows(offsets, hashes, 0, len(texts), starts, which, len(signed), least, best)
    assert (best == expected).all()
    assert best[3, 0] == best[4, 1] == POSITIONS
