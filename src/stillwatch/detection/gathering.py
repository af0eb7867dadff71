"""Stage 1's tables as the arrays of `Evidence`; object codes follow first use, never the keyed hashes."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from stillwatch.detection.column import narrow
from stillwatch.detection.evidence import (
    ACCOUNT_KINDS,
    KINDS,
    AccountFacts,
    Bools,
    Evidence,
    Ints,
    starts,
)
from stillwatch.detection.intake import HOUR_US
from stillwatch.detection.ledger import EXCHANGE_KINDS, NOVELTY_KINDS, Exchanges, Relations
from stillwatch.detection.settings import Settings
from stillwatch.detection.threads import in_pieces

Number = TypeVar("Number", bound=np.generic)
AT_ONCE = 1 << 6
"""Lists that are looked for at once."""


def _ints(table: pa.Table, name: str) -> Ints:
    """A column of whole numbers or times (as microseconds), of the width that it has; 0 for null."""
    column = table[name]
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    if column.null_count:
        column = pc.fill_null(column, 0)
    return np.ascontiguousarray(column.to_numpy())


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
    found = []
    who = pc.index_in(accounts["account_id"], value_set=pa.array(facts.ids, accounts["account_id"].type))
    for kind, column in ACCOUNT_KINDS.items():
        values = accounts[column]
        given = pc.and_kleene(pc.is_valid(who), pc.not_equal(values, ""))
        pairs = pa.table({"acc": who, "value": values}).filter(given)
        if not pairs.num_rows:
            continue
        times = pairs.group_by("value").aggregate([("acc", "count")])
        several = times.filter(pc.greater(times["acc_count"], 1))["value"].combine_chunks()
        pairs = pairs.filter(pc.is_in(pairs["value"], value_set=several))
        pairs = pairs.sort_by([("value", "ascending"), ("acc", "ascending")])
        acc: Ints = pairs["acc"].to_numpy().astype(np.int64)
        found.append((kind, acc, np.asarray(pairs["value"].to_pylist(), dtype=object)))
    return found


@njit(nogil=True, cache=True)
def _account_major(acc, time, luck, start, order):  # type: ignore[no-untyped-def]
    """Numbers of exchanges by account, of one account by time, of one time by luck, into `order`."""
    at = start[:-1].copy()
    for i in range(len(acc)):
        order[at[acc[i]]] = i
        at[acc[i]] += 1
    for a in range(len(start) - 1):
        part = order[start[a] : start[a + 1]]
        ranked = part[np.argsort(time[part], kind="mergesort")]
        # Few are of one time: these are put in order one by one.
        for i in range(1, len(ranked)):
            k = i
            while k > 0 and time[ranked[k - 1]] == time[ranked[k]] and luck[ranked[k - 1]] > luck[ranked[k]]:
                ranked[k - 1], ranked[k] = ranked[k], ranked[k - 1]
                k -= 1
        part[:] = ranked


@njit(nogil=True, cache=True)
def _copy_lists(order, start, carried, new_start, first, last, new):  # type: ignore[no-untyped-def]
    """The lists of exchanges order[first:last], one behind the other, from new_start[first] on; returns nothing of use."""
    read = 0
    for some in range(first, last, AT_ONCE):
        # Each list lies somewhere else: reads that nothing waits for come side by side, others one after the other.
        for i in range(some, min(some + AT_ONCE, last)):
            if start[order[i]] < start[order[i] + 1]:
                read ^= carried[start[order[i]]]
        for i in range(some, min(some + AT_ONCE, last)):
            at = new_start[i] - start[order[i]]
            for t in range(start[order[i]], start[order[i] + 1]):
                new[at + t] = carried[t]
    return read


@njit(nogil=True, cache=True)
def _number(objects, codes):  # type: ignore[no-untyped-def]
    """Put codes, which rise as objects come, in the place of objects; returns how many there are. `codes`: -1 for each."""
    known = 0
    for i in range(len(objects)):
        o = objects[i]
        if codes[o] < 0:
            codes[o] = known
            known += 1
        objects[i] = codes[o]
    return known


def _in_order(values: npt.NDArray[Number], order: Ints) -> npt.NDArray[Number]:
    """Values in another order, on threads: each lies somewhere else in memory."""
    found = np.empty_like(values)

    def some(first: int, last: int) -> None:
        # Numpy lets go of the interpreter only where it need not look for numbers out of range.
        np.take(values, order[first:last], out=found[first:last], mode="clip")

    in_pieces(len(order), some)
    return found


@njit(nogil=True, cache=True)
def _items(tie_start, tie_obj, is_item, found):  # type: ignore[no-untyped-def]
    for i in range(len(found)):
        for t in range(tie_start[i], tie_start[i + 1]):
            if is_item[tie_obj[t]]:
                found[i] = tie_obj[t]


@njit(nogil=True, cache=True)
def _first_came(tie_start, tie_obj, time, luck, when, which, where):  # type: ignore[no-untyped-def]
    """Of each object the earliest exchange that carries it: its time and luck, and the object's place in its list."""
    for i in range(len(tie_start) - 1):
        for t in range(tie_start[i], tie_start[i + 1]):
            o = tie_obj[t]
            if time[i] < when[o] or (time[i] == when[o] and luck[i] < which[o]):
                when[o], which[o], where[o] = time[i], luck[i], t - tie_start[i]


def _order_of_coming(
    tie_start: Ints, tie_obj: Ints, time: Ints, luck: Ints, objects: int
) -> npt.NDArray[np.int32]:
    """Rank of each text object by when it first came: nothing that comes later changes who is before whom."""
    when, which = np.full(objects, np.iinfo(np.int64).max), np.full(objects, np.iinfo(np.int64).max)
    where = np.zeros(objects, np.int32)
    _first_came(tie_start, tie_obj, time, luck, when, which, where)
    rank = np.empty(objects, np.int32)
    rank[np.lexsort((where, which, when))] = np.arange(objects, dtype=np.int32)
    return rank


@dataclass(frozen=True)
class _Texts:
    """Text objects in order of their codes, and the exchanges' arrays of `Evidence`, by name."""

    kind: npt.NDArray[np.int8]
    ready: npt.NDArray[np.int32]
    rank: npt.NDArray[np.int32]
    arrays: dict[str, Ints | Bools]


def _texts(exchanges: Exchanges, objects: pa.Table, accounts: int) -> _Texts:
    n = len(exchanges.row)
    first = starts(exchanges.acc, accounts)
    order = np.empty(n, np.int64)
    _account_major(exchanges.acc, exchanges.time, exchanges.luck, first, order)
    codes = np.full(objects.num_rows, -1, np.int32)
    tie_start = np.r_[0, np.cumsum(_in_order(np.diff(exchanges.start), order))]
    tie_obj = np.empty(len(exchanges.carried), np.int32)
    lists = (order, exchanges.start, exchanges.carried, tie_start)
    in_pieces(n, lambda first, last: _copy_lists(*lists, first, last, tie_obj))
    known = _number(tie_obj, codes)
    # What nobody carries any more is no object.
    kind, ready = np.empty(known, np.int8), np.empty(known, np.int32)
    kind[codes[codes >= 0]] = _ints(objects, "kind")[codes >= 0]
    ready[codes[codes >= 0]] = _ints(objects, "ready")[codes >= 0]
    item = np.full(n, -1, np.int32)
    _items(tie_start, tie_obj, kind == KINDS.index("item"), item)
    time, luck = _in_order(exchanges.time, order), _in_order(exchanges.luck, order)
    arrays: dict[str, Ints | Bools] = {
        "ex_row": _in_order(narrow(exchanges.row), order),
        "ex_time": time,
        "ex_acc": _in_order(exchanges.acc, order),
        "ex_hour": (time // HOUR_US).astype(np.int32),
        "ex_luck": luck,
        "ex_item": item,
        "ex_model": _in_order(exchanges.model, order),
        "ex_marks": _in_order(exchanges.marks, order),
        "ex_text": _in_order(exchanges.text, order),
        "ex_tools": _in_order(exchanges.tools, order),
        "ex_later": _in_order(exchanges.later, order),
        "ex_start": first,
        "tie_start": tie_start,
        "tie_obj": tie_obj,
    }
    rank = _order_of_coming(tie_start, tie_obj, time, luck, known)
    return _Texts(kind, ready, rank, arrays)


def gather(relations: Relations, accounts: pa.Table | None, looked_at: int = Settings.looked_at) -> Evidence:
    """Turn stage 1's tables into arrays. `looked_at`: the setting under which they were computed."""
    facts = _account_facts(relations.accounts, accounts)
    novelty = {}
    for name in NOVELTY_KINDS:
        part = relations.novelty.filter(pc.equal(relations.novelty["kind"], name))
        novelty[name] = (_ints(part, "acc"), _ints(part, "hour"), _ints(part, "fresh"))
    texts = _texts(relations.exchanges, relations.objects, len(facts.ids))

    link_acc, link_obj, link_hour = [], [], []
    offset = len(texts.kind)
    kinds, values = [texts.kind], [np.full(offset, "", dtype=object)]
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
        kinds.append(np.full(int(new.sum()), KINDS.index(kind_name), dtype=np.int8))
        values.append(vals[new])
        offset += int(new.sum())

    def joined(parts: list[Ints]) -> Ints:
        return np.concatenate(parts).astype(np.int64) if parts else np.zeros(0, np.int64)

    obj_kind = np.concatenate(kinds)
    models = _models(relations.models)
    place = {model: number for number, model in enumerate(models)}
    of_model = np.array([place[model] for model in relations.exchanges.models], np.int32)
    texts.arrays["ex_model"] = narrow(of_model)[texts.arrays["ex_model"]]
    return Evidence(
        accounts=facts,
        looked_at=looked_at,
        ledger={name: _ints(relations.ledger, name) for name in relations.ledger.column_names},
        novelty=novelty,
        **texts.arrays,  # type: ignore[arg-type]
        link_acc=joined(link_acc),
        link_obj=joined(link_obj),
        link_hour=joined(link_hour),
        obj_kind=obj_kind,
        obj_rank=np.r_[texts.rank, np.zeros(len(obj_kind) - len(texts.rank), np.int32)],
        obj_ready=np.r_[texts.ready, np.zeros(len(obj_kind) - len(texts.ready), np.int32)],
        obj_value=np.concatenate(values),
        models=models,
    )


def _models(table: pa.Table) -> dict[str, tuple[Ints, Ints, Ints]]:
    """model -> acc, hour, n, by account and hour; models in order of their names."""
    code = table["model"].combine_chunks().dictionary_encode()
    listed = code.dictionary.to_pylist()
    place = code.indices.to_numpy(zero_copy_only=False)
    acc, hour, n = (_ints(table, name) for name in ("acc", "hour", "n"))
    found = {}
    for model in sorted(listed):
        own = np.flatnonzero(place == listed.index(model))
        own = own[np.lexsort((hour[own], acc[own]))]
        found[model] = (acc[own], hour[own], n[own])
    return found
