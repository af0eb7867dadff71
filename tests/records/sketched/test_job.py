"""From logs to files with sketches: all rows, in order, whatever the threads; errors come out."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.records.errors import InputError
from stillwatch.records.rejects import RejectLog
from stillwatch.records.sketched.job import write_sketched
from stillwatch.records.tables import open_usage


def run(path, folder, key, **options):
    folder.mkdir()
    with RejectLog() as rejects:
        reader = open_usage(path, rejects=rejects, key=key, batch_rows=64)
        return write_sketched(reader, folder, key, **options), rejects


@pytest.mark.parametrize("threads", [1, 3])
def test_rows_come_in_order_under_any_number_of_threads(texts_file, sketches_file, tmp_path, key, threads):
    seen = []
    written, rejects = run(
        texts_file, tmp_path / "out", key, threads=threads, progress=lambda rows, share: seen.append(rows)
    )
    assert pq.read_table(written.files).equals(pq.read_table(sketches_file))
    assert (written.rows, rejects.total("usage"), seen[-1]) == (454, 46, 500)
    assert written.bytes == sum(file.stat().st_size for file in written.files)
    assert len(seen) > 3


def test_no_text_is_written(texts_file, tmp_path, key):
    written, _ = run(texts_file, tmp_path / "out", key)
    assert not {n for n in pq.read_schema(written.files[0]).names if n.endswith("_text")}
    for file in written.files:
        assert pq.read_table(file).to_pylist()
        for word in (b"river", b"clerk", b"because"):
            assert word not in file.read_bytes()


def test_sketches_are_passed_on(sketches_file, tmp_path, key):
    written, _ = run(sketches_file, tmp_path / "out", key)
    assert pq.read_table(written.files).equals(pq.read_table(sketches_file))


def test_an_error_while_reading_comes_out_and_leaves_no_part(changed, tmp_path, key):
    def bad(table):
        values = pa.array([99 if i == 400 else 1 for i in range(table.num_rows)], pa.int8())
        return table.set_column(table.schema.get_field_index("script"), "script", values)

    with pytest.raises(InputError, match="column script"):
        run(changed(bad), tmp_path / "out", key)
    assert list((tmp_path / "out").iterdir()) == []
