"""Parquet comes in small pieces, and a damaged row group costs its own rows."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.records.formats import parquet_batches as module
from stillwatch.records.formats.parquet_batches import READ_ERRORS, LostRows, open_parquet, parquet_batches


def test_batches_are_bounded_and_numbered(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"a": range(1000), "b": ["x"] * 1000}), tmp_path / "t.parquet", row_group_size=300
    )
    found = list(parquet_batches(open_parquet(tmp_path / "t.parquet"), ["a"], 128))
    assert all(not isinstance(item, LostRows) for item in found)
    assert [a for _, batch in found for a in batch.column("a").to_pylist()] == list(range(1000))
    for number, batch in found:
        assert batch.schema.names == ["a"]
        assert batch.num_rows <= 128
        assert batch.column("a")[0].as_py() == number - 1


def test_long_texts_make_small_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BATCH_BYTES", 100_000)
    # One text repeated takes no room on disk, so that only the batch itself tells its size.
    pq.write_table(pa.table({"text": ["x" * 5000] * 200}), tmp_path / "t.parquet")
    found = list(parquet_batches(open_parquet(tmp_path / "t.parquet"), None, 65536))
    assert sum(batch.num_rows for _, batch in found) == 200
    assert all(sum(map(len, batch.column("text").to_pylist())) <= 100_000 for _, batch in found)


def test_a_damaged_row_group_costs_its_own_rows(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(
        pa.table({"a": [f"value {i}" for i in range(3000)]}),
        path,
        row_group_size=1000,
        compression="gzip",
        use_dictionary=False,
    )
    about = pq.ParquetFile(path).metadata.row_group(1).column(0)
    data = bytearray(path.read_bytes())
    start = about.data_page_offset + 40
    data[start : start + 200] = bytes(200)
    path.write_bytes(data)
    found = list(parquet_batches(open_parquet(path), None, 65536))
    good = [a for item in found if not isinstance(item, LostRows) for a in item[1].column("a").to_pylist()]
    assert good == [f"value {i}" for i in range(3000) if not 1000 <= i < 2000]
    assert [(item.number, item.rows) for item in found if isinstance(item, LostRows)] == [(1001, 1000)]


@pytest.mark.parametrize("keep", [0, 3, 100, -5])
def test_a_truncated_file_raises_what_callers_expect(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": range(100)}), path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(READ_ERRORS):
        open_parquet(path)
