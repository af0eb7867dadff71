"""A neighbour: maximum mean discrepancy of an account's window of requests from benign traffic, in our own words.

After "An Embarrassingly Simple Detector for Model Extraction Attacks in Large Language Model API Traffic"
(arXiv 2606.05725, 2026): embed requests, compare a window's distribution with a benign reference by MMD with a Gaussian
kernel, and set the threshold by benign windows alone. Two things differ. The paper embeds with a trained encoder,
which would have to be downloaded; here texts are signed feature hashes of word 1- and 2-grams. And its windows are of one
size (1,500 requests in its repository's examples); accounts have few requests, so thresholds go by the size of the window.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import HashingVectorizer

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DIMENSIONS = 256
# Words; scripts without spaces go by the letter. Marks of vowels are part of a word, which \w leaves out.
WORDS = r"[\u3040-\u30ff\u3400-\u9fff]|[^\s\u3040-\u30ff\u3400-\u9fff.,;:!?()\[\]{}\"'。、，？！「」؟،।]+"
BLOCK = 8192  # rows compared with the reference at once


def embed(texts: list[str]) -> Floats:
    """One row of `DIMENSIONS` for each text: signed hashes of word 1- and 2-grams, of length 1 (Weinberger et al. 2009)."""
    hashing = HashingVectorizer(n_features=DIMENSIONS, ngram_range=(1, 2), norm="l2", token_pattern=WORDS)
    return np.asarray(hashing.transform(texts).toarray(), dtype=np.float64)


@dataclass(frozen=True)
class Reference:
    """Benign requests that windows are compared with."""

    points: Floats
    gamma: float  # the kernel is exp(-gamma |x - y|^2)
    within: float  # mean kernel of two different reference points

    @classmethod
    def of(cls, points: Floats) -> "Reference":
        """With the median heuristic: gamma = 1 / median squared distance (Gretton et al., JMLR 13, 2012, section 8)."""
        squared = _squared(points, points)
        apart = ~np.eye(len(points), dtype=bool)
        gamma = 1.0 / float(np.median(squared[apart]))
        return cls(points, gamma, float(np.exp(-gamma * squared[apart]).mean()))

    def nearness(self, points: Floats) -> Floats:
        """Mean kernel of each point with the reference."""
        parts = [
            np.exp(-self.gamma * _squared(points[i : i + BLOCK], self.points)).mean(axis=1)
            for i in range(0, len(points), BLOCK)
        ]
        return np.concatenate(parts) if parts else np.zeros(0)

    def discrepancy(self, window: Floats, nearness: Floats) -> float:
        """Unbiased MMD^2 (Gretton et al., equation 3) of a window of two points or more; `nearness` of its points."""
        m = len(window)
        kernel = np.exp(-self.gamma * _squared(window, window))
        own = (kernel.sum() - np.trace(kernel)) / (m * (m - 1))
        return float(own + self.within - 2 * nearness.mean())


def _squared(a: Floats, b: Floats) -> Floats:
    """Squared distances of all rows of `a` to all rows of `b`."""
    found: Any = (a * a).sum(1)[:, None] + (b * b).sum(1)[None, :] - 2 * a @ b.T
    return np.asarray(np.maximum(found, 0.0))


@dataclass(frozen=True)
class Thresholds:
    """From which statistic on a window is flagged, by its size: `limits[i]` for sizes from `sizes[i]` on."""

    sizes: Ints
    limits: Floats

    def exceed(self, sizes: Ints, statistics: Floats) -> Floats:
        """How far each window is above its limit (flagged when above 0)."""
        at = np.clip(np.searchsorted(self.sizes, sizes, side="right") - 1, 0, None)
        return np.asarray(statistics - self.limits[at])


def calibrate(sizes: Ints, statistics: Floats, rate: float) -> Thresholds:
    """Thresholds that benign windows exceed at this rate at most, for sizes with enough windows to say so.

    A new benign window is above the k-th largest of n others with probability k / (n + 1), if it is one of their kind;
    so k is rate * (n + 1), rounded down, and a bin of sizes needs 1 / rate windows. Bins are filled from the smallest size
    on; what is left joins the last. With fewer windows in all nothing is ever flagged (the limit is infinite).
    """
    least = int(np.ceil(1 / rate))
    order = np.argsort(sizes, kind="stable")
    known, counts = np.unique(sizes, return_counts=True)
    begins, held = [0], 0
    for size, count in zip(known.tolist(), counts.tolist(), strict=True):
        if held >= least:
            begins.append(size)
            held = 0
        held += count
    if held < least and len(begins) > 1:
        begins.pop()
    ordered_sizes, ordered = sizes[order], statistics[order]
    edges = [int(np.searchsorted(ordered_sizes, b)) for b in begins] + [len(ordered)]
    limits = []
    for low, high in pairwise(edges):
        k = int(rate * (high - low + 1))
        limits.append(float(np.sort(ordered[low:high])[-k]) if k else np.inf)
    return Thresholds(np.array(begins, np.int64), np.array(limits))
