import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.records.errors import InputError
from stillwatch.transparency.canonical import LARGEST, MOST_NESTED, canonical, parse

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-LARGEST, LARGEST) | TEXT,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(TEXT, below, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_canonical_forms_are_read_again(value):
    assert parse(canonical(value)) == value
    assert canonical(value) == rfc8785.dumps(value)


@given(VALUES)
def test_other_spellings_have_the_same_form(value):
    assert canonical(parse(json.dumps(value, indent=2).encode())) == canonical(value)


def test_the_form_is_that_of_the_specification():
    # RFC 8785, section 3.2.3: sorting by UTF-16 code units.
    keys = ("€", "\r", "\ufb33", "1", "😀", "\x80", "ö")
    made = json.loads(canonical({key: n for n, key in enumerate(keys)}))
    assert list(made) == ["\r", "1", "\x80", "ö", "€", "😀", "\ufb33"]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b'{"a":1,"a":2}', "repeated"),
        (b'{"a":1,"\\u0061":2}', "repeated"),
        (b"1.0", "no integer"),
        (b"1e3", "no integer"),
        (b"NaN", "no integer"),
        (b"-Infinity", "no integer"),
        (b"9007199254740992", "beyond"),
        (b"1" * 10_000, "beyond"),
        (b'"\\ud800"', "surrogate"),
        (b'{"\\udfff":1}', "surrogate"),
        (b"\xff", "UTF-8"),
        (b"\xef\xbb\xbf{}", "character 0"),
        (b"[" * 100_000, "nested"),
        (b"[" * 100 + b"]" * 100, "nested"),
        (b"{} {}", "extra data"),
        (b"", "expecting value"),
    ],
)
def test_what_parsers_differ_in_is_refused(raw, said):
    with pytest.raises(InputError, match=said):
        parse(raw)


def test_the_deepest_that_is_taken():
    assert parse(b"[" * MOST_NESTED + b"]" * MOST_NESTED) is not None


@given(st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(raw):
    try:
        value = parse(raw)
    except InputError:
        return
    assert parse(canonical(value)) == value


@pytest.mark.parametrize("value", [float("nan"), 2**60, "\ud800", {1: 2}, object()])
def test_what_has_no_form_is_refused(value):
    with pytest.raises(InputError):
        canonical(value)
