"""OpenTelemetry GenAI spans and events, from OTLP in JSON or protobuf.

Files: what the Collector's file exporter and the OTLP file exporter specification write
(opentelemetry.io/docs/specs/otel/protocol/file-exporter): TracesData or ExportTraceServiceRequest, one a
line or one a file. In JSON ids are hexadecimal and 64-bit integers are strings (OTLP specification, JSON
Protobuf encoding).

Attributes: the current names of the GenAI semantic conventions (semantic-conventions-genai, docs/gen-ai/
gen-ai-spans.md) and the previous ones (v1.36.0 and before): gen_ai.system, gen_ai.prompt, gen_ai.completion,
gen_ai.usage.prompt_tokens, gen_ai.usage.completion_tokens, numbered attributes such as
gen_ai.prompt.0.content, and span events (gen_ai.user.message, gen_ai.content.prompt, gen_ai.choice, ...).
Attributes of the resource stand in for those that a span lacks. The account is `user.id`, before that
`enduser.id`; `account_fields` of the settings name others. Events that tell of an exchange arrive as log records
(otel_logs.py); in files they are read from JSON, as in protobuf nothing tells logs from traces.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span, TracesData

from stillwatch.records.adapters.base import (
    NOT_A_MODEL_CALL,
    Adapter,
    Row,
    Sample,
    all_of_role,
    as_list,
    as_mapping,
    content_of,
    difference,
    first_of,
    newest_of_role,
    status_of_code,
    status_with_finish,
    text_of,
    turn_of,
)
from stillwatch.records.adapters.otel_logs import (
    DETAILS_EVENT,
    fields_of_json,
    fields_of_message,
    tells_no_exchange,
)
from stillwatch.records.adapters.otel_values import (
    MOST_PARTS,
    attributes_of_json,
    attributes_of_message,
    integer,
    structured,
)
from stillwatch.records.formats.json_values import BadJson, decode, last_element
from stillwatch.records.formats.otlp_frames import MAX_FRAME_BYTES, Frame, wire_fields
from stillwatch.records.rejects import NOT_PARSEABLE

# gen_ai.operation.name of spans that are no call of a model; their calls have spans of their own.
_OTHER_OPERATIONS = frozenset(
    {
        "execute_tool",
        "invoke_agent",
        "create_agent",
        "invoke_workflow",
        "retrieval",
        "create_memory",
        "search_memory",
    }
)
_ACCOUNT = ("account_id", "account.id", "user.id", "enduser.id", "tenant.id")
_MODEL = ("gen_ai.request.model", "llm.request.model", "gen_ai.response.model")
EXPORT_BEGINS = re.compile(rb'(?:\xef\xbb\xbf)?\s*\[?\s*\{\s*"resource_?(?:[Ss]pans|[Ll]ogs)"\s*:')
_NUMBERED = re.compile(r"^gen_ai\.(prompt|completion)\.(\d{1,4})\.(role|content|finish_reason)$")
_ROLE_EVENTS = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
_ERROR = 2  # Status.StatusCode.STATUS_CODE_ERROR

_EXPORTS = frozenset({"resourceSpans", "resource_spans", "resourceLogs", "resource_logs"})
# How deep spans lie in an export: {resourceSpans: [{scopeSpans: [{spans: [
_SPANS = b"{[{[{["

Events = list[tuple[str, Mapping[str, object]]]


class _Scope(msgspec.Struct):
    spans: list[msgspec.Raw] = []


class _Resource(msgspec.Struct):
    resource: msgspec.Raw = msgspec.Raw(b"{}")
    scopeSpans: list[_Scope] = []  # noqa: N815 - the name on the wire


class _Traces(msgspec.Struct):
    resourceSpans: list[_Resource]  # noqa: N815 - the name on the wire


_traces = msgspec.json.Decoder(_Traces)


class OtelAdapter(Adapter):
    """OpenTelemetry GenAI spans and events."""

    name = "otel"
    max_value_bytes = MAX_FRAME_BYTES

    def recognises(self, sample: Sample) -> int:
        """How many records hold spans or logs; a document too large to look into counts by its beginning."""
        if sample.tabular:
            return 0
        seen = sum(1 for record in sample.records if _EXPORTS & record.keys())
        return seen or int(EXPORT_BEGINS.match(sample.head) is not None)

    def row(self, record: Mapping[str, object]) -> Row:
        """The first span of an export; use `rows`, which gives all."""
        return next(self._export(record), Row({}, record, skipped=NOT_A_MODEL_CALL))

    def rows(self, value: object) -> Iterator[Row]:
        """The rows of one export, or of an array of them."""
        if isinstance(value, Mapping):
            yield from self._export(value)
        elif isinstance(value, list):
            for item in value:
                yield from self.rows(item)
        else:
            yield Row({}, value, rejected=NOT_PARSEABLE)

    def documents(self, data: bytes) -> Iterator[Row]:
        """Spans are cut out first and parsed one at a time, as an export may be very large."""
        try:
            traces = _traces.decode(data)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            yield from super().documents(data)
            return
        for about in traces.resourceSpans:
            resource = _resource_of(about.resource)
            for scope in about.scopeSpans:
                for raw in scope.spans:
                    try:
                        span = decode(bytes(raw))
                    except BadJson:
                        yield Row({}, bytes(raw[:4096]), rejected=NOT_PARSEABLE)
                        continue
                    yield self._json_span(span, resource)

    def broken(self, data: bytes) -> Iterator[Row]:
        """The whole spans of an export that breaks off, and one rejected row for the rest."""
        cut = last_element(data, _SPANS)
        if cut is not None:
            try:
                export = decode(cut[0])
            except BadJson:
                pass
            else:
                yield from self.rows(export)
                data = cut[1]
        yield Row({}, data[:4096], rejected=NOT_PARSEABLE)

    def frames(self, frame: Frame) -> Iterator[Row]:
        """The rows of one protobuf message."""
        if frame.problem not in (None, NOT_PARSEABLE):
            yield Row({}, frame.data[:4096], rejected=frame.problem)
            return
        if not frame.bare and frame.data[:1] in (b"{", b"["):
            yield from self.documents(frame.data)
            return
        if frame.problem is not None:
            yield from self._damaged(
                frame
            )  # cut short: some beginnings of a message parse as one that is whole
            return
        try:
            spans = [ResourceSpans.FromString(frame.data)] if frame.bare else None
            spans = spans if spans is not None else list(TracesData.FromString(frame.data).resource_spans)
        except (DecodeError, RecursionError):
            yield from self._damaged(frame)
            return
        yield from self.messages(spans)

    def messages(self, groups: Iterable[Any]) -> Iterator[Row]:
        """The rows of ResourceSpans or ResourceLogs messages."""
        for about in groups:
            resource = attributes_of_message(about.resource.attributes)
            if isinstance(about, ResourceLogs):
                for logged in about.scope_logs:
                    for record in logged.log_records:
                        yield self._log(fields_of_message(record, resource))
                continue
            for scope in about.scope_spans:
                for span in scope.spans:
                    yield self._message_span(span, resource)

    def _damaged(self, frame: Frame) -> Iterator[Row]:
        """The spans of a message that does not parse as a whole, each by itself; at least one row is rejected."""
        lost = False
        bodies = (
            [frame.data] if frame.bare else [data for tag, data, _ in wire_fields(frame.data) if tag == 1]
        )
        for body in bodies:
            parts = list(wire_fields(body))
            resource: Mapping[str, object] = {}
            for tag, data, whole in parts:
                if tag == 1 and whole:
                    try:
                        resource = attributes_of_message(
                            ResourceSpans.FromString(b"\x0a" + _varint(len(data)) + data).resource.attributes
                        )
                    except DecodeError:
                        resource = {}
            for tag, data, _ in parts:
                for inner, span, whole in wire_fields(data) if tag == 2 else ():
                    if inner != 2:
                        continue
                    if not whole:
                        lost = True
                        yield Row({}, span[:4096], rejected=NOT_PARSEABLE)
                        continue
                    try:
                        yield self._message_span(Span.FromString(span), resource)
                    except DecodeError:
                        lost = True
                        yield Row({}, span[:4096], rejected=NOT_PARSEABLE)
        if not lost:
            yield Row({}, frame.data[:4096], rejected=NOT_PARSEABLE)

    def _export(self, value: Mapping[str, object]) -> Iterator[Row]:
        logs = value.get("resourceLogs", value.get("resource_logs"))
        for about in map(as_mapping, as_list(logs)):
            resource = attributes_of_json(as_mapping(about.get("resource")).get("attributes"))
            for logged in map(as_mapping, as_list(about.get("scopeLogs", about.get("scope_logs")))):
                for record in as_list(logged.get("logRecords", logged.get("log_records"))):
                    fields = fields_of_json(record, resource)
                    yield Row({}, record, rejected=NOT_PARSEABLE) if fields is None else self._log(fields)
        groups = value.get("resourceSpans", value.get("resource_spans"))
        if not isinstance(groups, list):
            if "resourceMetrics" in value:
                yield Row({}, value, skipped=NOT_A_MODEL_CALL)
            elif not isinstance(logs, list):
                yield Row({}, value, rejected=NOT_PARSEABLE)
            return
        for about in map(as_mapping, groups):
            resource = attributes_of_json(as_mapping(about.get("resource")).get("attributes"))
            scopes = about.get(
                "scopeSpans", about.get("scope_spans", about.get("instrumentationLibrarySpans"))
            )
            for scope in map(as_mapping, as_list(scopes)):
                for span in as_list(scope.get("spans")):
                    yield self._json_span(span, resource)

    def _json_span(self, value: object, resource: Mapping[str, object]) -> Row:
        if not isinstance(value, Mapping):
            return Row({}, value, rejected=NOT_PARSEABLE)
        named = attributes_of_json(value.get("attributes"))
        events: Events = [
            (str(event.get("name")), attributes_of_json(event.get("attributes")))
            for event in map(as_mapping, islice(as_list(value.get("events")), MOST_PARTS))
        ]
        status = as_mapping(value.get("status")).get("code")
        fields: dict[str, object] = {
            **resource,
            **named,
            "trace_id": first_of(value, "traceId", "trace_id"),
            "span_id": first_of(value, "spanId", "span_id"),
            "start_time": integer(first_of(value, "startTimeUnixNano", "start_time_unix_nano")),
            "end_time": integer(first_of(value, "endTimeUnixNano", "end_time_unix_nano")),
            "failed": status in (_ERROR, "STATUS_CODE_ERROR"),
        }
        return self._row(fields, events)

    def _message_span(self, span: Any, resource: Mapping[str, object]) -> Row:
        fields: dict[str, object] = {
            **resource,
            **attributes_of_message(span.attributes),
            "trace_id": span.trace_id.hex(),
            "span_id": span.span_id.hex(),
            "start_time": span.start_time_unix_nano or None,
            "end_time": span.end_time_unix_nano or None,
            "failed": span.status.code == _ERROR,
        }
        return self._row(
            fields, [(e.name, attributes_of_message(e.attributes)) for e in islice(span.events, MOST_PARTS)]
        )

    def _log(self, fields: dict[str, object]) -> Row:
        if tells_no_exchange(fields):
            return Row({}, fields, skipped=NOT_A_MODEL_CALL)
        return self._row(fields, [])

    def _row(self, fields: dict[str, object], events: Events) -> Row:
        for name, about in events:
            if name == DETAILS_EVENT:
                fields = {**about, **fields}
        operation = first_of(fields, "gen_ai.operation.name", "llm.request.type")
        known = first_of(fields, "gen_ai.provider.name", "gen_ai.system", *_MODEL)
        if known is None or (isinstance(operation, str) and operation in _OTHER_OPERATIONS):
            return Row({}, fields, skipped=NOT_A_MODEL_CALL)
        messages, outputs, finish = _messages(fields, events)
        account = self.identifier(first_of(fields, *(self.settings.account_fields or _ACCOUNT)))
        end_user = first_of(fields, "enduser.pseudo.id", "enduser.id")
        instructions = structured(fields.get("gen_ai.system_instructions"))
        values: dict[str, object] = {
            "event_id": first_of(fields, "gen_ai.response.id") or _span_name(fields),
            "time": fields["start_time"],
            "account_id": account,
            "credential_id": self.identifier(
                first_of(fields, "credential_id", "gen_ai.request.api_key.id"), key_field=True
            ),
            "end_user_id": self.identifier(end_user) if end_user != account else None,
            "operation": operation,
            "model": first_of(fields, *_MODEL),
            "conversation_id": first_of(fields, "gen_ai.conversation.id", "session.id"),
            "turn": turn_of(messages),
            "client_address": first_of(fields, "client.address", "http.client_ip", "client.socket.address"),
            "client_asn": first_of(fields, "client.as.number", "client.asn"),
            "client_country": first_of(fields, "client.geo.country.iso_code", "geo.country.iso_code"),
            "user_agent": first_of(fields, "user_agent.original", "http.user_agent"),
            "tls_ja4": first_of(fields, "tls.client.ja4"),
            "input_tokens": first_of(fields, "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
            "output_tokens": first_of(fields, "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
            "reasoning_tokens": first_of(
                fields, "gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens"
            ),
            "max_tokens": first_of(fields, "gen_ai.request.max_tokens"),
            "temperature": first_of(fields, "gen_ai.request.temperature"),
            "choice_count": first_of(fields, "gen_ai.request.choice.count"),
            "stream": first_of(fields, "gen_ai.request.stream", "gen_ai.is_streaming", "llm.is_streaming"),
            "tool_count": _tool_count(fields),
            "system_text": text_of(instructions) or all_of_role(messages, "system", "developer"),
            "input_text": newest_of_role(messages, "user"),
            "output_text": next((text for m in outputs if (text := content_of(m)) is not None), None),
            "status": status_with_finish(_status(fields), finish),
            "finish_reason": finish,
            "duration_s": _duration(fields),
        }
        return Row(values, fields)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _resource_of(raw: msgspec.Raw) -> Mapping[str, object]:
    try:
        return attributes_of_json(as_mapping(decode(bytes(raw))).get("attributes"))
    except BadJson:
        return {}


def _prompt(value: object, role: str) -> list[object]:
    """Messages of a prompt: a list of them, one of them, or bare text of `role`."""
    found = structured(value)
    if isinstance(found, str):
        return [{"role": role, "content": found}]
    if isinstance(found, Mapping):
        inner = found.get("messages")
        return list(inner) if isinstance(inner, list) else [found]
    return [{"role": role, "content": m} if isinstance(m, str) else m for m in as_list(found)]


def _messages(
    fields: Mapping[str, object], events: Events
) -> tuple[list[object], list[Mapping[str, object]], object]:
    """The messages of the request, those of the answer, and the finish reason; newest names first."""
    messages = _prompt(fields.get("gen_ai.input.messages"), "user")
    outputs = _prompt(fields.get("gen_ai.output.messages"), "assistant")
    if not messages:
        messages = _prompt(fields.get("gen_ai.prompt"), "user") or _numbered(fields, "prompt", "user")
    if not outputs:
        outputs = _prompt(fields.get("gen_ai.completion"), "assistant") or _numbered(
            fields, "completion", "assistant"
        )
    from_events: list[object] = []
    answers: list[object] = []
    for name, about in events:
        if name in _ROLE_EVENTS:
            body = structured(first_of(about, "content", "gen_ai.event.content", "event.body"))
            message = as_mapping(body) if isinstance(body, Mapping) else {"content": body}
            from_events.append({"role": _ROLE_EVENTS[name], **message})
        elif name == "gen_ai.content.prompt":
            from_events += _prompt(about.get("gen_ai.prompt"), "user")
        elif name == "gen_ai.content.completion":
            answers += _prompt(about.get("gen_ai.completion"), "assistant")
        elif name == "gen_ai.choice":
            body = structured(first_of(about, "message", "gen_ai.event.content", "event.body", "content"))
            whole = as_mapping(body)
            message = as_mapping(whole.get("message", whole)) if whole else {"content": body}
            reason = first_of(about, "finish_reason") or first_of(whole, "finish_reason")
            answers.append({"role": "assistant", **message, "finish_reason": reason})
    answered = [as_mapping(m) for m in (outputs or answers)]
    reasons = structured(first_of(fields, "gen_ai.response.finish_reasons", "gen_ai.response.finish_reason"))
    finish = next(iter(reasons), None) if isinstance(reasons, list) else reasons
    if finish is None:
        finish = next((r for m in answered if (r := first_of(m, "finish_reason")) is not None), None)
    return messages or from_events, answered, finish


def _numbered(fields: Mapping[str, object], kind: str, role: str) -> list[object]:
    """Messages recorded one attribute a field: gen_ai.prompt.0.role, gen_ai.prompt.0.content, ..."""
    found: dict[int, dict[str, object]] = {}
    for name, value in fields.items():
        match = _NUMBERED.match(name)
        if match and match[1] == kind:
            found.setdefault(int(match[2]), {"role": role})[match[3]] = (
                structured(value) if match[3] == "content" else value
            )
    return [found[place] for place in sorted(found)]


def _span_name(fields: Mapping[str, object]) -> str | None:
    trace, span = fields.get("trace_id"), fields.get("span_id")
    return f"{trace}:{span}" if trace and span else None


def _tool_count(fields: Mapping[str, object]) -> int | None:
    tools = structured(first_of(fields, "gen_ai.tool.definitions", "gen_ai.request.available_tools"))
    return len(tools) if isinstance(tools, list) else None


def _status(fields: Mapping[str, object]) -> str | None:
    kind = str(first_of(fields, "error.type", "http.response.status_code", "http.status_code") or "")
    by_code = status_of_code(kind)
    if by_code is not None:
        return by_code
    if "ratelimit" in kind.lower().replace("_", ""):
        return "rate_limited"
    return "error" if kind or fields["failed"] else "ok"


def _duration(fields: Mapping[str, object]) -> float | None:
    found = difference(fields["start_time"], fields["end_time"])
    return found / 1e9 if found is not None else None
