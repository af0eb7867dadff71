"""OpenTelemetry log records that tell of an exchange, as the fields that spans have.

What the GenAI conventions call an event is sent as a log record with a name (semantic-conventions-genai,
docs/gen-ai/gen-ai-events.md). `gen_ai.client.inference.operation.details` holds everything about one exchange; the others
hold a part of one (a message, a choice, a grade) and are passed over. Records of gateways, which have no such name, count
when they name a model. A record has one moment, when it was written: it stands for the time of the request.
"""

from collections.abc import Mapping
from typing import Any

from stillwatch.records.adapters.base import as_mapping, first_of
from stillwatch.records.adapters.otel_values import (
    attributes_of_json,
    attributes_of_message,
    integer,
    value_of_json,
    value_of_message,
)

DETAILS_EVENT = "gen_ai.client.inference.operation.details"
_GEN_AI = "gen_ai."
_NAME = "event.name"
_SEVERITY_ERROR = 17  # SeverityNumber.SEVERITY_NUMBER_ERROR


def tells_no_exchange(fields: Mapping[str, object]) -> bool:
    """Whether this is a GenAI event about a part of an exchange, or about something else."""
    name = fields.get(_NAME)
    return isinstance(name, str) and name.startswith(_GEN_AI) and name != DETAILS_EVENT


def fields_of_json(record: object, resource: Mapping[str, object]) -> dict[str, object] | None:
    """The fields of one record in JSON, with those of its resource; None when it is no object."""
    if not isinstance(record, Mapping):
        return None
    return _fields(
        resource,
        value_of_json(record.get("body")),
        attributes_of_json(record.get("attributes")),
        name=first_of(record, "eventName", "event_name"),
        trace=first_of(record, "traceId", "trace_id"),
        span=first_of(record, "spanId", "span_id"),
        written=integer(first_of(record, "timeUnixNano", "time_unix_nano")),
        observed=integer(first_of(record, "observedTimeUnixNano", "observed_time_unix_nano")),
        severity=first_of(record, "severityNumber", "severity_number"),
    )


def fields_of_message(record: Any, resource: Mapping[str, object]) -> dict[str, object]:
    """The fields of one LogRecord message, with those of its resource."""
    return _fields(
        resource,
        value_of_message(record.body),
        attributes_of_message(record.attributes),
        name=record.event_name,
        trace=record.trace_id.hex(),
        span=record.span_id.hex(),
        written=record.time_unix_nano,
        observed=record.observed_time_unix_nano,
        severity=record.severity_number,
    )


def _fields(
    resource: Mapping[str, object],
    body: object,
    attributes: Mapping[str, object],
    *,
    name: object,
    trace: object,
    span: object,
    written: object,
    observed: object,
    severity: object,
) -> dict[str, object]:
    fields: dict[str, object] = {
        **resource,
        **as_mapping(body),
        **attributes,
        "trace_id": trace,
        "span_id": span,
        # Zero means that it is not known (opentelemetry-proto, logs/v1).
        "start_time": written or observed or None,
        "end_time": None,
        "failed": isinstance(severity, int) and severity >= _SEVERITY_ERROR,
    }
    if name:
        fields[_NAME] = name
    return fields
