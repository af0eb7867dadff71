"""Answers in the words of each protocol: plain JSON for LiteLLM, OTLP messages in the encoding of the request."""

import json
from collections.abc import Mapping

from google.protobuf.json_format import MessageToJson
from google.rpc.code_pb2 import Code
from google.rpc.status_pb2 import Status
from starlette.responses import Response

from stillwatch.collector.committer import Receipt
from stillwatch.collector.payloads import Signal
from stillwatch.records.rejects import in_words
from stillwatch.serving.admission import Refused

JSON, PROTOBUF = "application/json", "application/x-protobuf"

_CODES: Mapping[int, int] = {
    400: Code.INVALID_ARGUMENT,
    401: Code.UNAUTHENTICATED,
    408: Code.DEADLINE_EXCEEDED,
    413: Code.RESOURCE_EXHAUSTED,
    415: Code.INVALID_ARGUMENT,
    500: Code.INTERNAL,
    503: Code.UNAVAILABLE,
}
"""HTTP status -> google.rpc.Code. Clients go by the HTTP status; the code is for a person (OTLP 1.x, "Failures")."""


def _headers(refusal: Refused) -> dict[str, str]:
    """The headers that go with the status."""
    if refusal.retry_after is not None:
        return {"Retry-After": str(refusal.retry_after)}
    return {"WWW-Authenticate": 'Bearer realm="stillwatch"'} if refusal.status == 401 else {}


class PlainAnswers:
    """JSON for LiteLLM's callback, which looks at the status only, and for people."""

    def taken(self, receipt: Receipt) -> Response:
        """200: what became of the rows."""
        body = {
            "accepted": receipt.accepted,
            "rejected": dict(sorted(receipt.rejected.items())),
            "skipped": dict(sorted(receipt.skipped.items())),
        }
        return Response(json.dumps(body), media_type=JSON)

    def refused(self, refusal: Refused) -> Response:
        """4xx or 5xx."""
        body = json.dumps({"error": refusal.problem})
        return Response(body, refusal.status, headers=_headers(refusal), media_type=JSON)


class OtlpAnswers:
    """OTLP 1.x, "OTLP/HTTP Response": messages in the encoding of the request, google.rpc.Status for failures."""

    def __init__(self, signal: Signal, *, as_json: bool) -> None:
        self._signal, self._as_json = signal, as_json

    def taken(self, receipt: Receipt) -> Response:
        """200: full success, or a partial one when rows were rejected."""
        answer = self._signal.response()
        rejected = receipt.rejected.total()
        if rejected:
            setattr(answer.partial_success, self._signal.rejected, rejected)
            answer.partial_success.error_message = f"can't be used: {in_words(receipt.rejected)}"
        return self._encoded(answer, 200, {})

    def refused(self, refusal: Refused) -> Response:
        """4xx or 5xx; of these clients try again after 429, 502, 503 and 504 only."""
        status = Status(code=_CODES.get(refusal.status, Code.UNKNOWN), message=refusal.problem)
        return self._encoded(status, refusal.status, _headers(refusal))

    def _encoded(self, message: object, status: int, headers: dict[str, str]) -> Response:
        if self._as_json:
            return Response(MessageToJson(message, indent=None), status, headers=headers, media_type=JSON)
        body: bytes = message.SerializeToString()  # type: ignore[attr-defined]
        return Response(body, status, headers=headers, media_type=PROTOBUF)
