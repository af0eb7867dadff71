"""Bodies to rows, by the adapters that read log files: LiteLLM's generic callback, and OTLP in both encodings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from stillwatch.collector.bodies import BadBody, TooLarge
from stillwatch.collector.limits import MAX_RECORDS
from stillwatch.records.adapters.base import Adapter, Row
from stillwatch.records.adapters.mapping import MappingAdapter
from stillwatch.records.adapters.otel import OtelAdapter
from stillwatch.records.formats.json_values import BadJson, decode
from stillwatch.records.formats.otlp_frames import wire_fields
from stillwatch.records.rejects import NOT_PARSEABLE
from stillwatch.records.tables import json_rows


def _bounded(rows: Iterator[Row]) -> list[Row]:
    found = list(islice(rows, MAX_RECORDS + 1))
    if len(found) > MAX_RECORDS:
        raise _too_many()
    return found


def _too_many() -> TooLarge:
    return TooLarge(f"the body holds more than {MAX_RECORDS:,} records")


def litellm_rows(adapter: Adapter, body: bytes) -> list[Row]:
    """The rows of an array, an object or lines of payloads. Raises BadBody when nothing in it is one, and TooLarge."""
    rows = _bounded(row for _, _, row in json_rows(adapter, iter([body])))
    if rows and all(row.rejected == NOT_PARSEABLE for row in rows):
        raise BadBody("the body holds no JSON object")
    if not rows and body.strip() != b"[]":
        raise BadBody("the body holds no JSON object" if body.strip() else "the body is empty")
    return rows


@dataclass(frozen=True)
class Signal:
    """A kind of OTLP telemetry: its messages, the field with its data (protobuf, JSON), and how rejected rows are told."""

    request: Any
    response: Any
    field: str
    json_field: str
    rejected: str


TRACES = Signal(
    ExportTraceServiceRequest, ExportTraceServiceResponse, "resource_spans", "resourceSpans", "rejected_spans"
)
LOGS = Signal(
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
    "resource_logs",
    "resourceLogs",
    "rejected_log_records",
)


_GROUPS = 1, 2, 2
"""Field numbers of what holds records: resource_spans, scope_spans, spans (of logs likewise)."""
_DEPTH = len(_GROUPS)


def _messages_in(data: bytes, depth: int, most: int) -> int:
    """How many groups and records an export has, counted up to a little more than `most`, without parsing them.

    Once parsed, an empty span takes ninety times its two bytes.
    """
    found = 0
    for number, inner, _ in wire_fields(data):
        if number == _GROUPS[-depth]:
            found += 1 + (_messages_in(inner, depth - 1, most - found) if depth > 1 else 0)
        if found > most:
            break
    return found


class _Envelope(msgspec.Struct):
    resourceSpans: list[msgspec.Raw] | None = None  # noqa: N815 - the name on the wire
    resourceLogs: list[msgspec.Raw] | None = None  # noqa: N815 - the name on the wire


_envelope = msgspec.json.Decoder(_Envelope)


def otlp_rows(
    adapter: OtelAdapter | MappingAdapter, signal: Signal, body: bytes, *, as_json: bool
) -> list[Row]:
    """The rows of one export request. Raises TooLarge, and BadBody for what can't be decoded as a whole (a 400 in OTLP)."""
    if as_json:
        return _bounded(adapter.documents(body)) if _holds_data(signal, body) else []
    if _messages_in(body, _DEPTH, MAX_RECORDS) > MAX_RECORDS:
        raise _too_many()
    try:
        request = signal.request.FromString(body)
    except (DecodeError, RecursionError):
        raise BadBody(f"the body is no {signal.request.DESCRIPTOR.name} message") from None
    return _bounded(adapter.messages(getattr(request, signal.field)))


def _holds_data(signal: Signal, body: bytes) -> bool:
    """Whether a body in JSON has any; raises BadBody for what is no export request of this signal."""
    try:
        known = _envelope.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        known = _Envelope()
    if getattr(known, signal.json_field) is not None:
        return True
    # Not the usual form: older names, or JSON that only a lenient reader takes.
    try:
        export = decode(body)
    except BadJson:
        raise BadBody("the body is not JSON") from None
    if export == {}:
        return False  # every field of a message may be absent
    groups = export.get(signal.json_field, export.get(signal.field)) if isinstance(export, Mapping) else None
    if not isinstance(groups, list):
        raise BadBody(f"the body is no object with an array {signal.json_field}")
    return True
