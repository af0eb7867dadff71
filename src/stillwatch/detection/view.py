"""The evidence as it was before an hour: what a scan of everything before it would have seen."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from numba import njit

from stillwatch.detection.drawn import Drawn
from stillwatch.detection.evidence import KINDS, Bools, Evidence, Floats, Ints, Ragged, Runs, counts
from stillwatch.detection.sampling import EVERY, luck_limit
from stillwatch.detection.sent_objects import Sent

NEVER = np.int64(1) << 40
"""An hour that no record reaches: `until` everything."""


@njit(nogil=True, cache=True)
def _shares(start, obj, count, texts, found):  # type: ignore[no-untyped-def]
    """Add up shares of accounts' texts by object."""
    for a in range(len(start) - 1):
        for i in range(start[a], start[a + 1]):
            found[obj[i]] += count[i] / texts[a]


@njit(nogil=True, cache=True)
def _weighed(accounts, ex_start, seen, tie_start, tie_obj, marks, worth, alone, least):  # type: ignore[no-untyped-def]
    """(Exchanges seen of these accounts, sum of `worth` of the objects that each carries), from `least` on.

    `worth` and `alone`: by object; of those that count alone only the weightiest is in the sum. `marks`: by object a bit,
    set where it is worth anything: these stay in the processor's cache, where few objects are.
    """
    most = 0
    for a in accounts:
        most += ex_start[a + 1] - ex_start[a]
    exchanges, total = np.empty(most, np.int64), np.empty(most)
    found = 0
    for a in accounts:
        for e in range(ex_start[a], ex_start[a + 1]):
            if not seen[e]:
                continue
            best, added = 0.0, 0.0
            for t in range(tie_start[e], tie_start[e + 1]):
                o = tie_obj[t]
                if not (marks[o >> 6] >> np.uint64(o & 63)) & np.uint64(1):
                    continue
                if alone[o]:
                    best = max(best, worth[o])
                else:
                    added += worth[o]
            if best + added >= least:
                exchanges[found], total[found] = e, best + added
                found += 1
    return exchanges[:found], total[:found]


@njit(nogil=True, cache=True)
def _summed(accounts, start, obj, count, texts, total, held):  # type: ignore[no-untyped-def]
    """Objects of these accounts, rising, sums of their shares of texts, and how many of the accounts sent each.

    `total`, `held`: zeros by object, and zeros again afterwards.
    """
    size = 0
    for a in accounts:
        size += start[a + 1] - start[a]
    touched = np.empty(min(size, len(total)), np.int64)
    n = 0
    for a in accounts:
        for place in range(start[a], start[a + 1]):
            o = obj[place]
            if held[o] == 0:
                touched[n] = o
                n += 1
            held[o] += 1
            total[o] += count[place] / max(texts[a], 1.0)
    objects = np.sort(touched[:n])
    shares, holders = np.empty(n), np.empty(n, np.int64)
    for k in range(n):
        shares[k], holders[k] = total[objects[k]], held[objects[k]]
        total[objects[k]], held[objects[k]] = 0.0, 0
    return objects, shares, holders


@njit(nogil=True, cache=True)
def _several(exchanges, tie_start, tie_obj, counted, least):  # type: ignore[no-untyped-def]
    """Along these exchanges: are so many of the objects that each carries among those counted (by object)?"""
    found = np.zeros(len(exchanges), np.bool_)
    for i in range(len(exchanges)):
        n = 0
        for t in range(tie_start[exchanges[i]], tie_start[exchanges[i] + 1]):
            n += counted[tie_obj[t]]
        found[i] = n >= least
    return found


@njit(nogil=True, cache=True)
def _mark(objects, marks):  # type: ignore[no-untyped-def]
    """Turn the bits of these objects."""
    for o in objects:
        marks[o >> 6] ^= np.uint64(1) << np.uint64(o & 63)


@dataclass(frozen=True)
class View:
    """The evidence before an hour.

    Of an account with more exchanges than are looked at one by one, `seen` holds a sample that stands for all of them.
    """

    evidence: Evidence
    until: int
    active: Bools  # accounts with an exchange
    totals: dict[str, Floats]  # ledger columns summed by account; `first`, `last` in microseconds
    ledger: dict[str, Ints]  # account-hour rows, in order of account and hour: acc, hour, n, blocked
    novelty: dict[str, Floats]  # kind -> distinct values by account
    created: Ints  # hour, -1 where unknown then
    seen: Bools  # along the evidence's exchanges: before the hour, and in the sample
    texts: Floats  # by account: exchanges with a text among those seen
    carrying: Floats  # by account: those among these that carry a text object
    share_start: (
        Ints  # by account: its pairs with text objects are from here to where the next account's begin
    )
    share_obj: Ints  # rising for each account
    share_count: Ints  # exchanges of the account that carry the object
    share_first: Ints  # the same among the first half of its exchanges
    link_acc: Ints
    link_obj: Ints
    popularity: Ints  # accounts by object

    @cached_property
    def population(self) -> int:
        """How many accounts were active."""
        return int(self.active.sum())

    @cached_property
    def stands_for(self) -> Floats:
        """By account: how many of its exchanges one stands for that is seen; 1 where all are."""
        return np.asarray(np.maximum(self.totals["texts"] / np.maximum(self.texts, 1), 1.0))

    @cached_property
    def kinds_shown(self) -> frozenset[str]:
        """Kinds of what accounts showed of which anybody showed one."""
        return frozenset(kind for kind, values in self.novelty.items() if values.any())

    @cached_property
    def kinds_shared(self) -> frozenset[str]:
        """Kinds of which two accounts or more have the same thing. Of others nothing is known: they may not be recorded."""
        shared = self.popularity[self.link_obj] >= 2
        return frozenset(KINDS[k] for k in np.unique(self.evidence.obj_kind[self.link_obj[shared]]).tolist())

    def share(self, accounts: Ints, places: Ints) -> Floats:
        """Of pairs at these places, of these accounts: the share of the account's texts that carry the object."""
        return np.asarray(self.share_count[places] / np.maximum(self.texts[accounts], 1))

    @cached_property
    def share_by_text(self) -> Floats:
        """By text object: shares of texts that carry it, summed over accounts."""
        found = np.zeros(len(self.evidence.obj_kind))
        _shares(self.share_start, self.share_obj, self.share_count, np.maximum(self.texts, 1), found)
        return found

    @cached_property
    def _sums(self) -> tuple[Floats, Ints]:
        """By object, zero between uses: a sum, and a count."""
        n = len(self.evidence.obj_kind)
        return np.zeros(n), np.zeros(n, np.int32)

    def shares_of(self, accounts: Ints) -> tuple[Ints, Floats, Ints]:
        """(text objects of these accounts, rising; share of texts with each, summed over them; how many of them send it)."""
        objects, shares, holders = _summed(
            accounts.astype(np.int64),
            self.share_start,
            self.share_obj,
            self.share_count,
            self.texts,
            *self._sums,
        )
        return objects, shares, holders

    @cached_property
    def typical_texts(self) -> float:
        """Median number of texts of the accounts that sent any; 1 where none did."""
        texts = self.texts
        return float(np.median(texts[texts > 0])) if (texts > 0).any() else 1.0

    @cached_property
    def texts_by_account(self) -> Runs:
        """Account -> places in `share_obj`, `share_count`, `share_first`."""
        return Runs(self.share_start)

    @cached_property
    def links_by_account(self) -> Ragged:
        """Account -> places in `link_acc`, `link_obj`."""
        return Ragged.of(self.link_acc, len(self.active))

    @cached_property
    def links_by_object(self) -> Ragged:
        """Infrastructure object -> places in `link_acc`, `link_obj`."""
        return Ragged.of(self.link_obj, len(self.evidence.obj_kind))

    @cached_property
    def hours_by_account(self) -> Runs:
        """Account -> places in the ledger's columns."""
        return Runs.of(self.ledger["acc"], len(self.active))

    @cached_property
    def _worth(self) -> tuple[npt.NDArray[np.uint64], Floats, Bools]:
        """By object: a bit where it is a mark, none between uses; of marks the weight, and whether each counts alone."""
        n = len(self.evidence.obj_kind)
        return np.zeros((n >> 6) + 1, np.uint64), np.zeros(n), np.zeros(n, dtype=bool)

    def weighed(
        self, accounts: Ints, text_objects: Ints, weight: Floats, alone: Bools, least: float
    ) -> tuple[Ints, Floats]:
        """(Exchanges of these accounts, sum to nine digits of the weights of these text objects on each), from `least` on.

        Accounts and with them exchanges are rising, weights and `least` positive, and no object is there twice. Of those
        objects that count `alone` only the weightiest on the exchange is in the sum.
        """
        evidence = self.evidence
        ready = text_objects[evidence.obj_ready[text_objects] < self.until]
        marks, worth, single = self._worth
        _mark(ready, marks)
        worth[text_objects], single[text_objects] = weight, alone
        exchanges, total = _weighed(
            accounts.astype(np.int64), evidence.ex_start, self.seen, evidence.tie_start, evidence.tie_obj,
            marks, worth, single, least - 1e-6,
        )  # fmt: skip
        _mark(ready, marks)
        total = np.round(total, 9)
        enough = total >= least
        return exchanges[enough], total[enough]

    def settle(self) -> None:
        """Make what every group asks for, before processes are copied that would each make it for themselves."""
        for name in ("share_by_text", "drawn", "links_by_account", "links_by_object"):
            getattr(self, name)

    @cached_property
    def drawn(self) -> Drawn:
        """Some of those that sent texts, who stand for everybody."""
        evidence = self.evidence
        objects = len(evidence.obj_kind)
        return Drawn.of(
            self.texts, evidence.ex_start, self.seen, evidence.tie_start, evidence.tie_obj, objects
        )

    def exchanges_with(self, text_objects: Ints, accounts: Ints) -> Ints:
        """Exchanges of these accounts that carry any of these text objects; both rising."""
        same = np.ones(len(text_objects))
        return self.weighed(accounts, text_objects, same, same > 1, 1.0)[0]

    def objects_of(self, exchanges: Ints) -> tuple[Ints, Ints]:
        """(exchange, text object) for everything that these exchanges carry, exchange by exchange."""
        places, count = Runs(self.evidence.tie_start).both(exchanges)
        objects = self.evidence.tie_obj[places]
        known = self.evidence.obj_ready[objects] < self.until
        return np.repeat(exchanges, count)[known], objects[known]

    def carrying_several(self, exchanges: Ints, kind: str, least: int) -> Ints:
        """Those of these exchanges that carry so many text objects of a kind, or more."""
        evidence = self.evidence
        counted = (evidence.obj_kind == KINDS.index(kind)) & (evidence.obj_ready < self.until)
        enough: Bools = _several(exchanges, evidence.tie_start, evidence.tie_obj, counted, least)
        return exchanges[enough]

    def text_share(self, exchanges: Ints) -> tuple[Ints, Floats]:
        """(account codes, share of each one's texts that are among these exchanges); accounts with none are left out."""
        who, count = np.unique(self.evidence.ex_acc[exchanges], return_counts=True)
        return who, count / np.maximum(self.texts[who], 1)


def view(evidence: Evidence, until: int = int(NEVER)) -> View:
    """`evidence` before hour `until` (hours since the epoch, exclusive)."""
    n = len(evidence.accounts.ids)
    ledger = evidence.ledger
    if int(ledger["hour"].max(initial=-1)) >= until:
        now = np.flatnonzero(ledger["hour"] < until)
        ledger = {name: column[now] for name, column in ledger.items()}
    acc = ledger["acc"]
    totals: dict[str, Floats] = {
        name: np.bincount(acc, weights=column, minlength=n).astype(np.float64)
        for name, column in ledger.items()
        if name not in ("acc", "hour", "first", "last")
    }
    first, last = np.full(n, np.iinfo(np.int64).max), np.zeros(n, np.int64)
    np.minimum.at(first, acc, ledger["first"])
    np.maximum.at(last, acc, ledger["last"])
    totals["first"], totals["last"] = first.astype(np.float64), last.astype(np.float64)
    active = totals["n"] > 0
    novelty = {
        kind: np.bincount(who[hour < until], weights=fresh[hour < until], minlength=n).astype(np.float64)
        for kind, (who, hour, fresh) in evidence.novelty.items()
    }
    created = evidence.accounts.created
    created = np.where(created < until, created, -1)

    limit = luck_limit(totals["n"].astype(np.int64), evidence.looked_at)
    seen = evidence.ex_hour < until
    if (limit < EVERY).any():
        seen &= evidence.ex_luck < limit[evidence.ex_acc]
    n_obj = len(evidence.obj_kind)
    sent = Sent.of(evidence, seen, until)
    linked = (evidence.link_hour < until) & active[evidence.link_acc]
    link_acc, link_obj = evidence.link_acc[linked], evidence.link_obj[linked]
    popularity = counts(sent.obj, n_obj) + counts(link_obj, n_obj)
    return View(
        evidence=evidence,
        until=until,
        active=active,
        totals=totals,
        ledger={name: ledger[name] for name in ("acc", "hour", "n", "blocked")},
        novelty=novelty,
        created=created,
        seen=seen,
        texts=sent.texts,
        carrying=sent.carrying,
        share_start=sent.start,
        share_obj=sent.obj,
        share_count=sent.count,
        share_first=sent.first,
        link_acc=link_acc,
        link_obj=link_obj,
        popularity=popularity,
    )
