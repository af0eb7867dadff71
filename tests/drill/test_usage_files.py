"""Usage files of an exercise: the same rows with texts or with sketches, and errors that come out."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.drill import usage_files
from stillwatch.drill.exercise import Settings, make
from stillwatch.drill.render import Renderer
from stillwatch.drill.usage_files import UsageFiles
from stillwatch.records.schema import USAGE
from stillwatch.records.sketched import SKETCHED_SCHEMA, sketched
from stillwatch.records.sketches import Key


@pytest.fixture(scope="module")
def table() -> pa.Table:
    e = make(Settings("small", exchanges=2_000, accounts=200, seed=4))
    return Renderer(e.setting, e.accounts, e.streams).table(e.schedule, 0, 2_000)


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files and row groups."""
    monkeypatch.setattr(usage_files, "GROUP", 200)
    monkeypatch.setattr(usage_files, "PART", 800)


@pytest.mark.usefixtures("parts")
@pytest.mark.parametrize("key", [None, Key(bytes(16))])
def test_pieces_go_into_files_of_one_size(table: pa.Table, tmp_path: Path, key: Key | None) -> None:
    with UsageFiles(tmp_path, key, 1) as out:
        for low in range(0, 2_000, 400):
            out.write(table.slice(low, 400))
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == [f"part-{i:05d}.parquet" for i in range(3)]
    metadata = [pq.ParquetFile(file).metadata for file in files]
    assert [m.num_rows for m in metadata] == [800, 800, 400]
    assert {m.row_group(i).num_rows for m in metadata for i in range(m.num_row_groups)} == {200}
    whole = pq.read_table(files).combine_chunks()
    if key is None:
        assert whole.equals(table.combine_chunks())
        return
    (batch,) = table.combine_chunks().to_batches()
    assert whole.cast(SKETCHED_SCHEMA).equals(pa.Table.from_batches([sketched(batch, key, 1)]))


@pytest.mark.parametrize("key", [None, Key(bytes(16))])
def test_what_goes_wrong_in_writing_comes_out(table: pa.Table, tmp_path: Path, key: Key | None) -> None:
    with pytest.raises(FileNotFoundError), UsageFiles(tmp_path / "gone", key, 1) as out:
        for _ in range(80):  # enough for a whole row group
            out.write(table)
    assert not list(tmp_path.iterdir())


def test_an_error_of_the_caller_is_not_hidden(table: pa.Table, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), UsageFiles(tmp_path) as out:
        out.write(table)
        _ = 1 / 0
    assert pq.read_table(tmp_path / "part-00000.parquet").schema.equals(USAGE.schema)
