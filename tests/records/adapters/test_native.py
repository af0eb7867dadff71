"""Our own columns."""

import pyarrow as pa

from stillwatch.records.adapters.base import Sample
from stillwatch.records.adapters.native import NativeAdapter
from stillwatch.records.schema import RELEASES

NEEDED = frozenset({"event_id", "time", "account_id", "model"})


def test_it_is_recognised_by_its_required_columns() -> None:
    native = NativeAdapter()
    assert native.recognises(Sample(columns=NEEDED | {"other"}, tabular=True)) == 1
    assert native.recognises(Sample(columns=NEEDED - {"model"}, tabular=True)) == 0
    assert native.missing(Sample(columns=NEEDED - {"model", "time"})) == ["time", "model"]
    records = ({"event_id": 1}, {"x": 2}, {"model": 3})
    assert native.recognises(Sample(columns=NEEDED, records=records)) == 2


def test_other_tables_and_columns() -> None:
    native = NativeAdapter(table=RELEASES)
    assert native.source_columns(["x", "released_at", "model"]) == ["released_at", "model"]
    batch = pa.RecordBatch.from_arrays([pa.array([1]), pa.array([2])], names=["model", "model"])
    assert native.columns(batch)["model"].to_pylist() == [1]
