"""Files of useful size that appear when they are whole."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.records.sketched import SKETCHED_SCHEMA, SketchedWriter, sketched
from stillwatch.records.sketched.form import said
from stillwatch.records.sketches import Key


@pytest.fixture
def batch(texts_file, read, key):
    table, _, _ = read(texts_file)
    return sketched(table.combine_chunks().to_batches()[0], key)


def test_files_hold_so_many_rows_in_groups(batch, tmp_path, key):
    with SketchedWriter(tmp_path / ".", key, file_rows=100, group_rows=50) as out:
        for at in range(0, batch.num_rows, 30):
            out.write(batch.slice(at, 30))
    files = sorted(tmp_path.glob("part-*.parquet"))
    assert out.files == files
    assert [pq.ParquetFile(file).metadata.num_rows for file in files] == [100, 100, 100, 100, 54]
    groups = pq.ParquetFile(files[0]).metadata
    assert [groups.row_group(i).num_rows for i in range(groups.num_row_groups)] == [50, 50]
    whole = pa.concat_tables(pq.read_table(file) for file in files)
    assert whole.combine_chunks().to_batches()[0].cast(SKETCHED_SCHEMA).equals(batch)
    assert out.rows == batch.num_rows
    assert all(pq.ParquetFile(f).metadata.metadata.items() >= said(key).items() for f in files)


def test_a_file_in_the_making_has_no_name_that_is_read(batch, tmp_path, key):
    folder = tmp_path / "out"
    folder.mkdir()
    with (
        pytest.raises(RuntimeError, match="stopped"),
        SketchedWriter(folder, key, file_rows=200, group_rows=50) as out,
    ):
        out.write(batch.slice(0, 330))
        assert [file.name for file in sorted(folder.glob("[!.]*"))] == ["part-00000.parquet"]
        assert len(list(folder.iterdir())) == 2
        raise RuntimeError("stopped")
    assert [file.name for file in folder.iterdir()] == ["part-00000.parquet"]


def test_nothing_in_gives_no_file(tmp_path, key):
    with SketchedWriter(tmp_path, key):
        pass
    assert list(tmp_path.iterdir()) == []


def test_ids_and_whole_hashes_have_no_dictionary_and_phrases_have(batch, tmp_path, key):
    with SketchedWriter(tmp_path, key) as out:
        out.write(batch)
    group = pq.ParquetFile(out.files[0]).metadata.row_group(0)
    columns = [group.column(i) for i in range(group.num_columns)]
    encodings = {column.path_in_schema.partition(".")[0]: column.encodings for column in columns}
    assert "DELTA_BINARY_PACKED" in encodings["time"]
    for name, wanted in (("event_id", False), ("item_hash", False), ("phrases", True), ("system_hash", True)):
        assert any("DICTIONARY" in one for one in encodings[name]) is wanted, name


@given(sizes=st.lists(st.integers(0, 40), max_size=20), groups=st.integers(1, 30), files=st.integers(1, 90))
def test_no_row_is_lost_however_batches_come(tmp_path_factory, sizes, groups, files):
    key = Key(bytes(16))
    folder = tmp_path_factory.mktemp("rows")
    total = sum(sizes)
    columns = [pa.nulls(total, field.type) for field in SKETCHED_SCHEMA]
    for name, values in (
        ("event_id", pa.array([f"e{i}" for i in range(total)], pa.large_string())),
        ("time", pa.array(range(total), SKETCHED_SCHEMA.field("time").type)),
        ("account_id", pa.array(["a"] * total, pa.large_string())),
        ("model", pa.array(["m"] * total, pa.large_string())),
    ):
        columns[SKETCHED_SCHEMA.get_field_index(name)] = values
    rows = pa.RecordBatch.from_arrays(columns, schema=SKETCHED_SCHEMA)
    at = 0
    with SketchedWriter(folder, key, file_rows=files, group_rows=groups) as out:
        for size in sizes:
            out.write(rows.slice(at, size))
            at += size
    assert out.rows == total
    found = [i for file in out.files for i in pq.read_table(file)["event_id"].to_pylist()]
    assert found == [f"e{i}" for i in range(total)]
    assert all(pq.ParquetFile(file).metadata.num_rows <= files for file in out.files)
