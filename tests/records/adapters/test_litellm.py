"""LiteLLM's StandardLoggingPayload.

Fixtures follow the fields of docs.litellm.ai/docs/proxy/logging_spec and litellm/types/utils.py
(StandardLoggingPayload, StandardLoggingMetadata, StandardLoggingPayloadErrorInformation) as of October 2026, in the
three forms of the generic API callback's `log_format`: json_array, ndjson and single.
"""

import json
from pathlib import Path

import pytest

from stillwatch.records.adapters.litellm import LiteLLMAdapter
from stillwatch.records.adapters.mapping import load_mapping
from stillwatch.records.digests import credential_digest
from stillwatch.records.rejects import RejectLog
from stillwatch.records.tables import open_usage


def payload(**changes: object) -> dict[str, object]:
    record: dict[str, object] = {
        "id": "chatcmpl-9f2c",
        "trace_id": "7c0e",
        "call_type": "acompletion",
        "stream": True,
        "response_cost": 0.00021,
        "cost_breakdown": {"input_cost": 0.0001, "output_cost": 0.00011, "total_cost": 0.00021},
        "response_cost_failure_debug_info": None,
        "status": "success",
        "status_fields": {"llm_api_status": "success", "guardrail_status": "not_run"},
        "custom_llm_provider": "openai",
        "total_tokens": 130,
        "prompt_tokens": 30,
        "completion_tokens": 100,
        "startTime": 1760000000.25,
        "endTime": 1760000003.75,
        "completionStartTime": 1760000000.9,
        "response_time": 0.65,
        "model_map_information": {"model_map_key": "big-1", "model_map_value": None},
        "model": "deployment-7",
        "model_id": "cb41",
        "model_group": "big-1",
        "api_base": "https://api.example.org",
        "metadata": {
            "user_api_key_hash": "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b",
            "user_api_key_alias": "prod",
            "user_api_key_org_id": "org-1",
            "user_api_key_team_id": "team-1",
            "user_api_key_user_id": "user-1",
            "user_api_key_end_user_id": None,
            "requester_ip_address": "203.0.113.9",
            "requester_custom_headers": {"x-user-agent": "fallback"},
            "usage_object": {"completion_tokens_details": {"reasoning_tokens": 64}},
        },
        "cache_hit": False,
        "cache_key": None,
        "saved_cache_cost": 0.0,
        "request_tags": ["User-Agent: client", "User-Agent: client/1.2", "batch"],
        "end_user": "customer-5",
        "requester_ip_address": "203.0.113.9",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "first"},
            {"role": "assistant", "content": "answer"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "second"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                ],
            },
        ],
        "response": {
            "id": "chatcmpl-9f2c",
            "choices": [
                {"finish_reason": "stop", "index": 0, "message": {"role": "assistant", "content": "done"}}
            ],
            "usage": {"prompt_tokens": 30, "completion_tokens": 100},
        },
        "error_str": None,
        "error_information": None,
        "model_parameters": {
            "temperature": 0.7,
            "max_tokens": 256,
            "n": 2,
            "stream": True,
            "logprobs": True,
            "tools": [
                {"type": "function", "function": {"name": "f"}},
                {"type": "function", "function": {"name": "g"}},
            ],
        },
        "hidden_params": {"model_id": "cb41"},
        "guardrail_information": None,
        "standard_built_in_tools_params": None,
    }
    return record | changes


def read(path: Path, **options) -> list[dict]:
    with RejectLog() as rejects:
        reader = open_usage(path, rejects=rejects, **options)
        rows = [row for batch in reader for row in batch.to_pylist()]
        assert not rejects.counts
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def values(**changes: object) -> dict[str, object]:
    return dict(LiteLLMAdapter().row(payload(**changes)).values)


def test_a_whole_payload(tmp_path: Path) -> None:
    (tmp_path / "log.json").write_text(json.dumps(payload()))
    (row,) = read(tmp_path / "log.json")
    time = row.pop("time")
    assert time.timestamp() == 1760000000.25
    assert row == {
        "event_id": "chatcmpl-9f2c",
        "account_id": "user-1",
        "credential_id": "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b",
        "end_user_id": "customer-5",
        "operation": "chat",
        "model": "big-1",
        "turn": 2,
        "client_address": "203.0.113.9",
        "user_agent": "client/1.2",
        "input_tokens": 30,
        "output_tokens": 100,
        "reasoning_tokens": 64,
        "max_tokens": 256,
        "temperature": 0.7,
        "choice_count": 2,
        "stream": True,
        "logprobs": True,
        "tool_count": 2,
        "system_text": "Be brief.",
        "input_text": "second",
        "output_text": "done",
        "status": "ok",
        "finish_reason": "stop",
        "duration_s": 3.5,
    }


def test_every_log_format(tmp_path: Path) -> None:
    records = [payload(id=str(i)) for i in range(4)]
    forms = {
        "array.json": json.dumps(records),
        "arrays.jsonl": json.dumps(records[:2]) + "\n" + json.dumps(records[2:]) + "\n",
        "nd.jsonl": "\n".join(map(json.dumps, records)),
        "indented.json": json.dumps(records, indent=2),
    }
    for name, text in forms.items():
        (tmp_path / name).write_text(text)
        assert [row["event_id"] for row in read(tmp_path / name)] == ["0", "1", "2", "3"], name


@pytest.mark.parametrize(
    ("metadata", "account"),
    [
        ({"user_api_key_user_id": "u", "user_api_key_team_id": "t"}, "u"),
        ({"user_api_key_user_id": "default_user_id", "user_api_key_team_id": "t"}, "t"),
        ({"user_api_key_org_id": "o", "user_api_key_hash": "h"}, "o"),
        ({"user_api_key_hash": "h"}, "h"),
        ({}, None),
        (None, None),
    ],
)
def test_the_account_is_the_narrowest_principal(metadata: object, account: object) -> None:
    assert values(metadata=metadata)["account_id"] == account


def test_a_raw_key_is_never_kept() -> None:
    found = values(metadata={"user_api_key_hash": "sk-1234567890abcdef"})
    assert "sk-1234567890abcdef" not in str(found)
    assert found["account_id"] == found["credential_id"]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        (
            {
                "status": "failure",
                "error_information": {"error_class": "RateLimitError", "error_code": "429"},
            },
            "rate_limited",
        ),
        (
            {"status": "failure", "error_information": {"error_class": "ContentPolicyViolationError"}},
            "blocked",
        ),
        ({"status": "failure", "error_information": {"error_code": "401"}}, "blocked"),
        ({"status": "failure", "error_information": {"error_code": "500"}}, "error"),
        ({"status": "failure", "error_information": None}, "error"),
        ({"status_fields": {"guardrail_status": "guardrail_intervened"}}, "blocked"),
        (
            {"response": {"choices": [{"finish_reason": "content_filter", "message": {"content": None}}]}},
            "refused",
        ),
        ({"status": None}, None),
    ],
)
def test_status(changes: dict[str, object], status: str | None) -> None:
    assert values(**changes)["status"] == status


def test_other_endpoints() -> None:
    text = values(call_type="atext_completion", messages="Say hi", response={"choices": [{"text": "hi"}]})
    assert (text["operation"], text["input_text"], text["output_text"]) == ("text_completion", "Say hi", "hi")
    responses = values(
        call_type="aresponses",
        messages=[{"role": "user", "content": [{"type": "input_text", "text": "q"}]}],
        model_parameters={"instructions": "Be kind.", "max_output_tokens": 9},
        response={
            "output": [{"type": "message", "content": [{"type": "output_text", "text": "a"}]}],
            "status": "completed",
        },
    )
    assert (responses["input_text"], responses["output_text"]) == ("q", "a")
    assert (responses["system_text"], responses["max_tokens"]) == ("Be kind.", 9)
    anthropic = values(
        call_type="anthropic_messages",
        response={
            "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a"}],
            "stop_reason": "refusal",
        },
    )
    assert (anthropic["output_text"], anthropic["status"]) == ("a", "refused")


def test_calls_about_files_and_batches_are_no_exchange() -> None:
    assert LiteLLMAdapter().row(payload(call_type="aretrieve_batch")).skipped is not None


def test_a_mapping_on_top_chooses_another_account(tmp_path: Path) -> None:
    (tmp_path / "log.json").write_text(json.dumps(payload()))
    (tmp_path / "map.yaml").write_text(
        "adapter: litellm\ncolumns:\n  account_id: metadata.user_api_key_team_id\n"
    )
    (row,) = read(tmp_path / "log.json", mapping=tmp_path / "map.yaml")
    assert (row["account_id"], row["input_text"]) == ("team-1", "second")
    assert load_mapping(tmp_path / "map.yaml").base is not None


REDACTED = "redacted-by-litellm"


@pytest.mark.parametrize(
    "response",
    [
        REDACTED,
        {"text": REDACTED},
        {"choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": REDACTED}}]},
        {"output": [{"type": "message", "content": [{"type": "output_text", "text": REDACTED}]}]},
    ],
)
@pytest.mark.parametrize(
    "messages",
    [
        REDACTED,
        [{"role": "user", "content": REDACTED}],
        [
            {"role": "system", "content": REDACTED},
            {"role": "user", "content": [{"type": "text", "text": REDACTED}]},
        ],
        [{"type": "input_text", "text": REDACTED}],
        {"input": REDACTED},
    ],
)
def test_texts_that_litellm_redacted_are_absent(messages: object, response: object) -> None:
    found = values(messages=messages, response=response, model_parameters={"instructions": REDACTED})
    assert REDACTED not in str(found)
    assert [found[name] for name in ("input_text", "output_text", "system_text", "turn")] == [None] * 4
    assert found["status"] == "ok"


def test_what_was_not_redacted_stays() -> None:
    text = f"what does {REDACTED} mean?"
    system = {"role": "system", "content": REDACTED}
    found = values(messages=[system, {"role": "user", "content": text}])
    assert found["input_text"] == text
    assert found["system_text"] is None


@pytest.mark.parametrize("raw", ["sk-1234", "sk-1234567890abcdef"])
def test_a_raw_key_in_the_field_of_the_hash_is_digested_however_short(raw: str) -> None:
    found = values(metadata={"user_api_key_hash": raw})
    assert raw not in str(found)
    assert found["account_id"] == found["credential_id"] == credential_digest(raw)
