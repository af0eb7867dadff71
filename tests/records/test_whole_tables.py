"""The small tables: what is nothing in them, and what of them could not be used."""

import json

import pytest

from stillwatch.records.rejects import RejectLog
from stillwatch.records.whole_tables import read_accounts, read_agreements


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
