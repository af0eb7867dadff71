"""Which adapter reads a file, told from its beginning."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.records.errors import InputError
from stillwatch.records.recognition import chain
from stillwatch.records.rejects import RejectLog
from stillwatch.records.schema import ACCOUNTS, AGREEMENTS, RELEASES, USAGE
from stillwatch.records.tables import open_usage
from stillwatch.records.whole_tables import read_accounts, read_agreements, read_releases

NATIVE = {"event_id": "e", "time": "2026-03-02T00:00:00Z", "account_id": "a", "model": "m"}


def test_chain_puts_the_first_piece_back():
    assert list(chain(b"one", iter([b"two", b"three"]))) == [b"one", b"two", b"three"]
    assert list(chain(b"", iter([b"two"]))) == [b"two"]


def test_files_of_one_folder_may_be_of_different_systems(tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps(NATIVE) + "\n")
    span = {"resourceSpans": [{"scopeSpans": [{"spans": []}]}]}
    (tmp_path / "b.jsonl").write_text(json.dumps(span) + "\n")
    reader = open_usage(str(tmp_path), rejects=RejectLog())
    assert sum(batch.num_rows for batch in reader) == 1
    assert set(reader.adapters) == {"native", "otel"}


def test_a_log_that_no_adapter_reads_is_refused_with_the_way_out(tmp_path):
    (tmp_path / "odd.jsonl").write_text('{"who": "x", "when": 1}\n')
    with pytest.raises(InputError, match="mapping"):
        list(open_usage(str(tmp_path / "odd.jsonl"), rejects=RejectLog()))


@pytest.mark.parametrize("meant", [ACCOUNTS, RELEASES, AGREEMENTS], ids=lambda table: table.name)
def test_another_table_of_ours_is_named(tmp_path, meant):
    pq.write_table(meant.schema.empty_table(), tmp_path / "other.parquet")
    with pytest.raises(InputError, match=f"it looks like the {meant.name} table: --{meant.name}"):
        open_usage(str(tmp_path / "other.parquet"), rejects=RejectLog())


def test_logs_of_another_form_are_not_taken_for_a_table_of_accounts(tmp_path):
    """They have an account too; what they lack is a mapping."""
    (tmp_path / "log.csv").write_text("account_id,ts,model,prompt,client_address,region,tokens\n")
    with pytest.raises(InputError, match="--mapping"):
        open_usage(str(tmp_path / "log.csv"), rejects=RejectLog())


def test_an_empty_file_is_said(tmp_path):
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(InputError, match="the file is empty; give files that hold records"):
        open_usage(str(tmp_path / "empty.jsonl"), rejects=RejectLog())


def test_tables_with_columns_of_others_and_folders_of_several_are_read(tmp_path):
    """Agreements joined with facts of their accounts; and a folder where each table finds its own files."""
    (tmp_path / "agreements.csv").write_text(
        "agreement_id,account_id,purpose,plan,verified,payment_kind,organisation\ng-1,a-1,distillation,paid,true,card,X\n"
    )
    assert read_agreements(str(tmp_path / "agreements.csv"), RejectLog()).num_rows == 1
    (tmp_path / "accounts.csv").write_text("account_id,organisation,agreement_id\na-1,X,g-1\n")
    assert read_accounts(str(tmp_path / "accounts.csv"), RejectLog()).num_rows == 1
    (tmp_path / "accounts.csv").write_text("account_id,organisation\na-1,X\n")
    (tmp_path / "releases.csv").write_text("model,released_at\nm-1,2026-03-01\n")
    assert read_agreements(str(tmp_path), RejectLog()).num_rows == 1
    assert read_releases(str(tmp_path), RejectLog()).num_rows == 1


def test_usage_logs_given_as_another_table_are_refused(tmp_path):
    """They have the one column that accounts need: nobody would be described by them."""
    pq.write_table(USAGE.schema.empty_table(), tmp_path / "usage.parquet")
    with pytest.raises(InputError, match="no accounts table; it looks like the usage table: --usage"):
        read_accounts(str(tmp_path / "usage.parquet"), RejectLog())


def test_a_file_that_says_it_holds_sketches_is_read_under_our_names(tmp_path):
    """Whatever adapter is asked for, since only stillwatch writes such files."""
    row = {"event_id": ["e1"], "time": ["2026-03-01"], "account_id": ["a"], "model": ["m"]}
    table = pa.table(row).replace_schema_metadata({"stillwatch.sketches": "1"})
    pq.write_table(table, tmp_path / "a.parquet")
    reader = open_usage(tmp_path, rejects=RejectLog(), adapter="litellm")
    assert [batch.num_rows for batch in reader] == [1]
    assert reader.adapters == {"native": 1}
    pq.write_table(table.drop_columns(["model"]), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="model"):
        open_usage(tmp_path, rejects=RejectLog())
