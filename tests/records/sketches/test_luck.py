"""The luck of ids."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.records.sketches import luck


@given(st.lists(st.one_of(st.none(), st.text(max_size=40)), max_size=20))
def test_the_same_id_has_the_same_luck_in_every_kind_of_array(ids):
    ids = [None if one is None else one.encode("utf-8", "replace").decode() for one in ids]
    found = luck(pa.array(ids, pa.large_string())).tolist()
    assert found == luck(pa.array(ids, pa.string())).tolist()
    assert (
        found
        == luck(pa.chunked_array([pa.array(ids[:3], pa.string()), pa.array(ids[3:], pa.string())])).tolist()
    )
    assert all(0 <= one < 2**63 for one in found)
    assert all(
        value == (0 if one is None else luck(pa.array([one]))[0])
        for one, value in zip(ids, found, strict=True)
    )


def test_lucks_of_numbered_ids_spread_evenly():
    found = luck(pa.array([f"e{n:07d}" for n in range(200_000)]))
    assert len(np.unique(found)) == 200_000
    counts = np.histogram(found, bins=64, range=(0, 2.0**63))[0]
    assert (np.abs(counts - 3125) < 6 * np.sqrt(3125)).all()


def test_luck_is_what_it_was():
    """Stored samples stay samples."""
    assert luck(pa.array(["", "a", "chatcmpl-000000000001"])).tolist() == FIXED


FIXED = [0, 7491414710386940740, 932067987406201239]
