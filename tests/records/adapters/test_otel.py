"""OpenTelemetry GenAI spans.

JSON fixtures follow the OTLP file exporter specification (opentelemetry.io/docs/specs/otel/protocol/file-exporter);
attributes follow semantic-conventions-genai, docs/gen-ai/gen-ai-spans.md and its JSON schemas of messages
(October 2026) and, for the previous names, semantic-conventions v1.36.0, v1.27.0 and the numbered attributes of
earlier instrumentations. Protobuf fixtures are made with opentelemetry-proto.
"""

import json
import struct
from pathlib import Path

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Status, TracesData

from stillwatch.records.adapters.base import NOT_A_MODEL_CALL
from stillwatch.records.adapters.otel import OtelAdapter, _varint
from stillwatch.records.rejects import NOT_PARSEABLE, RejectLog
from stillwatch.records.tables import open_usage

INPUT = [
    {"role": "user", "parts": [{"type": "text", "content": "Weather in Paris?"}]},
    {
        "role": "assistant",
        "parts": [{"type": "tool_call", "id": "c", "name": "get_weather", "arguments": {}}],
    },
    {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c", "result": "rainy"}]},
]
OUTPUT = [{"role": "assistant", "parts": [{"type": "text", "content": "It rains."}], "finish_reason": "stop"}]
SYSTEM = [{"type": "text", "content": "You are"}, {"type": "text", "content": "terse."}]
CURRENT: dict[str, object] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "big-1",
    "gen_ai.response.model": "big-1-0613",
    "gen_ai.response.id": "chatcmpl-123",
    "gen_ai.conversation.id": "conv-5",
    "gen_ai.request.choice.count": 3,
    "gen_ai.request.max_tokens": 100,
    "gen_ai.request.temperature": 0.5,
    "gen_ai.request.stream": True,
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 180,
    "gen_ai.usage.reasoning.output_tokens": 50,
    "gen_ai.response.finish_reasons": ["stop", "length"],
    "gen_ai.tool.definitions": json.dumps([{"type": "function", "name": "get_weather"}]),
    "client.address": "203.0.113.9",
    "user_agent.original": "client/1",
    "user.id": "acct-1",
    "enduser.pseudo.id": "customer-5",
}
EXPECTED = {
    "event_id": "chatcmpl-123",
    "account_id": "acct-1",
    "end_user_id": "customer-5",
    "operation": "chat",
    "model": "big-1",
    "conversation_id": "conv-5",
    "turn": 1,
    "client_address": "203.0.113.9",
    "user_agent": "client/1",
    "input_tokens": 100,
    "output_tokens": 180,
    "reasoning_tokens": 50,
    "max_tokens": 100,
    "temperature": 0.5,
    "choice_count": 3,
    "stream": True,
    "tool_count": 1,
    "system_text": "You are\nterse.",
    "input_text": "Weather in Paris?",
    "output_text": "It rains.",
    "status": "ok",
    "finish_reason": "stop",
    "duration_s": 2.5,
}


def any_value(value: object) -> dict[str, object]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(item) for item in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": attributes(value)}}
    return {"stringValue": value}


def attributes(values: dict[str, object]) -> list[dict[str, object]]:
    return [{"key": key, "value": any_value(value)} for key, value in values.items()]


def span(
    values: dict[str, object], events: list[tuple[str, dict[str, object]]] = (), **changes: object
) -> dict:
    return {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": "eee19b7ec3c1b174",
        "parentSpanId": "",
        "name": "chat big-1",
        "kind": 3,
        "startTimeUnixNano": "1760000000000000321",
        "endTimeUnixNano": "1760000002500000321",
        "attributes": attributes(values),
        "events": [
            {"name": name, "timeUnixNano": "1", "attributes": attributes(about)} for name, about in events
        ],
        "status": {},
        **changes,
    }


def export(*spans: dict, resource: dict[str, object] | None = None) -> dict:
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": attributes(resource or {"service.name": "gateway"})},
                "scopeSpans": [{"scope": {"name": "lib"}, "spans": list(spans)}],
            }
        ]
    }


def read(path: Path) -> tuple[list[dict], dict, dict]:
    with RejectLog() as rejects:
        reader = open_usage(path, rejects=rejects)
        rows = [row for batch in reader for row in batch.to_pylist()]
    assert reader.adapters == {"otel": 1}
    assert reader.rows_read == reader.rows_out + rejects.total("usage") + sum(reader.rows_skipped.values())
    clean = [{name: value for name, value in row.items() if value is not None} for row in rows]
    return clean, dict(rejects.counts), dict(reader.rows_skipped)


def values_of(values: dict[str, object], events=(), resource=None, **changes: object) -> dict[str, object]:
    (row,) = OtelAdapter().documents(
        json.dumps(export(span(values, events, **changes), resource=resource)).encode()
    )
    assert row.rejected is None
    assert row.skipped is None
    return {name: value for name, value in row.values.items() if value is not None}


@pytest.mark.parametrize("structured", [True, False])
def test_current_names(tmp_path: Path, structured: bool) -> None:
    shape = (lambda v: v) if structured else json.dumps
    messages = {
        "gen_ai.input.messages": shape(INPUT),
        "gen_ai.output.messages": shape(OUTPUT),
        "gen_ai.system_instructions": shape(SYSTEM),
    }
    (tmp_path / "traces.json").write_text(json.dumps(export(span(CURRENT | messages))))
    (row,), _, _ = read(tmp_path / "traces.json")
    assert row.pop("time").timestamp() == 1760000000.0
    assert row == EXPECTED


def test_files_of_every_kind(tmp_path: Path) -> None:
    spans = [span(CURRENT | {"gen_ai.response.id": str(i)}) for i in range(4)]
    other = span({"http.request.method": "GET"})
    forms = {
        "one.json": json.dumps(export(*spans, other)),
        "indented.json": json.dumps(export(*spans, other), indent=2),
        "lines.jsonl": json.dumps(export(*spans[:2], other)) + "\n" + json.dumps(export(*spans[2:])) + "\n",
    }
    for name, text in forms.items():
        (tmp_path / name).write_text(text)
        rows, counts, skipped = read(tmp_path / name)
        assert [row["event_id"] for row in rows] == ["0", "1", "2", "3"], name
        assert not counts
        assert skipped == {NOT_A_MODEL_CALL: 1}


def test_previous_names_v1_36_with_events() -> None:
    found = values_of(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "openai",
            "gen_ai.request.model": "big-1",
            "gen_ai.usage.prompt_tokens": 5,
            "gen_ai.usage.completion_tokens": 6,
            "enduser.id": "acct-1",
        },
        [
            ("gen_ai.system.message", {"content": "Be brief.", "gen_ai.system": "openai"}),
            ("gen_ai.user.message", {"content": "older"}),
            ("gen_ai.user.message", {"content": "newest"}),
            (
                "gen_ai.choice",
                {"index": 0, "finish_reason": "stop", "message": json.dumps({"content": "yes"})},
            ),
        ],
    )
    assert (found["account_id"], found["input_tokens"], found["output_tokens"]) == ("acct-1", 5, 6)
    assert (found["system_text"], found["input_text"], found["turn"]) == ("Be brief.", "newest", 2)
    assert (found["output_text"], found["finish_reason"]) == ("yes", "stop")
    assert "end_user_id" not in found
    assert found["event_id"] == "5b8efff798038103d269b633813fc60c:eee19b7ec3c1b174"


@pytest.mark.parametrize("as_event", [True, False])
def test_previous_names_v1_27_prompt_and_completion(as_event: bool) -> None:
    prompt = {
        "gen_ai.prompt": json.dumps([{"role": "system", "content": "s"}, {"role": "user", "content": "q"}])
    }
    answer = {"gen_ai.completion": json.dumps([{"role": "assistant", "content": "a"}])}
    base = {"gen_ai.system": "openai", "gen_ai.request.model": "m", "user.id": "u"}
    if as_event:
        found = values_of(base, [("gen_ai.content.prompt", prompt), ("gen_ai.content.completion", answer)])
    else:
        found = values_of(base | prompt | answer)
    assert (found["system_text"], found["input_text"], found["output_text"]) == ("s", "q", "a")


def test_numbered_attributes() -> None:
    found = values_of(
        {
            "llm.request.type": "chat",
            "gen_ai.request.model": "m",
            "gen_ai.prompt.0.role": "system",
            "gen_ai.prompt.0.content": "s",
            "gen_ai.prompt.10.role": "user",
            "gen_ai.prompt.10.content": "q",
            "gen_ai.completion.0.content": "a",
            "gen_ai.completion.0.finish_reason": "content_filter",
            "user.id": "u",
        }
    )
    assert (found["system_text"], found["input_text"], found["output_text"]) == ("s", "q", "a")
    assert found["status"] == "refused"


def test_the_resource_stands_in_and_errors_are_told() -> None:
    base = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
    found = values_of(base | {"error.type": "429"}, resource={"user.id": "tenant"}, status={"code": 2})
    assert (found["account_id"], found["status"]) == ("tenant", "rate_limited")
    assert values_of(base, status={"code": 2})["status"] == "error"
    assert values_of(base | {"error.type": "RateLimitError"})["status"] == "rate_limited"


def test_agents_and_tools_are_no_model_calls() -> None:
    for operation in ("execute_tool", "invoke_agent", "create_agent"):
        values = {"gen_ai.operation.name": operation, "gen_ai.request.model": "m", "user.id": "u"}
        (row,) = OtelAdapter().documents(json.dumps(export(span(values))).encode())
        assert row.skipped == NOT_A_MODEL_CALL


def proto_value(value: object) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    made = AnyValue()
    if isinstance(value, list):
        made.array_value.values.extend([proto_value(item) for item in value])
    elif isinstance(value, dict):
        made.kvlist_value.values.extend([KeyValue(key=k, value=proto_value(v)) for k, v in value.items()])
    else:
        made.string_value = str(value)
    return made


def message(*spans: dict[str, object]) -> bytes:
    data = TracesData()
    about = data.resource_spans.add()
    scope = about.scope_spans.add()
    for values in spans:
        made = scope.spans.add(
            trace_id=bytes.fromhex("5b8efff798038103d269b633813fc60c"),
            span_id=bytes.fromhex("eee19b7ec3c1b174"),
            start_time_unix_nano=1760000000000000321,
            end_time_unix_nano=1760000002500000321,
            status=Status(code=Status.STATUS_CODE_OK),
        )
        made.attributes.extend([KeyValue(key=k, value=proto_value(v)) for k, v in values.items()])
    return data.SerializeToString()


def test_protobuf_gives_what_json_gives(tmp_path: Path) -> None:
    values = CURRENT | {
        "gen_ai.input.messages": INPUT,
        "gen_ai.output.messages": OUTPUT,
        "gen_ai.system_instructions": SYSTEM,
    }
    data = message(values, {"http.request.method": "GET"})
    for name, content in {"t.binpb": data, "t.otlp": struct.pack(">I", len(data)) + data}.items():
        (tmp_path / name).write_bytes(content)
        (row,), _, skipped = read(tmp_path / name)
        assert row.pop("time").timestamp() == 1760000000.0
        assert row == EXPECTED
        assert skipped == {NOT_A_MODEL_CALL: 1}


def test_a_damaged_span_costs_itself_alone(tmp_path: Path) -> None:
    data = message(*({**CURRENT, "gen_ai.response.id": f"id-{i}"} for i in range(3)))
    (tmp_path / "t.pb").write_bytes(data.replace(b"id-1", b"id\xff\xfe"))
    rows, counts, _ = read(tmp_path / "t.pb")
    assert [row["event_id"] for row in rows] == ["id-0", "id-2"]
    assert counts == {("usage", NOT_PARSEABLE): 1}


def test_wrong_shapes_are_rejected_not_raised(tmp_path: Path) -> None:
    good = export(span(CURRENT))
    bad: list[object] = [
        {"resourceSpans": 5},
        {"resourceSpans": [5, {"scopeSpans": [{"spans": [5]}]}, {"scopeSpans": {"spans": 1}}]},
        {"other": 1},
        [1],
        5,
        export(span({}) | {"attributes": {"key": 5}}),
        export(span(CURRENT) | {"startTimeUnixNano": {"a": 1}}),
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, [good, *bad, good])))
    rows, counts, _ = read(tmp_path / "t.jsonl")
    assert len(rows) == 2
    assert sum(counts.values()) >= 4


@pytest.mark.parametrize("lines", [True, False], ids=["one a line", "pretty-printed"])
def test_the_whole_spans_of_a_json_export_that_breaks_off_are_saved(tmp_path: Path, lines: bool) -> None:
    spans = [span({**CURRENT, "gen_ai.response.id": f"id-{i}"}) for i in range(4)]
    data = json.dumps(export(*spans), indent=None if lines else 1).encode()
    for cut, whole in ((len(data) - 1, 4), (data.index(b"id-3") + 2, 3), (data.index(b"id-2") + 2, 2)):
        (tmp_path / "t.json").write_bytes(data[:cut])
        rows, counts, _ = read(tmp_path / "t.json")
        assert [row["event_id"] for row in rows] == [f"id-{i}" for i in range(whole)]
        assert counts == {("usage", NOT_PARSEABLE): 1}


@pytest.mark.parametrize("framing", ["bare", "varint", "fixed"])
def test_the_whole_spans_of_a_protobuf_message_that_breaks_off_are_saved(
    tmp_path: Path, framing: str
) -> None:
    data = message(*({**CURRENT, "gen_ai.response.id": f"id-{i}"} for i in range(3)))
    head = {"bare": b"", "varint": _varint(len(data)), "fixed": struct.pack(">I", len(data))}[framing]
    for lost, whole in ((1, 2), (len(data) - data.index(b"id-2"), 2), (len(data) - data.index(b"id-1"), 1)):
        (tmp_path / "t.pb").write_bytes(head + data[:-lost])
        rows, counts, _ = read(tmp_path / "t.pb")
        assert [row["event_id"] for row in rows] == [f"id-{i}" for i in range(whole)]
        assert counts == {("usage", NOT_PARSEABLE): 1}
