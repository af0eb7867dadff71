"""Files cut into shares: everything is in one share, once, in order."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.records import shares as module
from stillwatch.records.rejects import RejectLog
from stillwatch.records.shares import shares
from stillwatch.records.sources import find_files
from stillwatch.records.tables import open_usage


@pytest.fixture
def logs(tmp_path):
    """A large Parquet file of many row groups, small ones, and a file of another form."""
    rows = {
        "event_id": [f"e{i}" for i in range(3000)],
        "time": pa.array([1_770_000_000_000_000 + i for i in range(3000)], pa.timestamp("us", "UTC")),
        "account_id": [f"a{i % 50}" if i % 10 else None for i in range(3000)],
        "model": ["m"] * 3000,
        "status": ["ok" if i % 2 else None for i in range(3000)],
    }
    folder = tmp_path / "logs"
    folder.mkdir()
    pq.write_table(pa.table(rows), folder / "a.parquet", row_group_size=250, compression="none")
    for n in range(3):
        pq.write_table(pa.table({k: v[:20] for k, v in rows.items()}), folder / f"b{n}.parquet")
    (folder / "c.jsonl").write_text(
        '{"event_id": "x", "time": "2026-03-01T00:00:00Z", "account_id": "z", "model": "m"}\n' * 5
        + "{broken\n"
    )
    return folder


@pytest.fixture
def small(monkeypatch):
    """Shares of some kilobytes."""
    monkeypatch.setattr(module, "LEAST_BYTES", 16_000)
    monkeypatch.setattr(module, "MOST_BYTES", 16_000)


def test_one_worker_has_one_share(logs, small):
    files = find_files(logs).files
    assert shares(files, 1) == [files]


def test_large_files_are_cut_between_row_groups_and_small_ones_put_together(logs, small):
    found = shares(find_files(logs).files, 2)
    assert len(found) > 4
    groups = [g for share in found for f in share if f.name == "a.parquet" for g in f.groups]
    assert groups == list(range(12))
    assert len(found[-1]) > 1
    assert [f.name for share in found for f in share if f.begins] == [
        "a.parquet", "b0.parquet", "b1.parquet", "b2.parquet", "c.jsonl"
    ]  # fmt: skip


def test_what_is_small_is_one_share(logs):
    assert len(shares(find_files(logs).files, 64)) == 1


def told(reader, rejects):
    return (
        reader.rows_read, reader.rows_out, dict(reader.rows_skipped), reader.present_columns,
        dict(reader.values_dropped), dict(reader.adapters), rejects.by_reason("usage"), rejects.files,
    )  # fmt: skip


def test_parts_count_reject_and_number_together_as_the_whole_does(logs, small, tmp_path):
    (logs / "d.parquet").write_bytes(b"PAR1 no such thing")
    with RejectLog(tmp_path / "whole") as rejects:
        whole = open_usage(logs, rejects=rejects)
        rows = pa.Table.from_batches(list(whole))
    with RejectLog(tmp_path / "parts") as together:
        reader = open_usage(logs, rejects=together)
        parts, found = [], []
        for number, files in enumerate(shares(reader.files, 2)):
            part = reader.part(files, RejectLog(tmp_path / f"part-{number}"))
            found += list(part)
            parts.append(part)
        reader.absorb(parts)
    assert told(reader, together) == told(whole, rejects)
    assert pa.Table.from_batches(found).equals(rows)
    # Numbers of rejected rows are those of the whole file, and in its order.
    assert (tmp_path / "parts" / "usage.jsonl").read_text() == (
        tmp_path / "whole" / "usage.jsonl"
    ).read_text()


def test_a_file_that_cannot_be_read_is_a_piece_of_its_own(logs, small):
    (logs / "d.parquet").write_bytes(b"PAR1" + bytes(50_000))
    last = shares(find_files(logs).files, 2)[-1][-1]
    assert (last.name, last.groups) == ("d.parquet", None)
