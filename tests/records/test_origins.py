"""Number and content of rows that are kept aside."""

import pyarrow as pa

from stillwatch.records.adapters.base import Row
from stillwatch.records.origins import AdapterOrigin, ArrowOrigin, record_of

BATCH = pa.RecordBatch.from_pydict({"a": [1, 2, None], "b": ["x", None, "z"]})


def test_rows_of_a_batch_follow_one_another_or_have_numbers_of_their_own():
    assert [ArrowOrigin(BATCH, 100).number(place) for place in range(3)] == [100, 101, 102]
    assert [ArrowOrigin(BATCH, [5, 9, 11]).number(place) for place in range(3)] == [5, 9, 11]
    assert ArrowOrigin(BATCH, 1).content(2) == {"a": None, "b": "z"} == record_of(BATCH, 2)


def test_of_an_adapters_rows_the_record_behind_is_shown():
    origin = AdapterOrigin([Row({"event_id": "e"}, {"id": "e", "more": 1})], [7])
    assert origin.number(0) == 7
    assert origin.content(0) == {"id": "e", "more": 1}
