"""The small tables: what is nothing in them, and what of them could not be used."""

import json

import pytest

from stillwatch.records.rejects import RejectLog
from stillwatch.records.whole_tables import read_accounts, read_agreements, read_releases


@pytest.mark.parametrize("blank", ["", "NULL", "\\N", "None", "null"])
def test_what_exports_write_for_nothing_is_nothing(tmp_path, blank):
    """Else the accounts of everybody without an organisation share one."""
    (tmp_path / "a.csv").write_text(
        f"account_id,organisation,payment_fingerprint\na,{blank},{blank}\nb,Acme,x\n"
    )
    table = read_accounts(tmp_path / "a.csv", RejectLog())
    assert table["organisation"].to_pylist() == [None, "Acme"]
    assert table["payment_fingerprint"].to_pylist() == [None, "x"]


def test_dropped_values_of_small_tables_are_counted(tmp_path):
    rejects = RejectLog()
    rows = [
        {"account_id": str(i), "created_at": "long ago" if i < 3 else None, "plan": "Gold"} for i in range(5)
    ]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_accounts(tmp_path / "a.jsonl", rejects).num_rows == 5
    assert rejects.dropped == {
        ("accounts", "created_at", "time not readable"): 3,
        ("accounts", "plan", "not in the vocabulary"): 5,
    }


@pytest.mark.parametrize(("written", "rows"), [("", 1), ("NULL", 1), ("None", 0), ("NaN", 0)])
def test_only_what_means_no_limit_is_no_limit(tmp_path, written, rows):
    (tmp_path / "g.csv").write_text(f"agreement_id,account_id,purpose,ends_at\ng,a,distillation,{written}\n")
    rejects = RejectLog()
    assert read_agreements(tmp_path / "g.csv", rejects).num_rows == rows
    assert rejects.total("agreements") == 1 - rows


def test_rows_that_repeat_another_are_kept_aside(tmp_path):
    files = {
        "accounts": "account_id,created_at,plan\na,2026-01-01T00:00:00Z,paid\na,2026-01-02T00:00:00Z,\nb,,\n",
        "releases": "model,released_at\nm,2026-01-01T00:00:00Z\nm,2026-01-02T00:00:00Z\n",
        "agreements": "agreement_id,account_id,purpose\ng,a,distillation\ng,a,distillation\n",
    }
    for name, text in files.items():
        (tmp_path / f"{name}.csv").write_text(text)
    with RejectLog(tmp_path / "rejected") as rejects:
        assert read_accounts(tmp_path / "accounts.csv", rejects).num_rows == 2
        assert read_releases(tmp_path / "releases.csv", rejects).num_rows == 1
        assert read_agreements(tmp_path / "agreements.csv", rejects).num_rows == 1
    lost = {
        name: [
            json.loads(line) for line in (tmp_path / "rejected" / f"{name}.jsonl").read_text().splitlines()
        ]
        for name in files
    }
    for name, rows in lost.items():
        assert [(row["row"], row["reason"].startswith("duplicate")) for row in rows] == [(None, True)], name
        assert rejects.total(name) == 1
    assert lost["accounts"][0]["content"]["created_at"].startswith("2026-01-02")
    assert lost["releases"][0]["content"]["released_at"].startswith("2026-01-02")
    assert lost["agreements"][0]["content"]["purpose"] == "distillation"
