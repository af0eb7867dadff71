"""Envoy AI Gateway's JSON access log.

The first fixture follows the example line of the gateway's documentation
(site/docs/capabilities/observability/accesslogs.md, "Access Logs With AI/LLM/MCP Metadata") with a header of the
account added to the log format, the second the OpenTelemetry names that `aigw run` configures.
"""

import json
from pathlib import Path

import pytest

from stillwatch.records.adapters.base import AdapterSettings
from stillwatch.records.adapters.envoy import EnvoyAdapter
from stillwatch.records.rejects import RejectLog, missing
from stillwatch.records.tables import open_usage


def line(**changes: object) -> dict[str, object]:
    record: dict[str, object] = {
        ":authority": "api.example.org",
        "bytes_received": 105,
        "bytes_sent": 432,
        "connection_termination_details": None,
        "downstream_local_address": "127.0.0.1:1975",
        "downstream_remote_address": "198.51.100.7:64484",
        "duration": 1526,
        "genai_backend_name": "default/big/route/aigw-run/rule/0/ref/0",
        "genai_model_name": "big-1",
        "genai_model_name_override": None,
        "genai_tokens_input": 15,
        "genai_tokens_output": 7,
        "genai_tokens_total": 22,
        "method": "POST",
        "protocol": "HTTP/1.1",
        "requested_server_name": None,
        "response_code": 200,
        "response_code_details": "via_upstream",
        "response_flags": "-",
        "route_name": "httproute/default/aigw-run/rule/0/match/0/*",
        "start_time": "2026-08-30T16:51:37.894Z",
        "upstream_cluster": "httproute/default/aigw-run/rule/0",
        "upstream_host": "192.0.2.1:443",
        "upstream_local_address": "192.168.1.38:64485",
        "upstream_transport_failure_reason": None,
        "user-agent": "curl/8.7.1",
        "x-envoy-origin-path": "/v1/chat/completions",
        "x-envoy-upstream-service-time": "451",
        "x-forwarded-for": "198.51.100.7",
        "x-request-id": "83b63da3-45a9-4196-98b8-1a7f697d6d8d",
        "x-user-id": "acct-1",
    }
    return record | changes


def values(settings: AdapterSettings | None = None, **changes: object) -> dict[str, object]:
    return dict(EnvoyAdapter(settings).row(line(**changes)).values)


def test_a_line_of_the_documentation(tmp_path: Path) -> None:
    without = line()
    del without["x-user-id"]
    (tmp_path / "access.log.json").write_text(f"{json.dumps(line())}\n{json.dumps(without)}\n")
    with RejectLog() as rejects:
        reader = open_usage(tmp_path / "access.log.json", rejects=rejects)
        rows = [row for batch in reader for row in batch.to_pylist()]
    assert reader.adapters == {"envoy": 1}
    assert rejects.counts == {("usage", missing("account_id")): 1}
    (row,) = [{name: value for name, value in row.items() if value is not None} for row in rows]
    assert row.pop("time").isoformat() == "2026-08-30T16:51:37.894000+00:00"
    assert row == {
        "event_id": "83b63da3-45a9-4196-98b8-1a7f697d6d8d",
        "account_id": "acct-1",
        "operation": "chat",
        "model": "big-1",
        "client_address": "198.51.100.7",
        "user_agent": "curl/8.7.1",
        "input_tokens": 15,
        "output_tokens": 7,
        "status": "ok",
        "duration_s": 1.526,
    }


def test_the_names_of_aigw_run() -> None:
    record = {
        "start_time": "2026-08-30T16:51:37.894Z",
        "response_code": 429,
        "duration": 3,
        "upstream_cluster": "c",
        "x-request-id": "r",
        "downstream_remote_address": "[2001:db8::1]:99",
        "gen_ai.request.model": "m",
        "gen_ai.response.model": "m-1",
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 0,
        "session.id": "s",
        "user.id": "a",
    }
    found = dict(EnvoyAdapter().row(record).values)
    assert (found["account_id"], found["model"], found["conversation_id"]) == ("a", "m", "s")
    assert (found["status"], found["input_tokens"], found["output_tokens"]) == ("rate_limited", 3, 0)


def test_the_account_field_can_be_set_and_raw_keys_are_digested() -> None:
    found = values(
        AdapterSettings(account_fields=("x-team",)), **{"x-team": "t", "authorization": "Bearer sk-abcdef"}
    )
    assert found["account_id"] == "t"
    assert "sk-abcdef" not in str(found)
    assert found["credential_id"] == values(**{"x-api-key": "sk-abcdef"})["credential_id"]
    only_key = values(**{"x-user-id": None, "x-api-key": "sk-abcdef"})
    assert only_key["account_id"] == only_key["credential_id"] is not None


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        (
            "198.51.100.7:1",
            "203.0.113.1",
            "203.0.113.1",
        ),  # both are documentation ranges, which are not global
        ("8.8.8.8:1", "9.9.9.9", "8.8.8.8:1"),
        ("127.0.0.1:1", "1.1.1.1, 9.9.9.9", "9.9.9.9"),
        ("10.0.0.1:1", None, "10.0.0.1:1"),
        (None, "9.9.9.9", "9.9.9.9"),
    ],
)
def test_the_address_is_the_one_that_can_be_trusted(peer: object, forwarded: object, address: str) -> None:
    found = values(**{"downstream_remote_address": peer, "x-forwarded-for": forwarded})
    assert found["client_address"] == address


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"response_code": 200}, "ok"),
        ({"response_code": "503"}, "error"),
        ({"response_code": 403}, "blocked"),
        ({"response_code": 200, "response_flags": "RL"}, "rate_limited"),
        ({"response_code": 403, "response_flags": "UAEX"}, "blocked"),
        ({"response_code": 0, "response_flags": "DC"}, "error"),
        ({"response_code": None}, None),
    ],
)
def test_status(changes: dict[str, object], status: str | None) -> None:
    assert values(**changes)["status"] == status


def test_mcp_and_health_checks_are_no_model_calls() -> None:
    record = line(genai_model_name=None, genai_tokens_input=None, mcp_method="tools/call")
    assert EnvoyAdapter().row(record).skipped is not None
