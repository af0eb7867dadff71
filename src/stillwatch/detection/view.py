"""The evidence as it was before an hour: what a scan of everything before it would have seen."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numba import njit

from stillwatch.detection.evidence import KINDS, Bools, Evidence, Floats, Ints, Ragged, Runs
from stillwatch.detection.sampling import EVERY, luck_limit

NEVER = np.int64(1) << 40
"""An hour that no record reaches: `until` everything."""


@njit(nogil=True, cache=True)
def _pairs(ex_start, seen, tie_start, tie_obj, ready, until, ex_text, keys, texts, carrying):  # type: ignore[no-untyped-def]
    """Of each account: its (object, half) pairs in rising order, repeats included, into `keys`; returns where each begins.

    An account's exchanges that carry an object are dealt out to two halves in turn, in order of time.
    """
    n = len(ex_start) - 1
    start = np.zeros(n + 1, np.int64)
    at = 0
    for a in range(n):
        start[a] = at
        turn = 0
        for i in range(ex_start[a], ex_start[a + 1]):
            if not seen[i]:
                continue
            texts[a] += ex_text[i]
            before = at
            for t in range(tie_start[i], tie_start[i + 1]):
                o = tie_obj[t]
                if ready[o] < until:
                    keys[at] = (o << 1) | turn
                    at += 1
            if at > before:
                turn = 1 - turn
                carrying[a] += 1
        keys[start[a] : at].sort()
    start[n] = at
    return start


@njit(nogil=True, cache=True)
def _counted(start, keys, own, obj, count, first):  # type: ignore[no-untyped-def]
    """Pairs of an account and an object: how many exchanges carry it, and how many of these are in the first half.

    Counts alone where the arrays are empty. Returns how many pairs there are.
    """
    at = 0
    for a in range(len(start) - 1):
        own[a] = at
        i = start[a]
        while i < start[a + 1]:
            o, n, odd = keys[i] >> 1, 0, 0
            while i < start[a + 1] and keys[i] >> 1 == o:
                odd += keys[i] & 1
                n += 1
                i += 1
            if len(obj):
                obj[at], count[at], first[at] = o, n, n - odd
            at += 1
    own[len(start) - 1] = at
    return at


@njit(nogil=True, cache=True)
def _weighed(start, exchanges, seen, objects, weight, alone, score):  # type: ignore[no-untyped-def]
    """(Exchanges seen that carry any of these objects, sum of the weights of those that each carries), in no order.

    Of objects that count `alone` only the weightiest, which have to come first. `score`: zeros, one for each exchange.
    """
    found, most = 0, 0
    for o in objects:
        most += start[o + 1] - start[o]
    touched = np.empty(min(most, len(score)), np.int64)
    for k in range(len(objects)):
        for at in range(start[objects[k]], start[objects[k] + 1]):
            e = exchanges[at]
            if not seen[e]:
                continue
            if score[e] == 0.0:
                touched[found] = e
                found += 1
            if alone[k]:
                score[e] = max(score[e], weight[k])
            else:
                score[e] += weight[k]
    total = np.empty(found)
    for i in range(found):
        total[i] = score[touched[i]]
        score[touched[i]] = 0.0
    return touched[:found], total


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
    def all_texts(self) -> float:
        """Exchanges with a text among those seen, of all accounts."""
        return float(self.texts.sum())

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

    @property
    def share_acc(self) -> Ints:
        """Along the pairs: their accounts."""
        return np.repeat(np.arange(len(self.active), dtype=np.int32), np.diff(self.share_start))

    def share(self, accounts: Ints, places: Ints) -> Floats:
        """Of pairs at these places, of these accounts: the share of the account's texts that carry the object."""
        return np.asarray(self.share_count[places] / np.maximum(self.texts[accounts], 1))

    @cached_property
    def share_by_text(self) -> Floats:
        """By text object: shares of texts that carry it, summed over accounts."""
        acc = self.share_acc
        shares = self.share_count / np.maximum(self.texts, 1)[acc]
        carried = np.bincount(self.share_obj, weights=shares, minlength=len(self.evidence.obj_kind))
        return np.asarray(carried, dtype=np.float64)

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

    def carriers(self, text_objects: Ints) -> tuple[Ints, Ints]:
        """(exchanges, which of these text objects each carries), once for each of both, object by object."""
        known = np.flatnonzero(self.evidence.obj_ready[text_objects] < self.until)
        exchanges, which = self.evidence.exchanges_by_text.of_objects(text_objects[known])
        now = self.seen[exchanges]
        return exchanges[now], known[which[now]]

    @cached_property
    def _scores(self) -> Floats:
        """By exchange, zero between uses."""
        return np.zeros(len(self.seen))

    def weighed(self, text_objects: Ints, weight: Floats, alone: Bools, least: float) -> tuple[Ints, Floats]:
        """(Exchanges, rising; sums to nine digits of the positive weights of these text objects on each), from `least` on.

        Of those objects that count `alone` only the weightiest on the exchange is in the sum.
        """
        order = np.lexsort((text_objects, ~alone))
        order = order[self.evidence.obj_ready[text_objects[order]] < self.until]
        posted = self.evidence.exchanges_by_text
        exchanges, total = _weighed(
            posted.start,
            posted.exchanges,
            self.seen,
            text_objects[order],
            weight[order],
            alone[order],
            self._scores,
        )
        total = np.round(total, 9)
        enough = total >= least
        exchanges, total = exchanges[enough], total[enough]
        rising = np.argsort(exchanges)
        return exchanges[rising], total[rising]

    def exchanges_with(self, text_objects: Ints) -> Ints:
        """Exchanges that carry any of these text objects, in rising order."""
        return np.unique(self.carriers(text_objects)[0])

    def holders(self, text_objects: Ints) -> tuple[Ints, Ints]:
        """(account codes, which of these text objects each sent), once for each of both, object by object."""
        exchanges, which = self.carriers(text_objects)
        n = len(self.active)
        cells = np.unique(which * n + self.evidence.ex_acc[exchanges])
        return cells % n, cells // n

    def exchanges_of(self, accounts: Ints) -> Ints:
        """Exchanges of these accounts that are seen, account by account."""
        exchanges = Runs(self.evidence.ex_start).places(accounts)
        return exchanges[self.seen[exchanges]]

    def objects_of(self, exchanges: Ints) -> tuple[Ints, Ints]:
        """(exchange, text object) for everything that these exchanges carry, exchange by exchange."""
        places, count = Runs(self.evidence.tie_start).both(exchanges)
        objects = self.evidence.tie_obj[places]
        known = self.evidence.obj_ready[objects] < self.until
        return np.repeat(exchanges, count)[known], objects[known]

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
    texts, carrying = np.zeros(n), np.zeros(n)
    keys = np.empty(len(evidence.tie_obj), np.int32)
    start = _pairs(
        evidence.ex_start, seen, evidence.tie_start, evidence.tie_obj, evidence.obj_ready, until, evidence.ex_text,
        keys, texts, carrying,
    )  # fmt: skip
    share_start = np.empty(n + 1, np.int64)
    none = np.empty(0, np.int32)
    size = _counted(start, keys, share_start, none, none, none)
    share_obj, share_count, share_first = (np.empty(size, np.int32) for _ in range(3))
    _counted(start, keys, share_start, share_obj, share_count, share_first)

    linked = (evidence.link_hour < until) & active[evidence.link_acc]
    link_acc, link_obj = evidence.link_acc[linked], evidence.link_obj[linked]
    popularity = np.bincount(share_obj, minlength=n_obj) + np.bincount(link_obj, minlength=n_obj)
    return View(
        evidence=evidence,
        until=until,
        active=active,
        totals=totals,
        ledger={name: ledger[name] for name in ("acc", "hour", "n", "blocked")},
        novelty=novelty,
        created=created,
        seen=seen,
        texts=texts,
        carrying=carrying,
        share_start=share_start,
        share_obj=share_obj,
        share_count=share_count,
        share_first=share_first,
        link_acc=link_acc,
        link_obj=link_obj,
        popularity=popularity,
    )
