"""Canonical JSON: the published examples, nothing that hides, and nothing raised but the error that says so."""

import json
import struct

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from stillwatch.records.errors import InputError
from stillwatch.transparency.canonical import LARGEST, MOST_NESTED, canonical, parse, parse_canonical

SECTION_3_2_2 = rb"""{
  "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
  "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
  "literals": [null, true, false]
}"""
SECTION_3_2_3 = (
    rb"""{"\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh", "1": "One","""
    rb""" "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control", "\u00f6": "Latin Small Letter O With Diaeresis"}"""
)

# RFC 8785, appendix B: IEEE 754 bits and the number as it is written.
NUMBERS = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333",
    "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343",
    "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}

TEXT = st.text(st.characters(codec="utf-8"), max_size=8) | st.text(
    st.sampled_from(list('aé\x00\x1f\n"\\/\x7f\u2028\ufb33\uffff😀𝄞')), max_size=6
)
WHOLE = st.recursive(
    st.none() | st.booleans() | st.integers(-LARGEST, LARGEST) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=20,
)
ANY = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=20,
)


def test_the_examples_of_rfc_8785():
    assert canonical(parse(SECTION_3_2_2, floats=True)) == (
        b'{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        b'"string":"\xe2\x82\xac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    ordered = json.loads(
        canonical(parse(SECTION_3_2_3)), object_pairs_hook=lambda pairs: [v for _, v in pairs]
    )
    assert ordered == [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ]


@pytest.mark.parametrize(("bits", "written"), NUMBERS.items())
def test_the_numbers_of_rfc_8785(bits, written):
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical(number) == written.encode()


@given(WHOLE | ANY)
@example({"\ufb33": 1, "😀": 2})
@example({"a": "😀", "\uffff": [], "𝄞": {}})
def test_the_fast_way_and_the_reference_agree(value):
    assert canonical(value) == rfc8785.dumps(value)


@given(WHOLE)
def test_what_was_written_is_read_and_written_alike(value):
    made = canonical(value)
    assert parse(made) == value
    assert parse_canonical(made) == value
    loose = json.dumps(value, indent=1, ensure_ascii=True).encode()
    assert canonical(parse(loose)) == made
    if loose != made:
        with pytest.raises(InputError, match="canonical"):
            parse_canonical(loose)


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b'{"a":1,"a":1}', "repeated"),
        (b'[{"b":{"a":1,"\\u0061":2}}]', "repeated"),
        (b"1.5", "no integer"),
        (b"1e2", "no integer"),
        (b"-0.0", "no integer"),
        (b"NaN", "no integer"),
        (b"[Infinity]", "no integer"),
        (b"-Infinity", "no integer"),
        (b"9007199254740992", "2\\^53"),
        (b"-9007199254740992", "2\\^53"),
        (b"1" * 5000, "2\\^53"),
        (b'"\\ud800"', "surrogate"),
        (b'{"\\udfff":1}', "surrogate"),
        (b'"\\ude00\\ud83d"', "surrogate"),
        (b"\xef\xbb\xbf{}", "character 0"),
        (b'"\xed\xa0\x80"', "UTF-8"),
        (b'"\xc0\x80"', "UTF-8"),
        ("{}".encode("utf-16"), "UTF-8"),
        (b"[" * 65 + b"]" * 65, "deeply"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "deeply"),
        (b"[" * 100_000, "deeply"),
        (b'{"a":' * 100_000, "deeply"),
        (b'"\x00"', "control"),
        (b"{} {}", "extra data"),
        (b"", "character 0"),
        (b"[1,]", "character"),
        (b"{'a':1}", "character"),
        (b"01", "character"),
    ],
)
def test_what_parsers_read_in_different_ways_is_refused(raw, what):
    with pytest.raises(InputError, match=what):
        parse(raw)


def test_numbers_with_a_fraction_are_read_when_asked_for():
    assert parse(b"[1.5,1e2,-0.0]", floats=True) == [1.5, 100.0, 0.0]
    for raw in (b"1e400", b"NaN", b"-Infinity"):
        with pytest.raises(InputError):
            parse(raw, floats=True)


def test_the_deepest_that_is_read():
    raw = b"[" * MOST_NESTED + b"]" * MOST_NESTED
    assert canonical(parse(raw)) == raw
    assert parse(b'"' + b"[{" * 500 + b'"') == "[{" * 500


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), 2**53, -(2**53), "\ud800", {"\udc00": 1}, {1: 2}, {None: 1}, {1}, b"x", 1j],
)
def test_what_has_no_canonical_form_is_refused(value):
    for held in (value, [value], {"a": {"b": [value]}}):
        with pytest.raises(InputError):
            canonical(held)


def test_endless_nesting_is_refused():
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InputError, match="deeply"):
        canonical(deep)
    while deep:  # taken apart by hand: the interpreter would do it by recursion
        deep = deep.pop()


@given(
    st.binary(max_size=60) | st.text('[]{}":,0123456789.eE-+truefalsn\\ud8c ', max_size=40).map(str.encode)
)
def test_anything_is_read_or_refused_in_words(raw):
    for floats in (False, True):
        try:
            value = parse(raw, floats=floats)
        except InputError:
            continue
        assert parse(canonical(value), floats=floats) == value
