"""What other members shared, held against these logs: hits of their template signatures, and what a group's hits add.

Hits are no evidence of ours and make no group. They raise the Bayes factor of a group whose own evidence has two families,
by a factor that is fixed beforehand, and are said as a reason of their own.
"""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from scipy import sparse

from stillwatch.detection.case import Case, Population
from stillwatch.detection.evidence import Bools, Evidence, Ints
from stillwatch.detection.view import View
from stillwatch.records.signatures import Matcher, Shared

ONE_MEMBER, MORE_MEMBERS = 3.0, 30.0
"""Factors on the Bayes factor: what one other member shares adds the first, what two or more do the second, in all."""
COVERED = 0.5
"""Share of a group's accounts that have to carry what others shared."""
CARRIES = 0.1
"""An account carries signatures if so much of what it sent matches any of them: campaigns mix other requests in."""
RARE = 0.005
"""Of the accounts outside the group at most this share may have any exchange that matches: a popular client's template is
no corroboration. A twentieth of the group's own count is let pass, too: some of a campaign stay outside of its group."""
BESIDE = 0.05
OUTSIDE_LEAST = 100
"""With fewer accounts outside it is not known what is popular."""
COLUMNS = {"input": "input_text", "system": "system_text"}


@dataclass(frozen=True)
class Outside:
    """Exchanges that are looked at and match a signature: places in the arrays of `Evidence`, and numbers of signatures."""

    signatures: tuple[Shared, ...]
    exchange: Ints
    which: Ints
    texts: int
    """Exchanges with a text that were held against them."""

    @cached_property
    def digest(self) -> str:
        """The same for the same signatures, and for no others."""
        told = "\n".join(
            map(repr, ((s.id, str(s.signature), s.key.id, s.valid_until, s.several) for s in self.signatures))
        )
        return hashlib.blake2b(told.encode(), digest_size=16, person=b"stillwatch-signs").hexdigest()


def hold_against(
    signatures: Sequence[Shared], files: Sequence[Path], evidence: Evidence, threads: int
) -> Outside:
    """Match the texts in `files` (of `texts.SCHEMA`) that belong to exchanges of the evidence.

    An exchange at or after the time up to which a signature is valid does not match it.
    """
    matcher = Matcher([(one.signature, one.key) for one in signatures])
    order = np.argsort(evidence.ex_row, kind="stable")
    rows = evidence.ex_row[order]
    until = np.array([one.valid_until for one in signatures], np.int64)

    def of_file(file: Path) -> tuple[Ints, Ints, int]:
        places, numbers, texts = [], [], 0
        parquet = pq.ParquetFile(file)
        for group in range(parquet.num_row_groups):
            table = parquet.read_row_group(
                group, columns=["row", *(COLUMNS[p] for p in sorted(matcher.parts))]
            )
            row = table["row"].to_numpy()
            at = np.minimum(np.searchsorted(rows, row), max(len(rows) - 1, 0))
            known = rows[at] == row if len(rows) else np.zeros(len(row), bool)
            texts += int(known.sum())
            for part in sorted(matcher.parts):
                hit, which, _ = matcher.match(table[COLUMNS[part]], part)
                place = order[at[hit]]
                valid = known[hit] & (evidence.ex_time[place] < until[which])
                places.append(place[valid])
                numbers.append(which[valid])
        none = np.zeros(0, np.int64)
        return np.concatenate([none, *places]), np.concatenate([none, *numbers]), texts

    none = np.zeros(0, np.int64)
    found: list[tuple[Ints, Ints, int]] = []
    if signatures:
        with ThreadPoolExecutor(threads, thread_name_prefix="signatures") as pool:
            found = list(pool.map(of_file, files))
    exchange = np.concatenate([none, *(places for places, _, _ in found)])
    which = np.concatenate([none, *(numbers for _, numbers, _ in found)])
    order = np.lexsort((which, exchange))
    return Outside(tuple(signatures), exchange[order], which[order], sum(texts for _, _, texts in found))


@dataclass(frozen=True)
class Corroboration:
    """What others' signatures add to a group: which, how many of its firm accounts carry them, and the factor."""

    signatures: tuple[Shared, ...]
    accounts: int
    of: int
    several: bool

    @property
    def factor(self) -> float:
        """By how much the Bayes factor is raised."""
        return MORE_MEMBERS if self.several else ONE_MEMBER


@dataclass(frozen=True)
class _Carried:
    """What matched before the view's hour, in order of accounts: `start[i]` to `start[i + 1]` are those of account i."""

    any: sparse.csc_matrix
    """Accounts x signatures: who has any match."""
    start: Ints
    exchange: Ints
    which: Ints
    sent: Ints
    """Exchanges of each account."""

    def accounts(self, among: Ints, chosen: Bools) -> int:
        """How many of these accounts carry these signatures, all taken together: a campaign has several templates."""
        at = [np.arange(self.start[i], self.start[i + 1]) for i in among.tolist()]
        hit = np.concatenate([np.zeros(0, np.int64), *at])
        owner = np.repeat(among, [len(own) for own in at])
        kept = chosen[self.which[hit]]
        _, first = np.unique(self.exchange[hit[kept]], return_index=True)
        count = np.bincount(owner[kept][first], minlength=len(self.sent))[among]
        return int(((count > 0) & (count >= CARRIES * self.sent[among])).sum())


def _carried(view: View, outside: Outside) -> _Carried:
    evidence = view.evidence
    seen = view.seen[outside.exchange]
    exchange, which = outside.exchange[seen], outside.which[seen]
    acc = evidence.ex_acc[exchange]
    order = np.argsort(acc, kind="stable")
    n = len(view.active)
    hits = sparse.csc_matrix((np.ones(len(acc)), (acc, which)), shape=(n, len(outside.signatures)))
    hits.sum_duplicates()
    return _Carried(
        (hits > 0).tocsc(),
        np.searchsorted(acc[order], np.arange(n + 1)),
        exchange[order],
        which[order],
        np.bincount(evidence.ex_acc[view.seen], minlength=n),
    )


def corroboration(case: Case) -> Corroboration | None:
    """What others' signatures add to this group, if its own evidence has two families; None where they do not fit it."""
    view, population = case.view, case.population
    outside = view.evidence.outside
    if outside is None or not len(outside.exchange):
        return None
    carried = _of(population, outside)
    firm = case.group.accounts[case.group.firm]
    others = case.others
    if not len(firm) or others < OUTSIDE_LEAST:
        return None
    inside = carried.any[case.everyone_inside]
    beyond = np.asarray(carried.any[view.active].sum(axis=0)).ravel() - np.asarray(inside.sum(axis=0)).ravel()
    own = np.asarray(carried.any[firm].sum(axis=0)).ravel()
    rare = (own > 0) & (beyond <= np.maximum(RARE * others, BESIDE * own))
    several = np.array([one.several for one in outside.signatures])
    for chosen, more in ((rare & several, True), (rare, False)):
        accounts = carried.accounts(firm, chosen) if chosen.any() else 0
        if accounts >= COVERED * len(firm) and accounts:
            named = tuple(outside.signatures[i] for i in np.flatnonzero(chosen).tolist())
            return Corroboration(named, accounts, len(firm), more)
    return None


def _of(population: Population, outside: Outside) -> _Carried:
    return population.once("outside", lambda: _carried(population.view, outside))
