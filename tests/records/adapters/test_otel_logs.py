"""Log records that tell of an exchange.

Fixtures follow opentelemetry-proto logs/v1, and the events of semantic-conventions-genai, docs/gen-ai/gen-ai-events.md
(October 2026).
"""

import json
from pathlib import Path

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData

from stillwatch.records.adapters.base import NOT_A_MODEL_CALL
from stillwatch.records.adapters.mapping import load_mapping
from stillwatch.records.adapters.otel import OtelAdapter
from stillwatch.records.adapters.otel_logs import DETAILS_EVENT
from stillwatch.records.rejects import NOT_PARSEABLE, RejectLog
from stillwatch.records.tables import open_usage

VALUES = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "big-1",
    "gen_ai.response.id": "chatcmpl-1",
    "user.id": "acct-1",
    "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Why?"}]}]),
}
WRITTEN_NS = 1_760_000_002_000_000_000


def pairs(values: dict[str, str]) -> list[dict[str, object]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]


def record(
    values: dict[str, str] = VALUES, name: str | None = DETAILS_EVENT, **changes: object
) -> dict[str, object]:
    found: dict[str, object] = {"timeUnixNano": str(WRITTEN_NS), "attributes": pairs(values), **changes}
    return found if name is None else {**found, "eventName": name}


def export(*records: object) -> dict[str, object]:
    resource = {"attributes": pairs({"service.name": "gateway", "client.address": "203.0.113.9"})}
    return {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": list(records)}]}]}


def rows(*records: object) -> list:
    return list(OtelAdapter().documents(json.dumps(export(*records)).encode()))


def test_the_details_of_an_exchange_are_one():
    (row,) = rows(record())
    found = {name: value for name, value in row.values.items() if value is not None}
    assert found == {
        "event_id": "chatcmpl-1",
        "time": WRITTEN_NS,
        "account_id": "acct-1",
        "operation": "chat",
        "model": "big-1",
        "turn": 1,
        "client_address": "203.0.113.9",
        "input_text": "Why?",
        "status": "ok",
    }


def test_protobuf_says_the_same():
    message = LogsData()
    about = message.resource_logs.add()
    about.resource.attributes.add(key="client.address").value.string_value = "203.0.113.9"
    logged = about.scope_logs.add().log_records.add(
        time_unix_nano=WRITTEN_NS,
        event_name=DETAILS_EVENT,
        trace_id=b"\1" * 16,
        span_id=b"\2" * 8,
        severity_number=17,
    )
    for key, value in VALUES.items():
        logged.attributes.add(key=key).value.string_value = value
    (row,) = OtelAdapter().messages(message.resource_logs)
    (same,) = rows(record(traceId="01" * 16, spanId="02" * 8, severityNumber=17))
    assert row.values == same.values
    assert row.values["status"] == "error"


def test_parts_of_exchanges_and_other_records_are_passed_over():
    about = {"gen_ai.system": "openai", "gen_ai.request.model": "big-1"}
    others = [
        record(about, "gen_ai.user.message"),
        record(about, "gen_ai.choice"),
        record(VALUES, "gen_ai.evaluation.result"),
        record({**about, "event.name": "gen_ai.system.message"}, None),
        record({"http.request.method": "GET"}, None),
    ]
    assert [row.skipped for row in rows(*others)] == [NOT_A_MODEL_CALL] * 5


def test_a_gateway_s_record_counts_when_it_names_a_model():
    """Fields in the body, no name, no response id: the span that it was written in names the exchange."""
    body = {"kvlistValue": {"values": pairs({"gen_ai.request.model": "big-1", "user.id": "acct-2"})}}
    (row,) = rows(
        {"observedTimeUnixNano": "5", "timeUnixNano": "0", "body": body, "traceId": "aa", "spanId": "bb"}
    )
    assert (row.values["event_id"], row.values["account_id"], row.values["time"]) == ("aa:bb", "acct-2", 5)


def test_records_that_are_none_are_rejected():
    assert [row.rejected for row in rows(record(), 3, None)] == [None, NOT_PARSEABLE, NOT_PARSEABLE]
    (row,) = OtelAdapter().documents(b'{"resourceLogs": 3}')
    assert row.rejected == NOT_PARSEABLE


@pytest.mark.parametrize("padding", [0, 3_000_000])
def test_files_of_logs_are_read(tmp_path: Path, padding: int):
    """Also one that is larger than what is looked at to tell which system wrote it."""
    names = [{**VALUES, "gen_ai.response.id": f"e-{n}", "other": "x" * (padding // 3)} for n in range(3)]
    (tmp_path / "logs.json").write_text(json.dumps(export(*map(record, names))))
    with RejectLog() as rejects:
        reader = open_usage(tmp_path / "logs.json", rejects=rejects)
        found = [row["event_id"] for batch in reader for row in batch.to_pylist()]
    assert found == ["e-0", "e-1", "e-2"]
    assert reader.adapters == {"otel": 1}
    assert not rejects.counts


def test_a_span_and_its_event_are_one_exchange():
    """Sent both ways, an exchange has one id, so that a scan counts it once."""
    ids = {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174"}
    plain = {key: value for key, value in VALUES.items() if key != "gen_ai.response.id"}
    span = {**ids, "startTimeUnixNano": "1760000000000000000", "attributes": pairs(plain)}
    traces = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    (from_span,) = OtelAdapter().documents(json.dumps(traces).encode())
    (from_event,) = rows(record(plain, **ids))
    assert from_span.values["event_id"] == from_event.values["event_id"]


def test_a_mapping_file_reads_fields_of_records(tmp_path: Path):
    (tmp_path / "map.yaml").write_text("adapter: otel\ncolumns:\n  account_id: tenant\n")
    adapter = load_mapping(tmp_path / "map.yaml")
    message = LogsData()
    logged = message.resource_logs.add().scope_logs.add().log_records.add(event_name=DETAILS_EVENT)
    for key, value in {**VALUES, "tenant": "t-1"}.items():
        logged.attributes.add(key=key).value.string_value = value
    (row,) = adapter.messages(message.resource_logs)
    assert row.values["account_id"] == "t-1"
    (tmp_path / "map.yaml").write_text("adapter: litellm\ncolumns:\n  account_id: tenant\n")
    assert list(load_mapping(tmp_path / "map.yaml").messages(message.resource_logs)) == []
