"""JSON is cut into values whatever its dress, and one broken value leaves its neighbours whole."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.records.formats.json_values import BadJson, decode, last_element, split_values
from stillwatch.records.rejects import NOT_PARSEABLE, TOO_LONG

objects = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text(max_size=8)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
        ),
        max_leaves=5,
    ),
    min_size=1,
    max_size=4,
)


def pieces(data: bytes, size: int):
    return (data[i : i + size] for i in range(0, len(data), size))


def values(data: bytes, size: int = 1 << 20, limit: int = 1 << 20) -> list[object]:
    """All values of a stream, an array on one line taken apart as adapters do."""
    found: list[object] = []
    for value in split_values(pieces(data, size), limit):
        if value.problem is not None:
            found.append(value.problem)
            continue
        decoded = decode(value.data)
        found += decoded if isinstance(decoded, list) else [decoded]
    return found


@settings(max_examples=150)
@given(st.lists(objects, min_size=1, max_size=6), st.integers(1, 200), st.booleans())
def test_every_dress_gives_the_same_values(items: list[object], size: int, ascii_only: bool) -> None:
    dump = lambda value, **k: json.dumps(value, ensure_ascii=ascii_only, **k).encode()  # noqa: E731
    lines = b"\n".join(map(dump, items))
    assert values(lines, size) == items
    assert values(b"\xef\xbb\xbf" + lines + b"\r\n\n", size) == items
    assert values(b"[\n" + b",\n".join(map(dump, items)) + b"\n]\n", size) == items
    assert values(dump(items), size) == items
    assert values(dump(items, indent=2), size) == items
    assert values(b"\n".join(dump(item, indent=1) for item in items), size) == items


@settings(max_examples=100)
@given(st.lists(objects, min_size=2, max_size=6), st.integers(20, 200))
def test_a_file_larger_than_the_limit_is_scanned(items: list[object], size: int) -> None:
    data = json.dumps(items, indent=1).encode()
    longest = max(len(json.dumps(item, indent=2)) for item in items) + 64
    assert values(data, size, limit=longest) == items


def test_broken_lines_are_told_and_the_rest_is_kept() -> None:
    data = b'{"a": 1}\n{"a": 2\ngarbage\n"text\n\xff\xfe\n{"a": 3}\n{"b": "cut'
    found = []
    for value in split_values(iter([data])):
        try:
            found.append((value.number, decode(value.data)))
        except BadJson:
            found.append((value.number, None))
    assert found == [(1, {"a": 1}), (2, None), (3, None), (4, None), (5, None), (6, {"a": 3}), (7, None)]


def test_a_broken_first_line_does_not_make_a_document() -> None:
    assert [v.number for v in split_values(iter([b'{"a": \n{"a": 1}\n{"a": 2}\n']))] == [1, 2, 3]


@pytest.mark.parametrize("size", [7, 1000])
def test_a_line_that_is_too_long_is_told_and_the_rest_is_kept(size: int) -> None:
    data = b'{"a": 1}\n{"b": "' + b"x" * 3000 + b'"}\n{"a": 2}\n'
    assert values(data, size, limit=1000) == [{"a": 1}, TOO_LONG, {"a": 2}]


def test_a_document_that_breaks_off_inside_text_goes_on_at_the_next_line() -> None:
    data = b'[\n {\n  "a": "x\n },\n {\n  "a": "' + b"y" * 500 + b'"\n },\n {\n  "a": 3\n }\n]'
    found = values(data, 64, limit=700)
    assert found[0] == NOT_PARSEABLE
    assert {"a": 3} in found


@settings(max_examples=300)
@given(st.binary(max_size=300), st.integers(1, 64), st.integers(8, 400))
def test_no_bytes_make_it_fail(data: bytes, size: int, limit: int) -> None:
    values_seen = list(split_values(pieces(data, size), limit))
    assert len(values_seen) <= len(data)


@settings(max_examples=300)
@given(st.text(alphabet='{}[]",:\\\n 1a', max_size=120), st.integers(1, 16), st.integers(8, 60))
def test_no_structure_makes_it_fail(text: str, size: int, limit: int) -> None:
    for value in split_values(pieces(text.encode(), size), limit):
        assert value.number >= 1
        assert len(value.data) <= max(limit, 4096)


def test_lenient_reading() -> None:
    assert math.isnan(decode(b'{"a": NaN}')["a"])  # type: ignore[index]
    assert decode(b'{"a": "\\ud800"}') == {"a": "\ud800"}
    assert decode(b'{"a": "\xff"}') == {"a": "\ufffd"}
    for bad in (b"", b"{", b"nope", b"[" * 100_000, b'{"a": ' + b"9" * 10_000 + b"}"):
        with pytest.raises(BadJson):
            decode(bad)


def test_a_value_that_breaks_off_is_closed_after_its_last_whole_element() -> None:
    data = b'{"a": [{"b": "}]"}, {"b": [{}]}, {"b": 1'
    assert last_element(data, b"{[") == (b'{"a": [{"b": "}]"}, {"b": [{}]}]}', b', {"b": 1')
    assert last_element(b'{"a": [{"b": 1}]}', b"{[") is None
    assert last_element(b'{"a": [1, 2', b"{[") is None
    assert last_element(b"]]", b"{[") is None
