"""Bodies to rows: LiteLLM's three forms, OTLP in both encodings, and what is no body at all."""

import json

import pytest
from google.protobuf.json_format import MessageToJson
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.collector import payloads
from stillwatch.collector.bodies import BadBody, TooLarge
from stillwatch.collector.payloads import LOGS, TRACES, litellm_rows, otlp_rows
from stillwatch.records.adapters.base import NOT_A_MODEL_CALL
from stillwatch.records.adapters.litellm import LiteLLMAdapter
from stillwatch.records.adapters.otel import OtelAdapter
from stillwatch.records.rejects import NOT_PARSEABLE

LITELLM, OTEL = LiteLLMAdapter(), OtelAdapter()


def names(rows):
    return [row.values.get("event_id") for row in rows]


def test_three_forms_of_litellm(parts):
    sent = [parts.payload("a"), parts.payload("b")]
    array = json.dumps(sent).encode()
    lines = "\n".join(map(json.dumps, sent)).encode()
    assert names(litellm_rows(LITELLM, array)) == ["a", "b"]
    assert names(litellm_rows(LITELLM, lines)) == ["a", "b"]
    assert names(litellm_rows(LITELLM, json.dumps(sent[0]).encode())) == ["a"]
    assert names(litellm_rows(LITELLM, json.dumps(sent, indent=1).encode())) == ["a", "b"]
    assert litellm_rows(LITELLM, b" [] ") == []


def test_one_bad_line_does_not_spoil_the_others(parts):
    lines = [json.dumps(parts.payload("a")), '{"id": "cut', json.dumps(parts.payload("b"))]
    rows = litellm_rows(LITELLM, "\n".join(lines).encode())
    assert names(rows) == ["a", None, "b"]
    assert [row.rejected for row in rows] == [None, NOT_PARSEABLE, None]


@pytest.mark.parametrize("body", [b"", b"  \n", b"x=1&y=2", b"[1, 2]", b"null", b'{"id": ', b"\x00\x01\xff"])
def test_what_holds_no_payload_is_refused(body):
    with pytest.raises(BadBody):
        litellm_rows(LITELLM, body)


@given(st.binary(max_size=400))
def test_any_bytes_are_rows_or_refused(body):
    for take in (
        lambda: litellm_rows(LITELLM, body),
        lambda: otlp_rows(OTEL, TRACES, body, as_json=False),
        lambda: otlp_rows(OTEL, TRACES, body, as_json=True),
        lambda: otlp_rows(OTEL, LOGS, body, as_json=False),
        lambda: otlp_rows(OTEL, LOGS, body, as_json=True),
    ):
        try:
            rows = take()
        except BadBody:
            continue
        assert all(row.values or row.skipped or row.rejected for row in rows)


def test_both_encodings_of_both_signals_say_the_same(parts):
    for signal, message in ((TRACES, parts.traces("a", None, "b")), (LOGS, parts.logs("a", "b"))):
        from_protobuf = otlp_rows(OTEL, signal, message.SerializeToString(), as_json=False)
        # Protobuf's own JSON has ids in base64, OTLP's in hexadecimal: these spans are named otherwise.
        from_json = otlp_rows(OTEL, signal, MessageToJson(message).encode(), as_json=True)
        assert [row.skipped for row in from_protobuf] == [row.skipped for row in from_json]
        assert [row.values for row in from_protobuf] == [row.values for row in from_json]
        assert [name for name in names(from_protobuf) if name] == ["a", "b"]
    assert [
        row.skipped for row in otlp_rows(OTEL, TRACES, parts.traces(None).SerializeToString(), as_json=False)
    ] == [NOT_A_MODEL_CALL]


def test_a_request_without_data_is_one():
    for signal in (TRACES, LOGS):
        assert otlp_rows(OTEL, signal, b"", as_json=False) == []
        assert otlp_rows(OTEL, signal, b"{}", as_json=True) == []


def test_a_body_that_is_no_export_is_refused(parts):
    spans = parts.traces("a")
    with pytest.raises(BadBody, match="no ExportTraceServiceRequest message"):
        otlp_rows(OTEL, TRACES, spans.SerializeToString()[:-3], as_json=False)
    with pytest.raises(BadBody, match="not JSON"):
        otlp_rows(OTEL, TRACES, MessageToJson(spans).encode()[:-3], as_json=True)
    with pytest.raises(BadBody, match="array resourceLogs"):
        otlp_rows(OTEL, LOGS, MessageToJson(spans).encode(), as_json=True)
    with pytest.raises(BadBody, match="array resourceSpans"):
        otlp_rows(OTEL, TRACES, b'{"resourceSpans": 3}', as_json=True)


def test_older_names_and_lenient_json_are_taken():
    model = '{"key": "gen_ai.request.model", "value": {"string_value": "m"}}'
    other = '{"key": "t", "value": {"doubleValue": NaN}}'
    span = f'{{"trace_id": "aa", "span_id": "bb", "attributes": [{model}, {other}]}}'
    body = f'{{"resource_spans": [{{"scope_spans": [{{"spans": [{span}]}}]}}]}}'
    assert names(otlp_rows(OTEL, TRACES, body.encode(), as_json=True)) == ["aa:bb"]


def test_records_made_of_nothing_are_refused(parts, monkeypatch):
    monkeypatch.setattr(payloads, "MAX_RECORDS", 10)
    # Groups count, too: one of a resource, one of a scope.
    assert len(otlp_rows(OTEL, TRACES, parts.traces(*"abcdefgh").SerializeToString(), as_json=False)) == 8
    for take in (
        lambda: litellm_rows(LITELLM, b"[" + b",".join([b"{}"] * 11) + b"]"),
        lambda: otlp_rows(OTEL, TRACES, parts.traces(*"abcdefghijk").SerializeToString(), as_json=False),
        lambda: otlp_rows(OTEL, TRACES, b"\x0a\x00" * 11, as_json=False),
        lambda: otlp_rows(OTEL, LOGS, b"\x0a\x16" + b"\x12\x00" * 11, as_json=False),
        lambda: otlp_rows(OTEL, LOGS, MessageToJson(parts.logs(*"abcdefghijk")).encode(), as_json=True),
    ):
        with pytest.raises(TooLarge, match="more than 10 records"):
            take()
