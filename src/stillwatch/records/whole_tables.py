"""The small tables, read whole and put in order: accounts, releases, agreements."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.records.adapters.base import AdapterSettings
from stillwatch.records.adapters.native import NativeAdapter
from stillwatch.records.recognition import Recogniser
from stillwatch.records.rejects import DUPLICATE_ACCOUNT, DUPLICATE_AGREEMENT, DUPLICATE_RELEASE, RejectLog
from stillwatch.records.schema import ACCOUNTS, AGREEMENTS, RELEASES, Table
from stillwatch.records.sources import find_files
from stillwatch.records.tables import BATCH_ROWS, UsageReader


def _read_whole(path: str | Path, table: Table, rejects: RejectLog, salt: bytes = b"") -> pa.Table:
    found = find_files(path)
    native = NativeAdapter(table=table)
    recogniser = Recogniser(table, [native], AdapterSettings(salt), rejects)
    recogniser.prepare(found.files, str(path))
    reader = UsageReader(table, found, recogniser, rejects, BATCH_ROWS)
    whole = pa.Table.from_batches(reader, schema=table.schema)
    for (column, reason), number in reader.values_dropped.items():
        rejects.dropped[table.name, column, reason] += number
    return whole


def _sort_keys(table: pa.Table) -> list[tuple[str, str]]:
    return [
        (name, "ascending")
        for name in table.schema.names
        if not pa.types.is_list(table.schema.field(name).type)
    ]


def _one_for_each(table: pa.Table, key: str, order: Sequence[tuple[str, str]]) -> tuple[pa.Table, pa.Table]:
    """The first row of each key in an order of all rows, and the others."""
    table = table.take(pc.sort_indices(table, sort_keys=[(key, "ascending"), *order]))
    values = table.column(key).combine_chunks()
    if isinstance(values, pa.ChunkedArray):
        values = pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)
    if len(values) < 2:
        return table, table.slice(0, 0)
    changed = pc.not_equal(values.slice(1), values.slice(0, len(values) - 1))
    first = pa.concat_arrays([pa.array([True]), changed])
    return table.filter(first), table.filter(pc.invert(first))


def _keep_aside(
    rejects: RejectLog, table: Table, reason: str, path: str | Path, rows: Sequence[object]
) -> None:
    for row in rows:
        rejects.add(table.name, reason, str(path), None, row)


def read_accounts(path: str | Path, rejects: RejectLog, salt: bytes = b"") -> pa.Table:
    """The accounts table, sorted by account_id, each account once.

    Of rows that share an account_id the one with the most values is kept, of several such the first when
    sorted by all columns: the same whatever the order of rows and files. The others are rejected and kept aside.
    `salt` is that of the usage table (`UsageReader.salt`): account ids that are raw keys join by their digests.
    Raises InputError as `open_usage` does.
    """
    table = _read_whole(path, ACCOUNTS, rejects, salt)
    filled = pa.nulls(len(table), pa.int64()).fill_null(0)
    for column in table.columns:
        filled = pc.add(filled, pc.cast(pc.is_valid(column), pa.int64()))
    ranked = table.append_column("_filled", filled)
    kept, others = _one_for_each(ranked, "account_id", [("_filled", "descending"), *_sort_keys(table)])
    _keep_aside(rejects, ACCOUNTS, DUPLICATE_ACCOUNT, path, others.drop_columns("_filled").to_pylist())
    return kept.drop_columns("_filled").cast(ACCOUNTS.schema).combine_chunks()


def read_releases(path: str | Path, rejects: RejectLog) -> pa.Table:
    """The releases table, sorted by model, each model once: its earliest release."""
    table = _read_whole(path, RELEASES, rejects)
    kept, others = _one_for_each(table, "model", [("released_at", "ascending")])
    _keep_aside(rejects, RELEASES, DUPLICATE_RELEASE, path, others.to_pylist())
    return kept.combine_chunks()


def read_agreements(path: str | Path, rejects: RejectLog, salt: bytes = b"") -> pa.Table:
    """The agreements table, sorted. An agreement may have several rows; rows equal throughout are kept once.

    `salt` as in `read_accounts`.
    """
    table = _read_whole(path, AGREEMENTS, rejects, salt)
    rows = sorted(table.to_pylist(), key=repr)
    first = [i == 0 or row != rows[i - 1] for i, row in enumerate(rows)]
    kept = [row for row, new in zip(rows, first, strict=True) if new]
    others = [row for row, new in zip(rows, first, strict=True) if not new]
    _keep_aside(rejects, AGREEMENTS, DUPLICATE_AGREEMENT, path, others)
    return pa.Table.from_pylist(kept, schema=AGREEMENTS.schema)
