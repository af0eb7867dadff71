"""What somebody who holds the key of an epoch can guess from a signature, with a dictionary."""

import random
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from stillwatch.records.signatures import POSITIONS, kernel
from stillwatch.records.sketches import Key, words

KEY = Key(b"an epoch's key 2")
LEVELS = 4096
BEAM = 100
RANDOM_PAIRS = 4_000_000
U = np.uint64


@njit(nogil=True, cache=True)
def features(first, second, found):  # type: ignore[no-untyped-def]
    """Features of all pairs of a word of `first` and one of `second`, row by row."""
    for i in range(len(first)):
        for k in range(len(second)):
            found[i * len(second) + k] = kernel.pair(first[i], second[k])


@njit(nogil=True, cache=True)
def evidence(pairs, factors, shifts, places, agree, differ, seed, found):  # type: ignore[no-untyped-def]
    """For each pair the logarithm (base 2) of how much likelier the sketch is if the template has it, into `found`."""
    for p in range(len(pairs)):
        total = 0.0
        for i in range(len(places)):
            value = np.uint32(pairs[p] * factors[i] + shifts[i])
            # As `kernel.shortened` spreads a minimum.
            x = U(value) + seed
            x = (x ^ (x >> U(30))) * U(0xBF58476D1CE4E5B9)
            x = (x ^ (x >> U(27))) * U(0x94D049BB133111EB)
            x = x ^ (x >> U(31))
            level = value >> np.uint32(20)
            total += agree[level] if x >> U(60) == U(places[i]) else differ[level]
        found[p] = total


def tables(n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Evidence of one place that agrees, and of one that does not, by how small a pair's value there is.

    In a template of `n` pairs that has this one no other has a smaller value with probability (1 - u)^(n - 1), and then the
    place agrees; else it agrees one time in sixteen, as for any other pair.
    """
    u = (np.arange(LEVELS) + 0.5) / LEVELS
    least = (1 - u) ** max(n - 1, 1)
    return np.log2(1 + 15 * least), np.log2(np.maximum(1 - least, 1e-9))


class Sketch:
    """A template's sketch as the holder of the key sees it. `n`: pairs, of which the signature tells a range."""

    def __init__(self, hashes: NDArray[np.uint64]) -> None:
        own = np.empty(len(hashes) - 1, np.uint32)
        kernel.pairs(hashes, own)
        self.pairs = np.unique(own)
        self.n = len(self.pairs)
        self.places = places_of(self.pairs)
        self.agree, self.differ = tables(self.n)

    def weigh(self, pairs: NDArray[np.uint32]) -> NDArray[np.float64]:
        """Evidence in bits for each pair."""
        found = np.empty(len(pairs))
        factors, shifts = kernel._FACTORS, kernel._SHIFTS
        evidence(pairs, factors, shifts, self.places, self.agree, self.differ, kernel._SEED, found)
        return found

    def fits(self, hashes: NDArray[np.uint64]) -> int:
        """Places in which a whole guess agrees: all of them if it is right."""
        own = np.empty(len(hashes) - 1, np.uint32)
        kernel.pairs(hashes, own)
        return int((places_of(own) == self.places).sum())


def places_of(pairs: NDArray[np.uint32]) -> NDArray[np.uint8]:
    least, found = np.empty(POSITIONS, np.uint32), np.empty(POSITIONS, np.uint8)
    kernel.minima(pairs, least)
    kernel.shortened(least, found)
    return found


def all_pairs(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.uint32]:
    """Features of every pair."""
    found = np.empty(len(first) * len(second), np.uint32)
    features(first, second, found)
    return found


def recovered(
    sketch: Sketch, text: NDArray[np.uint64], at: int, unknown: int, known: NDArray[np.uint64]
) -> bool:
    """Are the `unknown` words from `at` on found, all of them exactly, by who knows the others and a dictionary?

    Word by word, the BEAM best beginnings are gone on with; of those that are left the one that agrees in most places is it.
    """
    beams = text[at - 1 : at].reshape(1, 1)
    score = np.zeros(1)
    for _ in range(unknown):
        weighed = sketch.weigh(all_pairs(beams[:, -1].copy(), known)).reshape(len(beams), len(known))
        total = (score[:, None] + weighed).ravel()
        best = np.argpartition(-total, min(BEAM, len(total) - 1))[:BEAM]
        beams = np.column_stack([beams[best // len(known)], known[best % len(known)]])
        score = total[best]
    if at + unknown < len(text):
        score = score + sketch.weigh(all_pairs(beams[:, -1].copy(), text[at + unknown : at + unknown + 1]))
    guesses = [np.r_[text[:at], beam[1:], text[at + unknown :]] for beam in beams]
    fits = np.array([sketch.fits(guess) for guess in guesses])
    chosen = guesses[int(np.lexsort((-score, -fits))[0])]
    return bool((chosen == text).all())


def frames(
    prompts: Sequence[str], dictionary: Sequence[str], length: int, count: int, seed: int
) -> list[list[str]]:
    """`count` runs of `length` words of prompts, all in the dictionary."""
    source, known = random.Random(f"{seed} {length}"), set(dictionary)
    found: list[list[str]] = []
    pool = list(prompts)
    source.shuffle(pool)
    for prompt in pool:
        said = plain(prompt)
        runs = [i for i in range(len(said) - length + 1) if known.issuperset(said[i : i + length])]
        if runs and len(found) < count:
            at = source.choice(runs)
            found.append(said[at : at + length])
    return found


def plain(text: str) -> list[str]:
    """Words of a text, of Latin letters alone."""
    return [w for w in "".join(c if c.isalpha() else " " for c in text.lower()).split() if w.isascii()]


def hashes_of(said: Sequence[str]) -> NDArray[np.uint64]:
    """Their hashes under the epoch's key."""
    return words(pa.array([" ".join(said)]), KEY, 1)[1]


def known_frame(
    pool: Sequence[Sequence[str]], dictionary: Sequence[str], unknown: Sequence[int], seed: int
) -> dict[str, dict[str, int]]:
    """By how many consecutive words are not known: templates tried, and those of which all these words were found."""
    source = random.Random(seed)
    known = hashes_of(dictionary)
    assert len(known) == len(dictionary)
    found: dict[str, dict[str, int]] = {str(u): {"tried": 0, "recovered": 0} for u in unknown}
    for said in pool:
        text = hashes_of(said)
        sketch = Sketch(text)
        for u in unknown:
            at = source.randrange(1, len(text) - u)
            found[str(u)]["tried"] += 1
            found[str(u)]["recovered"] += recovered(sketch, text, at, u, known)
    return found


def pairs_alone(pool: Sequence[Sequence[str]], sizes: Sequence[int], seed: int) -> dict[str, Any]:
    """Who knows nothing but a dictionary that has the template's words: what each of its pairs shows by itself.

    `bits`: mean evidence for a pair of the template. `found`: by size of the dictionary, how many of the n pairs
    are among the n that the sketch speaks for most, of all pairs of the dictionary's words: as many of RANDOM_PAIRS random
    ones lie above, in proportion (features of 32 bits are as good as random).
    """
    rng = np.random.default_rng(seed)
    others = rng.integers(0, 1 << 32, RANDOM_PAIRS, dtype=np.uint32)
    bits: list[float] = []
    found = dict.fromkeys(map(str, sizes), 0)
    for said in pool:
        sketch = Sketch(hashes_of(said))
        own = sketch.weigh(sketch.pairs)
        above = np.searchsorted(-np.sort(sketch.weigh(others))[::-1], -own)
        for size in sizes:
            found[str(size)] += int((above * (size * size / RANDOM_PAIRS) < sketch.n).sum())
        bits += own.tolist()
    return {
        "templates": len(pool),
        "pairs": len(bits),
        "bits": round(float(np.mean(bits)), 2),
        "found": found,
    }


def rate(seed: int) -> dict[str, float]:
    """Pairs that are weighed, and whole guesses of 20 words that are made and compared, per second on one thread."""
    rng = np.random.default_rng(seed)
    sketch = Sketch(rng.integers(0, 1 << 63, 20, dtype=np.uint64))
    pairs = rng.integers(0, 1 << 32, 1_000_000, dtype=np.uint32)
    sketch.weigh(pairs[:10])
    begin = time.perf_counter()
    sketch.weigh(pairs)
    weighed = len(pairs) / (time.perf_counter() - begin)
    guesses: list[Any] = [rng.integers(0, 1 << 63, 20, dtype=np.uint64) for _ in range(20_000)]
    begin = time.perf_counter()
    for guess in guesses:
        sketch.fits(guess)
    return {
        "pairs_per_second": round(weighed),
        "whole_guesses_per_second": round(len(guesses) / (time.perf_counter() - begin)),
    }
