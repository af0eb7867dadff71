"""What is written of a batch: everything but answers, and texts only when they are wanted."""

import pyarrow as pa
import pytest

from stillwatch.collector.writing import DICTIONARIES, Written
from stillwatch.records.schema import USAGE
from stillwatch.records.validation import validate

ROW = {
    "event_id": ["e-1"], "time": [1_760_000_000], "account_id": ["a-1"], "model": ["m"], "turn": [2],
    "input_text": ["in"], "system_text": ["system"], "output_text": ["out"],
}  # fmt: skip


@pytest.mark.parametrize("text", [True, False])
def test_columns_that_are_written(text):
    batch = validate(USAGE, ROW, 1).batch
    written = Written(text=text)
    (row,) = written.of(batch).to_pylist()
    absent = {"output_text"} if text else {"output_text", "input_text", "system_text"}
    assert set(USAGE.schema.names) - set(row) == absent
    assert row == {name: value for name, value in batch.to_pylist()[0].items() if name not in absent}
    assert written.of(batch).schema.equals(written.schema)


def test_dictionaries_are_of_columns_that_there_are():
    assert set(DICTIONARIES) <= set(USAGE.schema.names)
    assert all(USAGE.schema.field(name).type == pa.large_string() for name in DICTIONARIES)
