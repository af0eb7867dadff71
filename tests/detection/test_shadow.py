"""Shadow mode: other settings judge beside the live ones, as a scan of their own would, and change nothing."""

import json

import pyarrow.parquet as pq
import pytest

STRICTER = "accuse_probability: 0.9999\nmin_exchanges: 120\ncontent_accounts: 4\n"


@pytest.fixture(scope="module")
def scans(exercise, scan_command, tmp_path_factory):
    """A scan with shadow settings, and a scan by these settings."""
    folder = tmp_path_factory.mktemp("shadow")
    (folder / "stricter.yaml").write_text(STRICTER)
    scan_command(exercise / "usage", exercise, folder / "beside", f"--shadow={folder / 'stricter.yaml'}")
    scan_command(exercise / "usage", exercise, folder / "live", f"--settings={folder / 'stricter.yaml'}")
    return folder / "beside", folder / "live"


def accused(folder):
    campaigns = pq.read_table(folder / "campaigns.parquet").to_pylist()
    guilty = {c["campaign_id"] for c in campaigns if c["verdict"] == "extraction"}
    members = pq.read_table(folder / "members.parquet").to_pylist()
    return {m["account_id"] for m in members if m["campaign_id"] in guilty and m["role"] != "suspected"}


def test_the_live_verdicts_are_untouched(scanned, scans):
    beside, _ = scans
    for table in ("campaigns.parquet", "members.parquet"):
        assert pq.read_table(scanned / table).equals(pq.read_table(beside / table)), table
    assert (scanned / "bundle.json").read_bytes() == (beside / "bundle.json").read_bytes()


def test_the_shadow_is_what_a_scan_by_its_settings_finds(scans):
    beside, live = scans
    for table in ("campaigns.parquet", "members.parquet"):
        assert pq.read_table(beside / "shadow" / table).equals(pq.read_table(live / table)), table


def test_the_difference_stands_in_run_json_and_in_the_report(scanned, scans):
    beside, live = scans
    shadow = json.loads((beside / "run.json").read_text())["shadow"]
    assert shadow["settings"] == json.loads((live / "run.json").read_text())["settings"]
    assert shadow["settings_changed"] == {
        "accuse_probability": 0.9, "min_exchanges": 40, "content_accounts": 3,
    }  # fmt: skip
    ours, theirs = accused(scanned), accused(beside / "shadow")
    assert len(ours) > len(theirs), "the shadow is stricter, so that there is a difference to see"
    assert shadow["accused"] == {
        "a": len(ours),
        "b": len(theirs),
        "only_a": len(ours - theirs),
        "only_b": len(theirs - ours),
    }
    assert shadow["difference"] in (beside / "report.html").read_text()
    assert json.loads((live / "run.json").read_text())["shadow"] is None
