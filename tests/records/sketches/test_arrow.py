"""Arrow arrays as bytes and offsets, whatever their type and place."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.records.errors import InputError
from stillwatch.records.sketches.arrow import pieces

TYPES = [pa.string(), pa.large_string(), pa.string_view()]


def read(array: pa.Array | pa.ChunkedArray) -> list[str | None]:
    return [
        bytes(t.data[t.offsets[i] : t.offsets[i + 1]]).decode() if t.valid[i] else None
        for t in pieces(array)
        for i in range(len(t.valid))
    ]


@given(
    st.lists(st.one_of(st.none(), st.text(max_size=20)), max_size=10),
    st.sampled_from(TYPES),
    st.integers(0, 10),
    st.integers(0, 10),
)
def test_what_is_read_is_what_is_there(texts, kind, start, length):
    array = pa.array(texts, kind).slice(min(start, len(texts)), length)
    assert read(array) == array.to_pylist()
    assert read(pa.chunked_array([array, array], kind)) == array.to_pylist() * 2


@pytest.mark.parametrize("value", [pa.array([1]), pa.array([1.5]), pa.array([["a"]]), pa.array([True])])
def test_other_types_are_refused(value):
    with pytest.raises(InputError, match="cannot be sketched"):
        read(value)


def test_dictionary_with_null_values():
    array = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 0]), pa.array(["a", None]))
    assert read(array) == ["a", None, None, "a"]
