"""Groups of the last scan and changes of all scans, as files of a state and of its results."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch.detection.state.continuity import Known
from stillwatch.detection.state.manifest import Manifest
from stillwatch.detection.state.store import Store
from stillwatch.records.findings import HISTORY_SCHEMA, Change
from stillwatch.records.schema import TEXT

GROUPS_SCHEMA = pa.schema(
    [
        pa.field("campaign_id", TEXT),
        pa.field("full_id", TEXT),
        pa.field("verdict", TEXT),
        pa.field("accounts", pa.list_(TEXT)),
        pa.field("exchanges", pa.int64()),
        pa.field("probability", pa.float64()),
        pa.field("behaviours", pa.list_(TEXT)),
        pa.field("told", pa.int64()),
        pa.field("detected_at", pa.int64()),
        pa.field("dated_from", pa.int64()),
        pa.field("dated_under", TEXT),
    ]
)


def groups_of(store: Store) -> list[Known]:
    """Groups as the last scan found them."""
    manifest = store.manifest
    if manifest is None or manifest.groups is None:
        return []
    return [
        Known(**row | {"accounts": frozenset(row["accounts"]), "behaviours": tuple(row["behaviours"])})
        for row in pq.read_table(store.path(manifest.groups)).to_pylist()
    ]


def write_groups(path: Path, groups: Sequence[Known]) -> None:
    """Keep groups for the next scan."""
    rows = [vars(group) | {"accounts": sorted(group.accounts)} for group in groups]
    pq.write_table(pa.Table.from_pylist(rows, schema=GROUPS_SCHEMA), path, compression="zstd")


def changes_of(store: Store, manifest: Manifest | None = None) -> list[Change]:
    """The changes that a state keeps, in order of their numbers; of `manifest` in place of the last one committed."""
    manifest = manifest or store.manifest
    if manifest is None or manifest.history is None:
        return []
    return read_changes(store.path(manifest.history))


def read_changes(path: Path) -> list[Change]:
    """Read what `write_changes` wrote."""
    found = []
    for row in pq.read_table(path).to_pylist():
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in row.items()}
        found.append(Change(**values))
    return found


def write_changes(path: Path, changes: Sequence[Change]) -> None:
    """Write changes as campaign_history.parquet."""
    rows = [vars(change) for change in changes]
    pq.write_table(pa.Table.from_pylist(rows, schema=HISTORY_SCHEMA), path, compression="zstd")
