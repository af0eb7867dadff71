"""Stage 1, relational: from exchange rows to the account-hour ledger and to who shares what, since when.

Every result carries hours, so that one computation serves a scan of everything and of everything before an
hour H: an aggregate over `hour < H` is what a scan of the rows before H would have computed.
"""

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa

from stillwatch.detection.settings import Settings
from stillwatch.engines import Engine
from stillwatch.records.sketches import MARKS, SCRIPTS

HOUR_US = 3_600_000_000

TEXT_KINDS = ("system", "block", "prefix", "suffix", "item")
"""Whole-text objects, by the sketch column that holds them; sampled phrases follow them."""
PHRASE_KINDS = {"phrase": "phrases", "system_phrase": "system_phrases"}
CONTENT_KINDS = (*TEXT_KINDS, *PHRASE_KINDS)
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


@dataclass(frozen=True)
class Relations:
    """What stage 1 hands to the statistics, as Arrow tables sorted so that row order means nothing.

    accounts: account codes (0..n-1, in the order of their ids) and ids, all that have an exchange.
    ledger: one row for each account and hour.
    novelty: kind, acc, hour, fresh: how many new addresses, credentials, scripts, ... the account showed in that hour.
    content: row, kind, place, value, ready: a text object that at least k accounts used, on one exchange; `place` counts the
        phrases of a text, `ready` is the hour in which the k-th account had used the object.
    exchanges: row, time, event_id, acc, hour, item_hash, model, marks (bits), tools (defined) and later (than the first
        turn; both 1, 0, or -1 where not recorded) for every exchange in `content`.
    shared: kind, acc, value, hour: an object of the exchanges that two accounts or more used, first use each.
    models: acc, model, hour, n.
    """

    accounts: pa.Table
    ledger: pa.Table
    novelty: pa.Table
    content: pa.Table
    exchanges: pa.Table
    shared: pa.Table
    models: pa.Table
    duplicates: pa.Table


def _flag(condition: ir.BooleanValue) -> ir.IntegerColumn:
    return condition.fill_null(False).cast("int64").sum()


def _without_repeats(engine: Engine, rows: ir.Table) -> tuple[ir.Table, pa.Table]:
    """Of each event id keep the earliest row, whatever the order of rows and files; hand out the others."""
    repeated = engine.keep(
        "repeated", rows.group_by("event_id").agg(times=ibis._.count()).filter(ibis._.times > 1)
    )
    if engine.fetch(repeated.count().name("n").as_table())["n"][0].as_py() == 0:
        return rows, engine.fetch(rows.select("event_id", "account_id", "time").limit(0))
    candidates = rows.semi_join(repeated, "event_id")
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
    """Exchanges that carry an object of this kind which at least `accounts` accounts used."""
    if kind in PHRASE_KINDS:
        listed = rows.select("row", "acc", "hour", value=rows[PHRASE_KINDS[kind]]).unnest(
            "value", offset="place"
        )
        carriers = listed.mutate(place=listed.place.cast("int16"))
    else:
        carriers = rows.select(
            "row", "acc", "hour", value=rows[f"{kind}_hash"], place=ibis.literal(0).cast("int16")
        )
    carriers = carriers.filter(carriers.value.notnull())
    users = carriers.group_by("value", "acc").agg(first=ibis._.hour.min())
    places = users.mutate(place=ibis.row_number().over(group_by="value", order_by=[users.first, users.acc]))
    ready = places.filter(places.place == accounts - 1).select("value", ready=places.first)
    shared = carriers.join(ready, "value").select("row", "place", "value", "ready")
    return engine.fetch(shared.mutate(kind=ibis.literal(CONTENT_KINDS.index(kind)).cast("int16")))


def _content(engine: Engine, rows: ir.Table, settings: Settings) -> pa.Table:
    """Text objects that enough accounts used: row, kind, place, value, ready."""
    return pa.concat_tables(
        _text_objects(
            rows,
            kind,
            settings.infrastructure_accounts if kind == "item" else settings.content_accounts,
            engine,
        ).select(["row", "kind", "place", "value", "ready"])
        for kind in CONTENT_KINDS
    )


def relate(engine: Engine, exchanges: ir.Table, settings: Settings) -> Relations:
    """Compute `Relations` from stage 0's exchange rows."""
    unique, duplicates = _without_repeats(engine, exchanges)
    ids = engine.fetch(unique.select("account_id").distinct().order_by("account_id"))
    codes = pa.table(
        {"account_id": ids["account_id"], "acc": pa.array(np.arange(ids.num_rows, dtype=np.int32))}
    )
    code_table = engine.table("account_codes", codes)
    stamp = unique.time.epoch_seconds().cast("int64")
    # Script 0 is a text without letters, which is no script. Japanese is written in kana and Chinese characters: were these
    # two scripts, whoever writes it beside English would show as many as a translator.
    script = (unique.script == KANA).ifelse(HAN, unique.script.nullif(0))
    rows = engine.keep(
        "rows",
        unique.mutate(hour=(stamp // 3600).cast("int32"), script=script)
        .join(code_table, "account_id")
        .drop("account_id"),
    )
    has_text = rows.item_hash.notnull()
    # A mark in the system text makes every request of the account carry it.
    marked = rows.marks.fill_null(0) | rows.system_marks.fill_null(0)
    marks = {f"mark_{name}": _flag((marked & mask) != 0) for name, mask in _mark_masks().items()}
    ledger = rows.group_by("acc", "hour").agg(
        n=rows.row.count(),
        texts=_flag(has_text),
        tools=_flag(rows.tool_count > 0),
        tools_known=_flag(rows.tool_count.notnull()),
        later_turns=_flag(rows.turn > 1),
        turns_known=_flag(rows.turn.notnull()),
        net_education=_flag(rows.client_network == "education"),
        blocked=_flag(rows.status == "blocked"),
        refused=_flag(rows.status == "refused"),
        status_known=_flag(rows.status.notnull()),
        symbolic=_flag(rows.symbol_share > SYMBOLIC),
        first=rows.time.min(),
        last=rows.time.max(),
        **marks,
    )
    novelty = []
    shared = []
    for kind, column in NOVELTY_KINDS.items():
        pairs = (
            rows.filter(rows[column].notnull())
            .group_by("acc", value=rows[column])
            .agg(hour=rows.hour.min(), times=rows.row.count())
        )
        pairs = engine.keep("pairs", pairs)
        novelty.append(
            engine.fetch(
                pairs.group_by("acc", "hour").agg(fresh=pairs.value.count()).mutate(kind=ibis.literal(kind))
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
    content = _content(engine, rows, settings)
    carriers = engine.table("carriers", pa.table({"row": content["row"].unique()}))
    touched = engine.fetch(
        rows.semi_join(carriers, "row")
        .select(
            "row",
            "time",
            "event_id",
            "acc",
            "hour",
            "item_hash",
            "model",
            marks=marked,
            tools=(rows.tool_count > 0).cast("int8").fill_null(-1),
            later=(rows.turn > 1).cast("int8").fill_null(-1),
        )
        .order_by("time", "event_id")
    )
    models = engine.fetch(rows.group_by("acc", "model", "hour").agg(n=rows.row.count()))
    return Relations(
        accounts=codes,
        ledger=engine.fetch(ledger).sort_by([("acc", "ascending"), ("hour", "ascending")]),
        novelty=pa.concat_tables(novelty),
        content=content,
        exchanges=touched,
        shared=pa.concat_tables(shared),
        models=models.sort_by([("acc", "ascending"), ("model", "ascending"), ("hour", "ascending")]),
        duplicates=duplicates,
    )


def _mark_masks() -> dict[str, int]:
    return {name: mark.mask for name, mark in MARKS.items()}
