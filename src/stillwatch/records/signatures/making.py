"""Signatures made from texts of a template: what most of them carry, of enough accounts, and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from stillwatch.records.signatures import kernel
from stillwatch.records.signatures.form import LEAST_PAIRS, POSITIONS, Signature, bucket, packed
from stillwatch.records.sketches import Key, words

ACCOUNTS = 5
"""k: a pair of words is taken only if texts of so many accounts carry it. The disclosure rules ask for no fewer."""
CONSTANT = 0.8
"""What this share of texts carries, each account counting alike, is constant: the rest is in slots."""
LIKE = 0.2
"""Jaccard likeness, estimated, from which two texts may be of one template: half of their words may differ."""
HOLDS = 0.6
"""A text of a template carries so much of what is constant in it."""
LOOKED_AT = 512
"""Texts among which templates are sought."""
MOST = 8
"""Templates of a group."""
PASSES = 3


@dataclass(frozen=True)
class Made:
    """A signature, and of how many accounts and texts it is; or why there is none."""

    signature: Signature | None
    accounts: int
    texts: int
    why_not: str | None = None


@dataclass(frozen=True)
class _Features:
    """Sets of features of texts, equal texts of an account once, in an order that does not depend on theirs."""

    sets: list[NDArray[np.uint32]]
    account: NDArray[np.int64]
    minima: NDArray[np.uint32]

    @classmethod
    def of(cls, texts: Sequence[str], accounts: Sequence[str], key: Key) -> "_Features":
        if len(texts) != len(accounts):
            raise ValueError(f"{len(texts)} texts of {len(accounts)} accounts")
        distinct = sorted(set(zip(accounts, texts, strict=True)))
        names = sorted(set(accounts))
        offsets, hashes = words(pa.array([text for _, text in distinct], pa.large_string()), key, 1)
        sets, kept = [], []
        for i in range(len(distinct)):
            own = hashes[offsets[i] : offsets[i + 1]]
            if len(own) < 2:
                continue
            found = np.empty(len(own) - 1, np.uint32)
            kernel.pairs(own, found)
            sets.append(np.unique(found))
            kept.append(distinct[i][0])
        least = np.empty((len(sets), POSITIONS), np.uint32)
        for i, one in enumerate(sets):
            kernel.minima(one, least[i])
        place = {name: number for number, name in enumerate(names)}
        return cls(sets, np.array([place[name] for name in kept], np.int64), least)

    def constant(self, chosen: NDArray[np.int64], k: int) -> NDArray[np.uint32]:
        """Features that `CONSTANT` of these texts carry, each account counting alike, and at least `k` accounts."""
        if not len(chosen):
            return np.zeros(0, np.uint32)
        sizes = np.array([len(self.sets[i]) for i in chosen])
        account = np.unique(self.account[chosen], return_inverse=True)[1]
        weight = 1 / np.bincount(account)[account]
        values, at = np.unique(np.concatenate([self.sets[i] for i in chosen]), return_inverse=True)
        share = np.bincount(at, np.repeat(weight, sizes)) / (account.max() + 1)
        both = np.unique(at * (account.max() + 1) + np.repeat(account, sizes))
        of_accounts = np.bincount(both // (account.max() + 1), minlength=len(values))
        return np.asarray(values[(np.round(share, 9) >= CONSTANT) & (of_accounts >= k)])

    def holding(self, features: NDArray[np.uint32], among: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those texts that carry `HOLDS` of these features."""
        held = [np.isin(features, self.sets[i], assume_unique=True).mean() >= HOLDS for i in among]
        return np.asarray(among[np.array(held, bool)])

    def accounts(self, chosen: NDArray[np.int64]) -> int:
        """How many accounts sent these texts."""
        return len(np.unique(self.account[chosen]))


def _signed(features: NDArray[np.uint32], epoch: int, part: str) -> Signature:
    least, places = np.empty(POSITIONS, np.uint32), np.empty(POSITIONS, np.uint8)
    kernel.minima(features, least)
    kernel.shortened(least, places)
    return Signature(epoch, part, bucket(len(features)), packed(places))


def _made(found: _Features, chosen: NDArray[np.int64], epoch: int, part: str, k: int) -> Made:
    accounts = found.accounts(chosen)
    if accounts < k:
        return Made(None, accounts, len(chosen), f"texts of {accounts} accounts, {k} are the least")
    features = found.constant(chosen, k)
    if len(features) < LEAST_PAIRS:
        return Made(
            None,
            accounts,
            len(chosen),
            f"{len(features)} pairs of words are the same in most texts, {LEAST_PAIRS} are the least",
        )
    return Made(_signed(features, epoch, part), accounts, len(chosen))


def make(
    texts: Sequence[str], accounts: Sequence[str], key: Key, *, epoch: int, part: str, k: int = ACCOUNTS
) -> Made:
    """A signature of the one template that all these texts are of, in any order; `accounts`: who sent each."""
    found = _Features.of(texts, accounts, key)
    return _made(found, np.arange(len(found.sets)), epoch, part, k)


def make_several(
    texts: Sequence[str], accounts: Sequence[str], key: Key, *, epoch: int, part: str, k: int = ACCOUNTS
) -> list[Made]:
    """Signatures of the templates among these texts, those of the most accounts first; or one entry that says why not.

    The text that is like texts of the most accounts stands for a template; what is constant in those that are like it
    tells which of all texts are of it; they are taken away, and so on, up to `MOST` times.
    """
    found = _Features.of(texts, accounts, key)
    left = np.arange(len(found.sets))
    made: list[Made] = []
    refused: list[Made] = []
    # Some of the texts, spread over the accounts, which they lie in order of.
    while len(left) and len(made) < MOST and len(refused) < MOST:
        some = left[np.linspace(0, len(left) - 1, min(len(left), LOOKED_AT)).astype(np.int64)]
        like = np.array([(found.minima[some] == found.minima[i]).mean(axis=1) >= LIKE for i in some])
        reach = np.array([found.accounts(some[row]) for row in like])
        size = like.sum(axis=1)
        best = int(np.lexsort((found.minima[some, 0], -size, -reach))[0])
        chosen = some[like[best]]
        if found.accounts(chosen) < k:
            refused.append(_made(found, chosen, epoch, part, k))
            break
        for _ in range(PASSES):
            features = found.constant(chosen, k)
            again = found.holding(features, left) if len(features) else chosen
            if np.array_equal(again, chosen):
                break
            chosen = again
        one = _made(found, chosen, epoch, part, k)
        (refused if one.signature is None else made).append(one)
        taken = chosen if len(chosen) else some[like[best]]
        left = np.setdiff1d(left, np.union1d(taken, some[like[best]]))
    if made:
        return made
    return refused[:1] or [Made(None, 0, 0, "no text of two words or more")]
