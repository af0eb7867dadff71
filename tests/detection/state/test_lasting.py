"""What a scan with a state leaves: ids that last, their history, and what run.json says of it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from stillwatch.detection.settings import Settings
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


DATED = Settings(looks=8, prior=0.2, reference_draws=40)


def dates(out):
    """Accounts of each group -> when it was accused."""
    campaigns = pq.read_table(out / "campaigns.parquet").to_pylist()
    who = members(out)
    return {
        frozenset(who[c["campaign_id"]]): c["detected_at"] for c in campaigns if c["verdict"] == "extraction"
    }


def test_dates_outlast_their_rows_and_scans_without_looks(little, little_rows, run_scan, tmp_path):
    def again(name, settings, **more):
        run_scan(tmp_path / "empty", little, tmp_path / name, tmp_path / "state", settings=settings, **more)
        return dates(tmp_path / name)

    (tmp_path / "empty").mkdir()
    run_scan(little / "usage", little, tmp_path / "first", tmp_path / "state", settings=DATED)
    first = dates(tmp_path / "first")
    assert first
    assert None not in first.values()
    newest = pc.max(little_rows["time"]).as_py()
    cut = datetime(newest.year, newest.month, newest.day, tzinfo=UTC) - timedelta(days=4)
    undated = again("undated", replace(DATED, looks=0), retain=5)
    assert undated
    assert set(undated.values()) == {None}
    later = again("later", DATED)
    run_scan(little / "usage", little, tmp_path / "since", settings=DATED, since=int(cut.timestamp() * 1e6))
    since = dates(tmp_path / "since")
    assert later.keys() == since.keys()
    old = [max(first, key=lambda group: len(group & now)) for now in later]
    assert [later[now] for now in later] == [first[before] for before in old]
    assert any(later[now] < since[now] for now in later), "a scan of what is left would say later"
    other = replace(DATED, prior=0.21)
    run_scan(little / "usage", little, tmp_path / "other", settings=other, since=int(cut.timestamp() * 1e6))
    assert again("new", other) == dates(tmp_path / "other"), "what other settings found is no date of these"
