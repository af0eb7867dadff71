"""Stage 1, relational: from exchange rows to the account-hour ledger and to who shares what, since when.

Every result carries hours, so that one computation serves a scan of everything and of everything before an
hour H: an aggregate over `hour < H` is what a scan of the rows before H would have computed.
"""

from collections.abc import Callable
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch.detection.carried import CONTENT_KINDS, PHRASE_KINDS, Lookup, column_of, sent
from stillwatch.detection.column import Column, microseconds, numbered
from stillwatch.detection.hours import by_hour
from stillwatch.detection.sampling import EVERY, luck_limit, running
from stillwatch.detection.settings import Settings
from stillwatch.detection.sharers import MOST_SHARERS, Sharers
from stillwatch.engines import Engine
from stillwatch.records.sketches import MARKS, SCRIPTS

EXCHANGE_KINDS = {
    "address": "client_address",
    "fingerprint": "tls_ja4",
    "client": "user_agent",
    "credential": "credential_id",
}
NOVELTY_KINDS = {**EXCHANGE_KINDS, "end_user": "end_user_id", "script": "script"}
HAN, KANA = SCRIPTS.index("han"), SCRIPTS.index("kana")
SYMBOLIC = 0.08
"""A text with a larger share of punctuation and symbols looks like code. Of pieces of 800 characters 76% of Python, 84% of
C, 90% of shell and all of JavaScript are above it, and 4% of licences in prose."""


COPIED = {
    "row": np.int64, "time": np.int64, "luck": np.int64, "acc": np.int32, "marks": np.int32, "text": np.bool_,
    "tools": np.int8, "later": np.int8,
}  # fmt: skip
"""Columns of exchanges that are taken as they are, and the types that they are kept in."""


@dataclass(frozen=True)
class Exchanges:
    """Exchanges that are looked at one by one, as arrays of one length, in no order; `start` has one more.

    `time` in microseconds; `luck` as in `records/sketches/luck.py`; `acc` an account code; `model` a place in `models`;
    `marks` bits; `text`: was there an input text; `tools` (defined) and `later` (than the first turn) 1, 0, or -1 where
    not recorded. Exchange i carries the text objects `carried[start[i]:start[i + 1]]`, rows of `Relations.objects`, by kind
    and then by place in the text.
    """

    row: npt.NDArray[np.int64]
    time: npt.NDArray[np.int64]
    luck: npt.NDArray[np.int64]
    acc: npt.NDArray[np.int32]
    model: npt.NDArray[np.int32]
    marks: npt.NDArray[np.int32]
    text: npt.NDArray[np.bool_]
    tools: npt.NDArray[np.int8]
    later: npt.NDArray[np.int8]
    start: npt.NDArray[np.int64]
    carried: npt.NDArray[np.int32]
    models: tuple[str, ...]


@dataclass(frozen=True)
class Relations:
    """What stage 1 hands to the statistics; row order means nothing.

    accounts: account codes (0..n-1, in the order of their ids) and ids, all that have an exchange.
    ledger: one row for each account and hour, in their order; counts in the fewest bytes that hold all of a column.
    novelty: kind, acc, hour, fresh: how many new addresses, credentials, scripts, ... the account showed in that hour.
    objects: kind, value, ready: text objects that at least k accounts used; `ready` is the hour in which the k-th had.
    exchanges: those that are looked at one by one, with the objects that they carry.
    shared: kind, acc, value, hour: an object of the exchanges that two accounts or more used, first use each.
    models: acc, model, hour, n.
    duplicates: event_id, account_id and time of rows whose event id an earlier row has.
    """

    accounts: pa.Table
    ledger: pa.Table
    novelty: pa.Table
    objects: pa.Table
    exchanges: Exchanges
    shared: pa.Table
    models: pa.Table
    duplicates: pa.Table


def _marked(rows: ir.Table) -> ir.IntegerValue:
    """Bits of the marks of each row. A mark in the system text makes every request of the account carry it."""
    return rows.marks.fill_null(0) | rows.system_marks.fill_null(0)


def _twice(rows: ir.Table, column: str) -> ir.Table:
    """The values of a column that come more than once."""
    return rows.group_by(column).agg(times=ibis._.count()).filter(ibis._.times > 1)


def _size(engine: Engine, rows: ir.Table) -> int:
    """How many rows these are."""
    return int(engine.fetch(rows.count().name("n").as_table())["n"][0].as_py())


def _lucks_differ(engine: Engine, rows: ir.Table) -> bool:
    """Are all hashes of ids seen to differ? False as well where there are too many to look at in this process."""
    if engine.workers > 1 or 8 * _size(engine, rows) > engine.memory // 4:
        return False
    lucks = Column(np.int64)
    for batch in engine.batches(rows.select("luck")):
        lucks.add(batch.column("luck").to_numpy())
    ordered = lucks.whole()
    ordered.sort()
    return not (ordered[1:] == ordered[:-1]).any()


def _without_repeats(engine: Engine, rows: ir.Table) -> tuple[ir.Table, pa.Table]:
    """Of each event id keep the earliest row, whatever the order of rows and files; hand out the others."""
    none = engine.fetch(rows.select("event_id", "account_id", "time").limit(0))
    # The hashes of ids first: where none of these comes twice no id does, and they are a fraction of the ids' size.
    if _lucks_differ(engine, rows):
        return rows, none
    suspects = engine.keep("suspects", _twice(rows, "luck"))
    if _size(engine, suspects) == 0:
        return rows, none
    alike = rows.semi_join(suspects, "luck")
    repeated = engine.keep("repeated", _twice(alike, "event_id"))
    candidates = alike.semi_join(repeated, "event_id")
    # Every column that anything reads comes before the row's number: rows that differ only by that are the same.
    # Arrays are told apart by what stands beside them, the hash of the whole text.
    order = ["time", "account_id", *sorted(
        name
        for name, kind in candidates.schema().items()
        if name not in ("time", "account_id", "event_id", "row") and not kind.is_array()
    ), "row"]  # fmt: skip
    ranked = candidates.mutate(
        place=ibis.row_number().over(group_by="event_id", order_by=[candidates[c] for c in order])
    )
    losers = engine.keep(
        "losers", ranked.filter(ranked.place > 0).select("row", "event_id", "account_id", "time")
    )
    return rows.anti_join(losers, "row"), engine.fetch(losers.select("event_id", "account_id", "time"))


def _text_objects(rows: ir.Table, kind: str, accounts: int, engine: Engine) -> pa.Table:
    """kind, value and ready hour of the text objects of a kind that at least `accounts` accounts used."""
    carriers = rows.select("acc", "hour", value=rows[column_of(kind)])
    if kind in PHRASE_KINDS:
        # The column is unnested, and not the table: DuckDB makes a join of that, four times as slow.
        carriers = rows.select("acc", "hour", value=rows[column_of(kind)].unnest())
    users = (
        carriers.filter(carriers.value.notnull())
        .group_by("value", "acc")
        .agg(first=ibis._.hour.min().cast("int32"))
    )
    firsts = users.group_by("value").agg(firsts=users["first"].collect(), n=users.acc.count())
    shared = firsts.filter(firsts.n >= accounts)
    found = engine.fetch(shared.select(value="value", ready=shared.firsts.sort()[accounts - 1]))
    return found.sort_by("value")


def _counted_here(
    engine: Engine, rows: ir.Table, wanted: dict[str, int], seen: Callable[[int], None]
) -> dict[str, pa.Table]:
    """The same of several kinds at once, counted in this process as rows come."""
    counts = {kind: Sharers(accounts) for kind, accounts in wanted.items()}
    while left := [kind for kind in counts if not counts[kind].complete]:
        for batch in engine.batches(rows.select("acc", "hour", *map(column_of, left))):
            acc, hour = batch.column("acc").to_numpy(), batch.column("hour").to_numpy()
            for kind in left:
                others = sum(counts[other].nbytes for other in left if other != kind)
                counts[kind].add(*sent(batch, kind), acc, hour, engine.memory // 2 - others)
            seen(batch.num_rows)
        for kind in left:
            counts[kind].finish()
    return {
        kind: pa.table(dict(zip(("value", "ready"), count.found(), strict=True)))
        for kind, count in counts.items()
    }


def _objects(engine: Engine, rows: ir.Table, settings: Settings, seen: Callable[[int], None]) -> pa.Table:
    """Text objects that enough accounts used: kind, value, ready; by kind and value."""
    wanted = {
        kind: settings.infrastructure_accounts if kind == "item" else settings.content_accounts
        for kind in CONTENT_KINDS
    }
    # Counting here takes a tenth of the time of the engine's own groups, but is one process: an engine of many has them.
    few = {k: n for k, n in wanted.items() if 2 <= n <= MOST_SHARERS and engine.workers == 1}
    found = _counted_here(engine, rows, few, seen)
    for kind in wanted.keys() - few.keys():
        found[kind] = _text_objects(rows, kind, wanted[kind], engine)
    tables = [
        found[kind].add_column(0, "kind", pa.array(np.full(found[kind].num_rows, code, np.int8)))
        for code, kind in enumerate(CONTENT_KINDS)
    ]
    return pa.concat_tables(tables)


def _exchanges(engine: Engine, rows: ir.Table, objects: pa.Table, seen: Callable[[int], None]) -> Exchanges:
    """The exchanges with a text or a system text, with the shared objects that they carry."""
    wanted = rows.filter(rows.text_words.notnull() | rows.system_hash.notnull())
    chosen = wanted.select(
        "row",
        "time",
        "luck",
        "acc",
        "model",
        *map(column_of, CONTENT_KINDS),
        marks=_marked(wanted),
        text=wanted.item_hash.notnull(),
        tools=(wanted.tool_count > 0).cast("int8").fill_null(-1),
        later=(wanted.turn > 1).cast("int8").fill_null(-1),
    )
    lookup = Lookup.of(objects)
    names: dict[str, int] = {}
    columns = {
        name: Column(dtype)
        for name, dtype in {**COPIED, "model": np.int32, "start": np.int64, "carried": np.int32}.items()
    }
    columns["start"].add(np.zeros(1, np.int64))
    for batch in engine.batches(chosen):
        for name in COPIED:
            column = batch.column(name)
            columns[name].add(
                microseconds(column) if name == "time" else column.to_numpy(zero_copy_only=False)
            )
        columns["model"].add(numbered(batch.column("model"), names))
        counts, carried = lookup.carried(batch)
        columns["start"].add(len(columns["carried"]) + np.cumsum(counts))
        columns["carried"].add(carried)
        seen(batch.num_rows)
    whole = {name: column.whole() for name, column in columns.items()}
    return Exchanges(**whole, models=tuple(names))


@dataclass
class _Passes:
    """Rows are gone through so many times: how far that is."""

    rows: int
    times: int
    told: Callable[[int, float], None]
    _seen: int = 0

    def __call__(self, rows: int) -> None:
        """So many more were gone through once."""
        self._seen = min(self._seen + rows, self.rows * self.times)
        self.told(self._seen // self.times, self._seen / max(self.rows * self.times, 1))


def relate(
    engine: Engine,
    exchanges: ir.Table,
    settings: Settings,
    told: Callable[[int, float], None] = lambda rows, share: None,
) -> Relations:
    """Compute `Relations` from stage 0's exchange rows.

    `told` hears how many of these are done, and which share of the work that is; the last may have nothing to be done for.
    """
    # An engine of many processes counts hours and objects by itself.
    seen = _Passes(_size(engine, exchanges), 3 if engine.workers == 1 else 1, told)
    unique, duplicates = _without_repeats(engine, exchanges)
    ids = engine.fetch(unique.select("account_id").distinct().order_by("account_id"))
    codes = pa.table(
        {"account_id": ids["account_id"], "acc": pa.array(np.arange(ids.num_rows, dtype=np.int32))}
    )
    code_table = engine.table("account_codes", codes)
    # Script 0 is a text without letters, which is no script. Japanese is written in kana and Chinese characters: were these
    # two scripts, whoever writes it beside English would show as many as a translator.
    script = (unique.script == KANA).ifelse(HAN, unique.script.nullif(0))
    rows = engine.reuse(
        "rows", unique.mutate(script=script).join(code_table, "account_id").drop("account_id")
    )
    # Accounts show few of these together over and over: each is grouped from the combinations, a tenth of the rows.
    shown = engine.keep(
        "shown",
        rows.group_by("acc", **{column: rows[column] for column in NOVELTY_KINDS.values()}).agg(
            hour=rows.hour.min()
        ),
    )
    novelty = []
    shared = []
    for kind, column in NOVELTY_KINDS.items():
        pairs = engine.keep(
            "pairs",
            shown.filter(shown[column].notnull())
            .group_by("acc", value=shown[column])
            .agg(hour=ibis._.hour.min()),
        )
        novelty.append(
            engine.fetch(
                pairs.group_by("acc", "hour")
                .agg(fresh=pairs.value.count().cast("int32"))
                .mutate(kind=ibis.literal(kind))
            ).select(["kind", "acc", "hour", "fresh"])
        )
        if kind in EXCHANGE_KINDS:
            holders = pairs.group_by("value").agg(holders=pairs.acc.count())
            several = holders.filter(holders.holders >= settings.infrastructure_accounts)
            shared.append(
                engine.fetch(
                    pairs.semi_join(several, "value")
                    .select("acc", "value", "hour")
                    .mutate(kind=ibis.literal(kind))
                ).select(["kind", "acc", "value", "hour"])
            )
        engine.drop("pairs")
    engine.drop("shown")
    counted, models = by_hour(engine, rows, _flags(rows), seen)
    looked_at = _sampled(engine, rows, counted, settings.looked_at)
    objects = _objects(engine, looked_at, settings, seen)
    return Relations(
        accounts=codes,
        ledger=counted,
        novelty=pa.concat_tables(novelty),
        objects=objects,
        exchanges=_exchanges(engine, looked_at, objects, seen),
        shared=pa.concat_tables(shared),
        models=models,
        duplicates=duplicates,
    )


def _flags(rows: ir.Table) -> dict[str, ir.BooleanValue]:
    """What the ledger counts of each hour, beside exchanges."""
    return {
        "texts": rows.item_hash.notnull(),
        "tools": rows.tool_count > 0,
        "tools_known": rows.tool_count.notnull(),
        "later_turns": rows.turn > 1,
        "turns_known": rows.turn.notnull(),
        "net_education": rows.client_network == "education",
        "blocked": rows.status == "blocked",
        "refused": rows.status == "refused",
        "status_known": rows.status.notnull(),
        "symbolic": rows.symbol_share > SYMBOLIC,
        **{f"mark_{name}": (_marked(rows) & mask) != 0 for name, mask in _mark_masks().items()},
    }


def _sampled(engine: Engine, rows: ir.Table, ledger: pa.Table, most: int) -> ir.Table:
    """The rows that are looked at one by one: those whose luck is below their account's limit at the end of their hour.

    So a row's place in the sample depends on nothing that comes after its hour, and a sample of everything before an hour
    H is what this leaves before H.
    """
    acc, hour, n = (ledger[name].to_numpy() for name in ("acc", "hour", "n"))
    limit = luck_limit(running(acc, n), most)
    busy = limit < EVERY
    if not busy.any():
        return rows
    limits = engine.table(
        "limits", pa.table({"acc": acc[busy], "hour": hour[busy], "luck_limit": limit[busy]})
    )
    joined = rows.left_join(limits, ["acc", "hour"])
    kept = joined.filter(joined.luck_limit.isnull() | (joined.luck < joined.luck_limit))
    return engine.reuse(
        "sampled", kept.drop(*(name for name in kept.columns if name.endswith("_right")), "luck_limit")
    )


def _mark_masks() -> dict[str, int]:
    return {name: mark.mask for name, mark in MARKS.items()}
