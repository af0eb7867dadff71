"""Envoy AI Gateway's access log in JSON.

The fields are configured by the user in EnvoyProxy `telemetry.accessLog`; known here are those of the
project's documentation (site/docs/capabilities/observability/accesslogs.md: genai_model_name,
genai_tokens_input, ...; with the default fields of Envoy Gateway) and of the format that `aigw run` uses
(gen_ai.request.model, gen_ai.usage.input_tokens, ...). Envoy writes null or "-" where a value is absent. The
account is in none of them by default: it is whatever header or metadata the operator adds to the log.
`DEFAULT_ACCOUNT_FIELDS` are looked for in order; `AdapterSettings.account_fields` replaces them, as does a
mapping file.
"""

import ipaddress
from collections.abc import Mapping

from stillwatch.records.adapters.base import NOT_A_MODEL_CALL, Adapter, Row, Sample, first_of, status_of_code
from stillwatch.records.coercion import clean_address

# x-user-id and x-tenant-id are those of the gateway's guide to usage-based rate limiting.
DEFAULT_ACCOUNT_FIELDS = (
    "account_id",
    "x-account-id",
    "user.id",
    "x-user-id",
    "user_id",
    "x-tenant-id",
    "x-org-id",
    "caller",
)
# Raw credentials, should an operator log them: only their digest is taken, and only if nothing better is
# there.
CREDENTIAL_FIELDS = ("x-api-key", "api-key", "authorization")

_MODEL = ("gen_ai.request.model", "genai_model_name", "x-ai-eg-model", "x-ai-eg-original-model")
_MARKS = frozenset(_MODEL) | {"genai_backend_name", "genai_tokens_input", "gen_ai.usage.input_tokens"}
_ENVOY = frozenset(
    {"response_code", "response_flags", "upstream_cluster", "upstream_host", "x-envoy-origin-path"}
)
_INPUT = ("gen_ai.usage.input_tokens", "genai_tokens_input", "llm_input_token")
_OUTPUT = ("gen_ai.usage.output_tokens", "genai_tokens_output", "llm_output_token")
_REASONING = ("gen_ai.usage.reasoning.output_tokens", "genai_tokens_reasoning", "llm_reasoning_token")
_CONVERSATION = ("gen_ai.conversation.id", "session.id", "x-session-id")
_OPERATIONS = (
    ("/chat/completions", "chat"),
    ("/messages", "chat"),
    ("/responses", "chat"),
    ("/completions", "text_completion"),
    ("/embeddings", "embeddings"),
    ("/images/generations", "image_generation"),
    ("/rerank", "rerank"),
)
# Response flags of Envoy (docs: configuration/observability/access_log/usage).
_RATE_LIMITED_FLAGS = frozenset({"RL", "RLSE"})
_REFUSED_BY_GATEWAY_FLAGS = frozenset({"UAEX", "RFCF"})


class EnvoyAdapter(Adapter):
    """Envoy AI Gateway's JSON access log."""

    name = "envoy"
    blanks = frozenset({"-"})

    def recognises(self, sample: Sample) -> int:
        """How many records have a field of the gateway's AI metadata and one of Envoy's own."""
        if sample.tabular:
            return int(bool(_MARKS & sample.columns) and bool(_ENVOY & sample.columns))
        return sum(1 for record in sample.records if _MARKS & record.keys() and _ENVOY & record.keys())

    def row(self, record: Mapping[str, object]) -> Row:
        """The exchange of one line; a line without a model (MCP, health checks) is no model call."""
        fields = {
            str(k).lower(): v for k, v in record.items() if not (isinstance(v, str) and v in self.blanks)
        }
        model = first_of(fields, *_MODEL)
        if model is None and (first_of(fields, *_INPUT) is None):
            return Row({}, record, skipped=NOT_A_MODEL_CALL)
        account = self.identifier(first_of(fields, *(self.settings.account_fields or DEFAULT_ACCOUNT_FIELDS)))
        credential = first_of(fields, "credential_id") or self.digest(first_of(fields, *CREDENTIAL_FIELDS))
        path = str(first_of(fields, "x-envoy-origin-path", "request.path", "path", ":path") or "").partition(
            "?"
        )[0]
        duration = first_of(fields, "duration")
        values: dict[str, object] = {
            "event_id": first_of(fields, "gen_ai.response.id", "x-request-id", "request_id"),
            "time": first_of(fields, "start_time", "time", "timestamp"),
            "account_id": account if account is not None else credential,
            "credential_id": credential,
            "end_user_id": first_of(fields, "enduser.pseudo.id", "enduser.id", "x-end-user-id"),
            "operation": first_of(fields, "gen_ai.operation.name")
            or next((name for end, name in _OPERATIONS if path.endswith(end)), None),
            "model": model,
            "conversation_id": first_of(fields, *_CONVERSATION),
            "client_address": _client_address(fields),
            "user_agent": first_of(fields, "user-agent", "user_agent"),
            "tls_ja4": first_of(fields, "tls_ja4", "ja4"),
            "input_tokens": first_of(fields, *_INPUT),
            "output_tokens": first_of(fields, *_OUTPUT),
            "reasoning_tokens": first_of(fields, *_REASONING),
            "status": _status(fields),
            "duration_s": _seconds(duration),
        }
        return Row(values, record)


def _client_address(fields: Mapping[str, object]) -> object:
    """The client's address as Envoy determined it (its port is taken off at validation).

    Envoy already took trusted hops into account for the peer. Only when that is an address inside, as behind
    a load balancer that Envoy was not told of, the last forwarded one is taken: the ones before it are
    whatever the client claims (Envoy docs, x-forwarded-for).
    """
    names = ("downstream_remote_address", "downstream_remote_address_without_port", "client.address")
    peer = first_of(fields, *names)
    shown = clean_address(peer) if isinstance(peer, str) else None
    forwarded = first_of(fields, "x-forwarded-for")
    if isinstance(forwarded, str) and (shown is None or not ipaddress.ip_address(shown).is_global):
        return forwarded.rpartition(",")[2].strip()
    return peer


def _status(fields: Mapping[str, object]) -> str | None:
    flags = set(str(first_of(fields, "response_flags") or "").split(","))
    if flags & _RATE_LIMITED_FLAGS:
        return "rate_limited"
    if flags & _REFUSED_BY_GATEWAY_FLAGS:
        return "blocked"
    return status_of_code(first_of(fields, "response_code", "http.response.status_code"))


def _seconds(milliseconds: object) -> float | None:
    try:
        return float(str(milliseconds)) / 1000 if milliseconds is not None else None
    except ValueError:
        return None
