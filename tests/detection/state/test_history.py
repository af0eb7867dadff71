"""Groups and changes come back from their files as they were."""

from datetime import UTC, datetime

import msgspec
import pyarrow.parquet as pq

from stillwatch.detection.state.continuity import Known, follow
from stillwatch.detection.state.history import (
    changes_of,
    groups_of,
    read_changes,
    write_changes,
    write_groups,
)
from stillwatch.detection.state.manifest import Manifest
from stillwatch.detection.state.store import opened
from stillwatch.records.findings import HISTORY_SCHEMA

AT = datetime(2026, 3, 1, 5, 6, 7, 8, UTC)
KNOWN = [
    Known("a", "a", "extraction", frozenset("pqr"), 5, 0.99, ("x", "y"), 3, 490_000),
    Known("b", "c", "legitimate", frozenset("s"), 2, 0.01, (), 1),
]


def test_what_is_kept_comes_back(tmp_path):
    found = follow([], KNOWN, at=AT, recorded_at=AT, scan=1, sequence=0)
    with opened(tmp_path / "state") as store:
        assert (groups_of(store), changes_of(store)) == ([], [])
        groups, history = store.fresh / "groups.parquet", store.fresh / "history.parquet"
        write_groups(groups, KNOWN)
        write_changes(history, found.changes)
        manifest = Manifest("key", "intake", "")
        store.commit(
            msgspec.structs.replace(manifest, groups=store.filed(groups), history=store.filed(history))
        )
    with opened(tmp_path / "state") as store:
        assert groups_of(store) == KNOWN
        assert changes_of(store) == list(found.changes)


def test_no_change_makes_a_table_too(tmp_path):
    write_changes(tmp_path / "h.parquet", [])
    assert pq.read_table(tmp_path / "h.parquet").schema.equals(HISTORY_SCHEMA)
    assert read_changes(tmp_path / "h.parquet") == []
