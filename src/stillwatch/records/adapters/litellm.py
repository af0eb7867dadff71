"""LiteLLM's StandardLoggingPayload, as its generic API callback writes it.

Format: docs.litellm.ai/docs/proxy/logging_spec and litellm/types/utils.py (StandardLoggingPayload,
StandardLoggingMetadata); written as a JSON array for each batch, as newline-delimited JSON, or as single
objects (`log_format` of docs.litellm.ai/docs/observability/generic_api). Times are seconds since 1970 as
floats. The gateway's virtual key comes as a SHA-256 digest already (`user_api_key_hash`).

The account is the narrowest principal that spending is booked to: the key's user, else its team, project or
organisation, else the key itself. A mapping file on top (`adapter: litellm`) chooses another.
"""

from collections.abc import Mapping

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

_MARKS = frozenset(
    {
        "call_type",
        "model_parameters",
        "model_map_information",
        "hidden_params",
        "response_cost",
        "completionStartTime",
    }
)
# LiteLLM's name for whoever holds the proxy's master key (litellm/proxy/_types.py): no principal of its own.
_PLACEHOLDER_USERS = frozenset({"default_user_id", "litellm_proxy_admin_name"})
_OPERATIONS = {
    "completion": "chat",
    "acompletion": "chat",
    "responses": "chat",
    "aresponses": "chat",
    "anthropic_messages": "chat",
    "generate_content": "generate_content",
    "agenerate_content": "generate_content",
    "text_completion": "text_completion",
    "atext_completion": "text_completion",
    "embedding": "embeddings",
    "aembedding": "embeddings",
}
# Calls about a model's surroundings: no exchange takes place.
_NO_EXCHANGE = (
    "list_",
    "alist_",
    "retrieve_",
    "aretrieve_",
    "create_file",
    "acreate_file",
    "delete_",
    "adelete_",
)
_AGENT_TAG = "user-agent:"
# What stands for texts where message logging is off (litellm/litellm_core_utils/redact_messages.py).
_REDACTED = "redacted-by-litellm"


class LiteLLMAdapter(Adapter):
    """LiteLLM's StandardLoggingPayload."""

    name = "litellm"

    def recognises(self, sample: Sample) -> int:
        """How many records have `id`, `startTime` and at least one field that only this payload has."""
        needed = {"id", "startTime"}
        if sample.tabular:
            return int(needed <= sample.columns and bool(_MARKS & sample.columns))
        return sum(1 for record in sample.records if needed <= record.keys() and _MARKS & record.keys())

    def row(self, record: Mapping[str, object]) -> Row:
        """The exchange of one payload."""
        call_type = first_of(record, "call_type")
        if isinstance(call_type, str) and call_type.startswith(_NO_EXCHANGE):
            return Row({}, record, skipped=NOT_A_MODEL_CALL)
        metadata = as_mapping(record.get("metadata"))
        parameters = as_mapping(record.get("model_parameters"))
        response = record.get("response")
        # Also of a master key as short as "sk-1234", which older versions left in this field.
        key_hash = self.identifier(first_of(metadata, "user_api_key_hash"), key_field=True)
        sent = _messages(record.get("messages"))
        messages = [message for message in sent if not _redacted(message)]
        finish = _finish_reason(response)
        values: dict[str, object] = {
            "event_id": first_of(record, "id", "litellm_call_id"),
            "time": first_of(record, "startTime", "start_time"),
            "account_id": self.identifier(_principal(metadata)) or key_hash,
            "credential_id": key_hash,
            "end_user_id": self.identifier(
                first_of(record, "end_user") or first_of(metadata, "user_api_key_end_user_id")
            ),
            "operation": _OPERATIONS.get(call_type, call_type) if isinstance(call_type, str) else None,
            # The name the client asked for is the group's; `model` may be the deployment behind it.
            "model": first_of(record, "model_group", "model"),
            "conversation_id": first_of(parameters, "litellm_session_id") or first_of(metadata, "session_id"),
            # One placeholder may stand for any number of messages.
            "turn": turn_of(messages) if len(messages) == len(sent) else None,
            "client_address": _first_address(
                first_of(record, "requester_ip_address") or first_of(metadata, "requester_ip_address")
            ),
            "user_agent": _user_agent(record, metadata),
            "input_tokens": first_of(record, "prompt_tokens"),
            "output_tokens": first_of(record, "completion_tokens"),
            "reasoning_tokens": _reasoning_tokens(metadata, response),
            "max_tokens": first_of(parameters, "max_completion_tokens", "max_tokens", "max_output_tokens"),
            "temperature": parameters.get("temperature"),
            "choice_count": parameters.get("n"),
            "stream": record["stream"] if record.get("stream") is not None else parameters.get("stream"),
            "logprobs": _asks_logprobs(parameters),
            "tool_count": _tool_count(parameters),
            "system_text": _system_text(messages, parameters),
            "input_text": _input_text(messages),
            "output_text": _shown(_output_text(response)),
            "status": status_with_finish(_status(record), finish),
            "finish_reason": finish,
            "duration_s": _duration(record),
        }
        return Row(values, record)


def _principal(metadata: Mapping[str, object]) -> object:
    """Whom spending is booked to, where that is not the key itself."""
    user = first_of(metadata, "user_api_key_user_id")
    if user is not None and not (isinstance(user, str) and user in _PLACEHOLDER_USERS):
        return user
    return first_of(
        metadata,
        "user_api_key_team_id",
        "user_api_key_project_id",
        "user_api_key_org_id",
    )


def _shown(text: str | None) -> str | None:
    """A text, unless LiteLLM has put its placeholder there (`turn_off_message_logging`)."""
    return None if text is not None and text.strip() == _REDACTED else text


def _redacted(message: object) -> bool:
    text = content_of(as_mapping(message)) or text_of(message)
    return text is not None and _shown(text) is None


def _first_address(value: object) -> object:
    """The client of a chain of forwarded addresses."""
    return value.partition(",")[0].strip() if isinstance(value, str) else value


def _messages(value: object) -> list[object]:
    """The messages of a request, in whichever form the endpoint had them; a bare prompt as a user's."""
    if isinstance(value, str):
        return [{"role": "user", "content": value}]
    if isinstance(value, Mapping):
        inner = first_of(value, "messages", "input", "contents", "prompt")
        return _messages(inner) if inner is not None else [value]
    return [{"role": "user", "content": m} if isinstance(m, str) else m for m in as_list(value)]


def _input_text(messages: list[object]) -> str | None:
    found = newest_of_role(messages, "user")
    if found is not None:
        return found
    # Parts of a Responses API request may come without a role.
    return next(
        (text for m in reversed(messages) if "role" not in as_mapping(m) and (text := text_of(m))), None
    )


def _system_text(messages: list[object], parameters: Mapping[str, object]) -> str | None:
    return all_of_role(messages, "system", "developer") or _shown(
        text_of(first_of(parameters, "system", "instructions"))
    )


def _choices(response: object) -> list[Mapping[str, object]]:
    return [as_mapping(choice) for choice in as_list(as_mapping(response).get("choices"))]


def _output_text(response: object) -> str | None:
    if isinstance(response, str):
        return response
    for choice in _choices(response):
        shown = text_of(choice.get("text")) or content_of(as_mapping(choice.get("message")))
        if shown is not None:
            return shown
    fields = as_mapping(response)
    outputs = [content_of(as_mapping(item)) for item in as_list(fields.get("output"))]  # Responses API
    texts = [shown for shown in outputs if shown is not None]
    return "\n".join(texts) if texts else text_of(fields.get("content"))  # Anthropic Messages


def _finish_reason(response: object) -> object:
    for choice in _choices(response):
        reason = first_of(choice, "finish_reason")
        if reason is not None:
            return reason
    return first_of(as_mapping(response), "stop_reason", "status")


def _reasoning_tokens(metadata: Mapping[str, object], response: object) -> object:
    for usage in (as_mapping(metadata.get("usage_object")), as_mapping(as_mapping(response).get("usage"))):
        for details in ("completion_tokens_details", "output_tokens_details"):
            found = first_of(as_mapping(usage.get(details)), "reasoning_tokens")
            if found is not None:
                return found
    return None


def _asks_logprobs(parameters: Mapping[str, object]) -> object:
    asked = parameters.get("logprobs")
    # The older completions API gives the number of alternatives instead of true.
    if isinstance(asked, int) and not isinstance(asked, bool):
        return asked > 0
    return asked if asked is not None else (True if parameters.get("top_logprobs") else None)


def _tool_count(parameters: Mapping[str, object]) -> int | None:
    tools = first_of(parameters, "tools", "functions")
    return len(as_list(tools)) if tools is not None else None


def _user_agent(record: Mapping[str, object], metadata: Mapping[str, object]) -> object:
    """By its own field, among the tags ("User-Agent: name"; the longest is the whole), or as a header."""
    own = first_of(metadata, "user_agent") or first_of(record, "user_agent")
    if own is not None:
        return own
    tags = [tag for tag in as_list(record.get("request_tags")) if isinstance(tag, str)]
    agents = [tag[len(_AGENT_TAG) :].strip() for tag in tags if tag.lower().startswith(_AGENT_TAG)]
    if agents:
        return max(agents, key=lambda agent: (len(agent), agent))
    headers = as_mapping(metadata.get("requester_custom_headers"))
    return next(
        (value for name, value in headers.items() if str(name).lower() in ("user-agent", "x-user-agent")),
        None,
    )


def _status(record: Mapping[str, object]) -> str | None:
    guardrail = as_mapping(record.get("status_fields")).get("guardrail_status")
    if guardrail == "guardrail_intervened":
        return "blocked"
    status = record.get("status")
    if status == "success":
        return "ok"
    if status != "failure":
        return None
    error = as_mapping(record.get("error_information"))
    kind = str(first_of(error, "error_class") or "")
    if "RateLimit" in kind:
        return "rate_limited"
    if "ContentPolicy" in kind or "Guardrail" in kind or "Rejected" in kind:
        return "blocked"
    by_code = status_of_code(first_of(error, "error_code"))
    return by_code if by_code in ("rate_limited", "blocked") else "error"


def _duration(record: Mapping[str, object]) -> object:
    # response_time of a streamed answer is the time to its first token.
    start, end = record.get("startTime"), record.get("endTime")
    found = difference(start, end)
    if found is not None:
        return found
    return first_of(record, "response_time")
