"""Which adapter reads a file, told from its beginning."""

import json

import pytest

from stillwatch.records.errors import InputError
from stillwatch.records.recognition import chain
from stillwatch.records.rejects import RejectLog
from stillwatch.records.tables import open_usage

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
