"""Columns that grow and columns made narrow, against lists."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.detection.column import Column, narrow


@given(st.lists(st.integers(0, 4000), max_size=8))
def test_parts_lie_behind_one_another(sizes):
    column, expected = Column(np.int32), []
    for n, size in enumerate(sizes):
        part = np.arange(size, dtype=np.int64) + n
        column.add(part)
        expected += part.tolist()
        assert len(column) == len(expected)
    found = column.whole()
    assert found.dtype == np.int32
    assert found.tolist() == expected


@given(st.lists(st.integers(-(2**62), 2**62) | st.integers(-130, 130), max_size=20))
def test_narrow_numbers_are_the_same_numbers(values):
    found = narrow(np.array(values, dtype=np.int64))
    assert found.tolist() == values
    assert found.dtype == np.min_scalar_type(-max([*(abs(v + (v < 0)) for v in values), 0]) - 1)
