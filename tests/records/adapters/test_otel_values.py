"""Values of OTLP: JSON and protobuf give the same plain values."""

import json

from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from stillwatch.records.adapters.otel_values import (
    MOST_PARTS,
    attributes_of_json,
    attributes_of_message,
    integer,
    structured,
    value_of_json,
    value_of_message,
)

VALUES = st.recursive(
    st.text(min_size=1, max_size=5) | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(-1e9, 1e9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=10,
)


def message(value: object) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    found = AnyValue()
    if isinstance(value, list):
        found.array_value.values.extend(map(message, value))
        found.array_value.SetInParent()
    elif isinstance(value, dict):
        found.kvlist_value.values.extend(
            KeyValue(key=key, value=message(inner)) for key, inner in value.items()
        )
        found.kvlist_value.SetInParent()
    else:
        found.string_value = value
    return found


@given(VALUES)
def test_both_encodings_give_the_value_back(value):
    sent = message(value)
    assert value_of_message(sent) == value
    assert value_of_json(MessageToDict(sent)) == value
    pairs = [KeyValue(key="a", value=sent)]
    assert attributes_of_message(pairs) == {"a": value}
    assert attributes_of_json([MessageToDict(pair) for pair in pairs]) == {"a": value}


def test_what_is_no_value_is_none():
    assert value_of_message(AnyValue()) is None
    assert [value_of_json(value) for value in (None, 3, [], {}, {"otherValue": 1})] == [None] * 5
    assert attributes_of_json([{"value": {"intValue": "1"}}, {"key": 3}, "x", None]) == {}
    assert attributes_of_json({"key": "a"}) == {}


def test_nesting_has_an_end():
    deep: object = {"intValue": "1"}
    for _ in range(500):
        deep = {"arrayValue": {"values": [deep]}}
    assert json.dumps(value_of_json(deep)).count("[") < 50


def test_integers_as_text():
    assert [integer(value) for value in ("12", 12, "-1", "x", "1" * 40, None)] == [
        12,
        12,
        -1,
        "x",
        "1" * 40,
        None,
    ]


def test_json_in_text():
    assert structured('[{"a": 1}]') == [{"a": 1}]
    assert structured("[1, broken") == "[1, broken"
    assert structured("text") == "text"
    assert structured({"a": 1}) == {"a": 1}


def test_attributes_without_end_are_cut():
    pairs = [KeyValue(key=str(n), value=AnyValue(int_value=n)) for n in range(MOST_PARTS + 5)]
    assert len(attributes_of_message(pairs)) == MOST_PARTS
    assert len(attributes_of_json([MessageToDict(pair) for pair in pairs])) == MOST_PARTS
