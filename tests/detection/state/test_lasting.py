"""What a scan with a state leaves: ids that last, their history, and what run.json says of it."""

import json

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from stillwatch.detection.state.history import changes_of
from stillwatch.detection.state.store import opened
from stillwatch.records.findings import HISTORY_SCHEMA


@pytest.fixture(scope="module")
def two_scans(little, little_rows, run_scan, tmp_path_factory):
    """The results of the first half, and of both."""
    folder = tmp_path_factory.mktemp("lasting")
    ordered = little_rows.sort_by("time")
    half = ordered.num_rows // 2
    for number in range(2):
        pq.write_table(ordered.slice(number * half, half), folder / f"{number}.parquet")
        run_scan(folder / f"{number}.parquet", little, folder / f"out-{number}", folder / "state")
    return folder


def members(out):
    found = {}
    for row in pq.read_table(out / "members.parquet").to_pylist():
        found.setdefault(row["campaign_id"], set()).add(row["account_id"])
    return found


def test_a_group_keeps_its_id_in_every_table(two_scans):
    first, second = (members(two_scans / f"out-{k}") for k in range(2))
    both = first.keys() & second.keys()
    assert any(first[name] != second[name] for name in both), "one has changed and has its id"
    assert all(2 * len(first[n] & second[n]) >= min(len(first[n]), len(second[n])) for n in both)
    campaigns = pq.read_table(two_scans / "out-1" / "campaigns.parquet")["campaign_id"].to_pylist()
    assert set(campaigns) == set(second)
    report = (two_scans / "out-1" / "report.html").read_text()
    assert all(name in report for name in campaigns[:3])


def test_the_history_maps_ids_and_adds_up(two_scans):
    table = pq.read_table(two_scans / "out-1" / "campaign_history.parquet")
    assert table.schema.equals(HISTORY_SCHEMA)
    rows = table.to_pylist()
    last = [row for row in rows if row["scan"] == 2]
    now = {row["campaign_id"]: row for row in last if row["event"] != "ended"}
    groups = members(two_scans / "out-1")
    assert now.keys() == groups.keys()
    assert all(row["accounts_after"] == len(groups[name]) for name, row in now.items())
    before = members(two_scans / "out-0")
    for name, row in now.items():
        if name in before:
            assert (row["joined"], row["left"]) == (
                len(groups[name] - before[name]),
                len(before[name] - groups[name]),
            )
    assert {row["campaign_id"] for row in last if row["event"] == "ended"} == before.keys() - groups.keys()
    numbers = [row["sequence"] for row in rows if row["sequence"] is not None]
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_state_keeps_what_touches_an_accusation_or_a_review(two_scans):
    with opened(two_scans / "state") as store:
        kept = changes_of(store)
    assert kept
    assert all({c.verdict_before, c.verdict_after} & {"extraction", "review"} for c in kept)
    assert [c.sequence for c in kept] == list(range(1, len(kept) + 1))


def test_run_json_says_what_was_new(two_scans):
    run = json.loads((two_scans / "out-1" / "run.json").read_text())
    assert run["rows"]["scanned"] == 5000
    assert run["state"]["rows"] == {"before": 2500, "read": 2500, "usable": 2500, "held": 5000}
    assert run["state"]["scan"] == 2
    changes = pq.read_table(two_scans / "out-1" / "campaign_history.parquet", filters=pc.field("scan") == 2)
    assert sum(run["state"]["changes"].values()) == changes.num_rows
