"""The tables of stage 1 as arrays, and what they were before an hour H."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.detection.ledger import (
    CONTENT_KINDS,
    EXCHANGE_KINDS,
    HOUR_US,
    NOVELTY_KINDS,
    Relations,
)

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

NEVER = np.int64(1) << 40
"""An hour that no record reaches: `until` everything."""

ACCOUNT_KINDS = {
    "payment": "payment_fingerprint",
    "telephone": "phone_fingerprint",
    "mail": "email_fingerprint",
    "signup": "signup_address",
}
INFRASTRUCTURE_KINDS = (*ACCOUNT_KINDS, *EXCHANGE_KINDS)
KINDS = (*CONTENT_KINDS, *INFRASTRUCTURE_KINDS)
N_CONTENT = len(CONTENT_KINDS)
POPULAR_KINDS = ("address", "fingerprint", "client", "signup")
"""Kinds of which popular values (a carrier's address, a common browser) link nobody."""


@dataclass(frozen=True)
class Ragged:
    """Places of rows by a key: what a group needs is found without passing over everybody's rows."""

    order: Ints
    start: Ints

    @classmethod
    def of(cls, keys: Ints, size: int) -> "Ragged":
        """Index rows by key, keys from 0 to size-1."""
        return cls(np.argsort(keys, kind="stable"), np.r_[0, np.cumsum(np.bincount(keys, minlength=size))])

    def places(self, keys: Ints) -> Ints:
        """Places of all rows with one of these keys."""
        low, count = self.start[keys], self.start[keys + 1] - self.start[keys]
        if not count.sum():
            return np.zeros(0, dtype=np.int64)
        shift = np.repeat(low - np.r_[0, np.cumsum(count)[:-1]], count)
        return np.asarray(self.order[np.arange(int(count.sum())) + shift])


@dataclass(frozen=True)
class AccountFacts:
    """The accounts table as arrays by account code; unknown is -1 or the empty string."""

    ids: npt.NDArray[np.object_]
    created: Ints  # hour
    plan: npt.NDArray[np.object_]
    organisation: npt.NDArray[np.object_]
    verified: npt.NDArray[np.int8]  # 1, 0, or -1
    payment_kind: npt.NDArray[np.object_]
    known: Bools  # has a row in the accounts table
    present: frozenset[str]  # columns that the table had values in


@dataclass(frozen=True)
class Evidence:
    """Everything that the statistics read, with hours on every row."""

    accounts: AccountFacts
    ledger: dict[str, Ints]
    novelty: dict[str, tuple[Ints, Ints, Ints]]  # kind -> acc, hour, fresh
    # one row for each exchange that carries a shared text object, in order of time and event id
    ex_row: Ints
    ex_time: Ints  # microseconds
    ex_acc: Ints
    ex_hour: Ints
    ex_item: Ints  # code of the whole item, -1 where there is none
    ex_model: Ints  # place of its model in `models`
    ex_marks: Ints  # bits
    ex_tools: Ints  # tools defined: 1, 0, or -1 where not recorded
    ex_later: Ints  # not the first turn: the same
    # one row for each text object on an exchange
    tie_ex: Ints
    tie_obj: Ints
    tie_ready: Ints
    # one row for each infrastructure object of an account, first use
    link_acc: Ints
    link_obj: Ints
    link_hour: Ints
    obj_kind: Ints  # index into KINDS
    obj_value: npt.NDArray[np.object_]  # only infrastructure objects have one
    models: dict[str, tuple[Ints, Ints, Ints]]  # model -> acc, hour, n


def _codes(values: pa.ChunkedArray) -> Ints:
    encoded = values.combine_chunks().dictionary_encode()
    return np.asarray(encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64)


def _ints(table: pa.Table, name: str) -> Ints:
    column = table[name]
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    return np.asarray(pc.fill_null(column, 0).to_numpy(), dtype=np.int64)


def _account_facts(ids: pa.Table, accounts: pa.Table | None) -> AccountFacts:
    names = np.asarray(ids["account_id"].to_pylist(), dtype=object)
    n = len(names)
    blank = np.full(n, "", dtype=object)
    if accounts is None:
        unknown = np.full(n, -1, dtype=np.int64)
        return AccountFacts(
            names,
            unknown,
            blank,
            blank,
            np.full(n, -1, np.int8),
            blank,
            np.zeros(n, bool),
            frozenset(),
        )
    at = pc.index_in(ids["account_id"], value_set=accounts["account_id"].combine_chunks())
    rows = accounts.take(at.combine_chunks() if isinstance(at, pa.ChunkedArray) else at)

    def texts(name: str) -> npt.NDArray[np.object_]:
        return np.asarray(pc.fill_null(rows[name], "").to_pylist(), dtype=object)

    created_us = np.asarray(pc.fill_null(rows["created_at"].cast(pa.int64()), -1).to_numpy(), dtype=np.int64)
    present = frozenset(c for c in accounts.column_names if accounts[c].null_count < accounts.num_rows)
    return AccountFacts(
        ids=names,
        created=np.where(created_us < 0, -1, created_us // HOUR_US),
        plan=texts("plan"),
        organisation=texts("organisation"),
        verified=np.asarray(pc.fill_null(rows["verified"].cast(pa.int8()), -1).to_numpy(), dtype=np.int8),
        payment_kind=texts("payment_kind"),
        known=np.asarray(pc.is_valid(at).to_numpy(zero_copy_only=False), dtype=bool),
        present=present,
    )


def _account_links(
    facts: AccountFacts, accounts: pa.Table | None
) -> list[tuple[str, Ints, npt.NDArray[np.object_]]]:
    """(kind, account codes, values) of what two accounts or more have in common in the accounts table."""
    if accounts is None:
        return []
    code = {name: i for i, name in enumerate(facts.ids)}
    found = []
    who = accounts["account_id"].to_pylist()
    for kind, column in ACCOUNT_KINDS.items():
        values = accounts[column].to_pylist()
        pairs = sorted((v, code[a]) for a, v in zip(who, values, strict=True) if v and a in code)
        value = np.asarray([p[0] for p in pairs], dtype=object)
        acc = np.asarray([p[1] for p in pairs], dtype=np.int64)
        if len(value):
            new = np.r_[True, value[1:] != value[:-1]]
            run = np.cumsum(new) - 1
            several = np.bincount(run)[run] > 1
            found.append((kind, acc[several], value[several]))
    return found


def gather(relations: Relations, accounts: pa.Table | None) -> Evidence:
    """Turn stage 1's tables into arrays; object codes follow first use, never the keyed hashes."""
    facts = _account_facts(relations.accounts, accounts)
    ledger = {name: _ints(relations.ledger, name) for name in relations.ledger.column_names}
    novelty = {}
    for name in NOVELTY_KINDS:
        part = relations.novelty.filter(pc.equal(relations.novelty["kind"], name))
        novelty[name] = (_ints(part, "acc"), _ints(part, "hour"), _ints(part, "fresh"))

    exchanges = relations.exchanges
    ex_row = _ints(exchanges, "row")
    place = np.argsort(ex_row, kind="stable")
    content = relations.content
    tie_ex = (
        place[np.searchsorted(ex_row[place], _ints(content, "row"))] if len(ex_row) else np.zeros(0, np.int64)
    )
    kind, value, ready = _ints(content, "kind"), _ints(content, "value"), _ints(content, "ready")
    order = np.lexsort((_ints(content, "place"), kind, tie_ex))
    tie_ex, kind, value, ready = tie_ex[order], kind[order], value[order], ready[order]
    # An object's code: objects in order of their first exchange, then kind.
    by_value = np.lexsort((np.arange(len(value)), value, kind))
    if len(by_value):
        k, v = kind[by_value], value[by_value]
        starts = np.r_[True, (k[1:] != k[:-1]) | (v[1:] != v[:-1])]
        run = np.cumsum(starts) - 1
        first = by_value[starts]  # least position, since positions rise inside a run
        rank = np.empty(len(first), dtype=np.int64)
        rank[np.argsort(first, kind="stable")] = np.arange(len(first))
        tie_obj = np.empty(len(value), dtype=np.int64)
        tie_obj[by_value] = rank[run]
        obj_kind = np.empty(len(first), dtype=np.int64)
        obj_kind[rank] = kind[first]
    else:
        tie_obj, obj_kind = np.zeros(0, np.int64), np.zeros(0, np.int64)

    link_acc, link_obj, link_hour = [], [], []
    kinds, values = [obj_kind], [np.full(len(obj_kind), "", dtype=object)]
    offset = len(obj_kind)
    shared = relations.shared
    sources: list[tuple[str, Ints, npt.NDArray[np.object_], Ints]] = [
        (kind_name, acc, vals, np.where(facts.created[acc] < 0, 0, facts.created[acc]))
        for kind_name, acc, vals in _account_links(facts, accounts)
    ]
    for kind_name in EXCHANGE_KINDS:
        part = shared.filter(pc.equal(shared["kind"], kind_name)).sort_by(
            [("value", "ascending"), ("acc", "ascending")]
        )
        value_of = np.asarray(part["value"].to_pylist(), dtype=object)
        sources.append((kind_name, _ints(part, "acc"), value_of, _ints(part, "hour")))
    for kind_name, acc, vals, hour in sources:
        if not len(acc):
            continue
        new = np.r_[True, vals[1:] != vals[:-1]]
        run = np.cumsum(new) - 1
        link_acc.append(acc)
        link_obj.append(offset + run)
        link_hour.append(hour)
        kinds.append(np.full(int(new.sum()), KINDS.index(kind_name), dtype=np.int64))
        values.append(vals[new])
        offset += int(new.sum())

    def joined(parts: list[Ints]) -> Ints:
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    models = {}
    for model in sorted(set(relations.models["model"].to_pylist())):
        part = relations.models.filter(pc.equal(relations.models["model"], model))
        models[model] = (_ints(part, "acc"), _ints(part, "hour"), _ints(part, "n"))
    return Evidence(
        accounts=facts,
        ledger=ledger,
        novelty=novelty,
        ex_row=ex_row,
        ex_time=_ints(exchanges, "time"),
        ex_acc=_ints(exchanges, "acc"),
        ex_hour=_ints(exchanges, "hour"),
        ex_item=_codes(exchanges["item_hash"]),
        ex_model=np.searchsorted(list(models), exchanges["model"].to_pylist()),
        ex_marks=_ints(exchanges, "marks"),
        ex_tools=_ints(exchanges, "tools"),
        ex_later=_ints(exchanges, "later"),
        tie_ex=tie_ex,
        tie_obj=tie_obj,
        tie_ready=ready,
        link_acc=joined(link_acc),
        link_obj=joined(link_obj),
        link_hour=joined(link_hour),
        obj_kind=np.concatenate(kinds),
        obj_value=np.concatenate(values),
        models=models,
    )


@dataclass(frozen=True)
class View:
    """The evidence as it was before an hour: what `scan --until` that hour would have seen."""

    evidence: Evidence
    until: int
    active: Bools  # accounts with an exchange
    totals: dict[str, Floats]  # ledger columns summed by account; `first`, `last` in microseconds
    ledger: dict[str, Ints]  # account-hour rows
    novelty: dict[str, Floats]  # kind -> distinct values by account
    created: Ints  # hour, -1 where unknown then
    tie_ex: Ints
    tie_obj: Ints
    share_acc: Ints  # (account, text object) pairs
    share_obj: Ints
    share: Floats  # exchanges with the object as a share of the account's exchanges with text
    link_acc: Ints
    link_obj: Ints
    popularity: Ints  # accounts by object

    @cached_property
    def population(self) -> int:
        """How many accounts were active."""
        return int(self.active.sum())

    @cached_property
    def kinds_shared(self) -> frozenset[str]:
        """Kinds of which two accounts or more have the same thing. Of others nothing is known: they may not be recorded."""
        shared = self.popularity[self.link_obj] >= 2
        return frozenset(KINDS[k] for k in np.unique(self.evidence.obj_kind[self.link_obj[shared]]).tolist())

    @cached_property
    def share_by_text(self) -> Floats:
        """By text object: shares of texts that carry it, summed over accounts."""
        carried = np.bincount(self.share_obj, weights=self.share, minlength=len(self.evidence.obj_kind))
        return np.asarray(carried, dtype=np.float64)

    @cached_property
    def typical_texts(self) -> float:
        """Median number of texts of the accounts that sent any; 1 where none did."""
        texts = self.totals["texts"]
        return float(np.median(texts[texts > 0])) if (texts > 0).any() else 1.0

    @cached_property
    def texts_by_account(self) -> "Ragged":
        """Account -> places in `share_acc`, `share_obj`, `share`."""
        return Ragged.of(self.share_acc, len(self.active))

    @cached_property
    def accounts_by_text(self) -> "Ragged":
        """Text object -> places in `share_acc`, `share_obj`, `share`."""
        return Ragged.of(self.share_obj, len(self.evidence.obj_kind))

    @cached_property
    def links_by_account(self) -> "Ragged":
        """Account -> places in `link_acc`, `link_obj`."""
        return Ragged.of(self.link_acc, len(self.active))

    @cached_property
    def links_by_object(self) -> "Ragged":
        """Infrastructure object -> places in `link_acc`, `link_obj`."""
        return Ragged.of(self.link_obj, len(self.evidence.obj_kind))

    @cached_property
    def exchanges_by_text(self) -> "Ragged":
        """Text object -> places in `tie_ex`, `tie_obj`."""
        return Ragged.of(self.tie_obj, len(self.evidence.obj_kind))

    @cached_property
    def hours_by_account(self) -> "Ragged":
        """Account -> places in the ledger's columns."""
        return Ragged.of(self.ledger["acc"], len(self.active))

    def exchanges_with(self, text_objects: Ints) -> Ints:
        """Exchanges that carry any of these text objects, in rising order."""
        return np.unique(self.tie_ex[self.exchanges_by_text.places(text_objects)])

    def text_share(self, exchanges: Ints) -> tuple[Ints, Floats]:
        """(account codes, share of each one's texts that are among these exchanges); accounts with none are left out."""
        who, count = np.unique(self.evidence.ex_acc[exchanges], return_counts=True)
        return who, count / np.maximum(self.totals["texts"][who], 1)


def view(evidence: Evidence, until: int = int(NEVER)) -> View:
    """`evidence` before hour `until` (hours since the epoch, exclusive)."""
    n = len(evidence.accounts.ids)
    now = evidence.ledger["hour"] < until
    ledger = {name: column[now] for name, column in evidence.ledger.items()}
    acc = ledger["acc"]
    totals = {
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

    ready = (evidence.tie_ready < until) & (evidence.ex_hour[evidence.tie_ex] < until)
    tie_ex, tie_obj = evidence.tie_ex[ready], evidence.tie_obj[ready]
    n_obj = len(evidence.obj_kind)
    pair = evidence.ex_acc[tie_ex] * np.int64(max(n_obj, 1)) + tie_obj
    pairs, count = np.unique(pair, return_counts=True)
    share_acc, share_obj = pairs // max(n_obj, 1), pairs % max(n_obj, 1)
    share = count / np.maximum(totals["texts"][share_acc], 1)

    linked = (evidence.link_hour < until) & active[evidence.link_acc]
    link_acc, link_obj = evidence.link_acc[linked], evidence.link_obj[linked]
    popularity = np.bincount(share_obj, minlength=n_obj) + np.bincount(link_obj, minlength=n_obj)
    return View(
        evidence=evidence,
        until=until,
        active=active,
        totals=totals,
        ledger=ledger,
        novelty=novelty,
        created=created,
        tie_ex=tie_ex,
        tie_obj=tie_obj,
        share_acc=share_acc,
        share_obj=share_obj,
        share=share,
        link_acc=link_acc,
        link_obj=link_obj,
        popularity=popularity,
    )
