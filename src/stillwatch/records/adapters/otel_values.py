"""Values as OTLP holds them, in JSON and in protobuf, as plain Python values (opentelemetry-proto, common/v1)."""

from itertools import islice
from typing import Any

from stillwatch.records.adapters.base import as_list, as_mapping
from stillwatch.records.formats.json_values import BadJson, decode

MOST_PARTS = 10_000
"""Attributes or events of one span that are looked at. SDKs keep 128 of each (OpenTelemetry specification, "Span Limits");
millions are made to keep a reader busy."""


def integer(value: object) -> object:
    """A 64-bit integer, which JSON has as text."""
    if isinstance(value, str) and len(value) < 30:
        try:
            return int(value)
        except ValueError:
            return value
    return value


def value_of_json(value: object, depth: int = 0) -> object:
    """The plain value of an AnyValue in JSON."""
    fields = as_mapping(value)
    for name, inner in fields.items():
        if name in ("stringValue", "string_value", "boolValue", "bool_value", "doubleValue", "double_value"):
            return inner
        if name in ("intValue", "int_value"):
            return integer(inner)
        if depth > 32:
            return None
        if name in ("arrayValue", "array_value"):
            return [value_of_json(item, depth + 1) for item in as_list(as_mapping(inner).get("values"))]
        if name in ("kvlistValue", "kvlist_value"):
            return attributes_of_json(as_mapping(inner).get("values"), depth + 1)
        if name in ("bytesValue", "bytes_value"):
            return inner
    return None


def attributes_of_json(pairs: object, depth: int = 0) -> dict[str, object]:
    """Plain values by name of an array of KeyValue in JSON."""
    found: dict[str, object] = {}
    for pair in islice(as_list(pairs), MOST_PARTS):
        fields = as_mapping(pair)
        key = fields.get("key")
        if isinstance(key, str):
            found[key] = value_of_json(fields.get("value"), depth)
    return found


def value_of_message(value: Any) -> object:
    """The plain value of an AnyValue message."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    inner = getattr(value, kind)
    if kind == "array_value":
        return [value_of_message(item) for item in inner.values]
    if kind == "kvlist_value":
        return attributes_of_message(inner.values)
    return inner


def attributes_of_message(pairs: Any) -> dict[str, object]:
    """Plain values by name of KeyValue messages."""
    return {pair.key: value_of_message(pair.value) for pair in islice(pairs, MOST_PARTS)}


def structured(value: object) -> object:
    """A value that may have been recorded as a JSON string, as where attributes can't be structured."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return decode(value.encode("utf-8", "surrogatepass"))
        except BadJson:
            return value
    return value
