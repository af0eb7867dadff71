"""run.json and what the report says of the input: nothing that was lost goes unsaid."""

import json
import shutil

import pyarrow.parquet as pq
import pytest

from stillwatch.detection.run_record import Inputs, Resources
from stillwatch.detection.scan import scan
from stillwatch.detection.settings import Settings
from stillwatch.records.errors import InputError
from stillwatch.records.rejects import RejectLog
from stillwatch.records.sketched.job import write_sketched
from stillwatch.records.sketches import Key
from stillwatch.records.tables import open_usage


def run(out, usage, **inputs):
    return scan(
        Inputs(str(usage), **inputs),
        out,
        settings=Settings(),
        resources=Resources(threads=1, memory=2 << 30),
        key=Key(bytes(16)),
    ).run


@pytest.fixture
def rows(exercise):
    """The first rows of the exercise as JSON."""
    table = pq.read_table(exercise / "usage").slice(0, 300)
    return [json.loads(json.dumps(row, default=str)) for row in table.to_pylist()]


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_file_that_cannot_be_read_to_its_end_is_named(exercise, tmp_path):
    """Its neighbours are scanned, and nobody is left to think that it was."""
    logs = tmp_path / "logs"
    logs.mkdir()
    whole = sorted((exercise / "usage").iterdir())[0]
    shutil.copy(whole, logs / "a.parquet")
    (logs / "b.parquet").write_bytes(whole.read_bytes()[:5_000])
    told = run(tmp_path / "out", logs)
    assert told["files"]["read"] == {"native": 1}
    (lost,) = [f["source"] for f in told["files"]["not_whole"]]
    assert lost == "b.parquet"
    report = (tmp_path / "out" / "report.html").read_text()
    assert "usage: b.parquet" in report
    assert "could not be read to their end" in report


def test_accounts_without_a_row_are_counted(exercise, tmp_path, rows):
    table = pq.read_table(exercise / "accounts.parquet")
    used = {row["account_id"] for row in rows}
    some = [a for a in table["account_id"].to_pylist() if a in used][:5]
    few = table.filter([a in some for a in table["account_id"].to_pylist()])
    pq.write_table(few, tmp_path / "few.parquet")
    usage = write(tmp_path / "usage.jsonl", rows)
    told = run(tmp_path / "out", usage, accounts=str(tmp_path / "few.parquet"))
    assert told["accounts"] == len(used)
    assert told["accounts_table"] == {"rows": 5, "in_usage": 5}
    assert f"5 of the {len(used)} accounts" in (tmp_path / "out" / "report.html").read_text()
    assert run(tmp_path / "without", usage)["accounts_table"] is None


def test_repeated_events_are_counted_once_in_the_scan(tmp_path, rows):
    told = run(tmp_path / "out", write(tmp_path / "usage.jsonl", [*rows, *rows[:7]]))
    assert told["rows"] == {
        "read": 307,
        "rejected": 7,
        "skipped": {},
        "outside_window": 0,
        "scanned": 300,
    }
    assert told["rejected"] == {"usage": {"duplicate event_id": 7}}
    assert len((tmp_path / "out" / "rejected" / "usage.jsonl").read_text().splitlines()) == 7


@pytest.mark.parametrize(
    ("change", "inputs", "says"),
    [
        ({"time": "noon"}, {}, r"300 rejected \(300 time not readable\); name the format with --adapter"),
        ({}, {"since": 4_000_000_000_000_000}, "300 outside --since and --until; give an earlier --since"),
    ],
)
def test_without_a_usable_exchange_it_is_said_why(tmp_path, rows, change, inputs, says):
    usage = write(tmp_path / "usage.jsonl", [{**row, **change} for row in rows])
    with pytest.raises(InputError, match=f"no usable exchange among 300 rows: {says}"):
        run(tmp_path / "out", usage, **inputs)
    assert not (tmp_path / "out").exists()


def test_what_came_as_sketches_is_counted_and_not_called_absent(exercise, tmp_path):
    (tmp_path / "sketched").mkdir()
    few = pq.read_table(exercise / "usage").slice(0, 300)
    pq.write_table(few, tmp_path / "few.parquet")
    key = Key(bytes(16))
    write_sketched(
        open_usage(tmp_path / "few.parquet", rejects=RejectLog()), tmp_path / "sketched", key, threads=1
    )
    told = run(tmp_path / "out", tmp_path / "sketched")
    spoken = [row for row in few.to_pylist() if row["input_text"] or row["system_text"]]
    assert told["sketched"] == {"files": 1, "exchanges": 300, "without_text": len(spoken)}
    assert set(told["absent_columns"]) & {"input_text", "system_text", "output_text"} == {"output_text"}
    report = (tmp_path / "out" / "report.html").read_text()
    assert f"{len(spoken)} of 300 exchanges came with sketches in place of texts" in report
    plain = run(tmp_path / "plain", tmp_path / "few.parquet")
    assert plain["sketched"] == {"files": 0, "exchanges": 0, "without_text": 0}
    assert "sketches in place of texts" not in (tmp_path / "plain" / "report.html").read_text()
