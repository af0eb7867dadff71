"""Shared text objects of exchanges, against a dictionary."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.detection.carried import CONTENT_KINDS, PHRASE_KINDS, TEXT_KINDS, Lookup

few = st.integers(-3, 3)
value = st.one_of(few, st.sampled_from([2**63 - 1, -(2**63)]))
row = st.fixed_dictionaries(
    {f"{kind}_hash": st.one_of(st.none(), value) for kind in TEXT_KINDS}
    | {
        column: st.one_of(st.none(), st.lists(value, unique=True, max_size=4))
        for column in PHRASE_KINDS.values()
    }
)
objects = st.lists(st.tuples(st.integers(0, len(CONTENT_KINDS) - 1), value), unique=True, max_size=25).map(
    lambda pairs: sorted(pairs, key=lambda pair: pair[0])
)
SCHEMA = pa.schema(
    [pa.field(f"{kind}_hash", pa.int64()) for kind in TEXT_KINDS]
    + [pa.field(column, pa.list_(pa.int64())) for column in PHRASE_KINDS.values()]
)


@given(rows=st.lists(row, max_size=8), known=objects, cut=st.integers(0, 3))
def test_objects_of_rows_by_kind_and_place(rows, known, cut):
    table = pa.table(
        {
            "kind": pa.array([k for k, _ in known], pa.int8()),
            "value": pa.array([v for _, v in known], pa.int64()),
        }
    )
    batch = pa.RecordBatch.from_pylist(rows, schema=SCHEMA).slice(cut)
    counts, carried = Lookup.of(table).carried(batch)
    place = {thing: n for n, thing in enumerate(known)}
    expected = []
    for one in rows[cut:]:
        things = [(CONTENT_KINDS.index(kind), one[f"{kind}_hash"]) for kind in TEXT_KINDS]
        for kind, column in PHRASE_KINDS.items():
            things += [(CONTENT_KINDS.index(kind), v) for v in one[column] or ()]
        expected.append([place[thing] for thing in things if thing in place])
    assert counts.tolist() == [len(each) for each in expected]
    assert np.split(carried, np.cumsum(counts)[:-1].astype(int))[0].tolist() == (
        expected[0] if expected else []
    )
    assert carried.tolist() == [o for each in expected for o in each]
