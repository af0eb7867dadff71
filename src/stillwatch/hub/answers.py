"""Answers as Starlette sends them; refusals become TAXII's error message (TAXII 2.1, section 3.6.1), everywhere."""

import math
from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from stillwatch.hub.access import challenges
from stillwatch.hub.calls import JSON, TAXII, Answer
from stillwatch.hub.errors import Refused
from stillwatch.hub.taxii import DISCOVERY


def response_of(answer: Answer) -> Response:
    """An answer, sent."""
    headers = dict(answer.headers)
    if answer.media_type is not None:
        # Not as Starlette's media type, which would get a charset.
        headers["Content-Type"] = answer.media_type
    return Response(answer.body, answer.status, headers=headers)


def error_type(path: str) -> str:
    """The media type of errors of a path."""
    return TAXII if f"{path}/".startswith(DISCOVERY) else JSON


def refusal(refused: Refused, request: Request, request_id: str) -> Response:
    """A refusal, with the headers that go with its status; `error_id` is the number under which the log has it."""
    resource: dict[str, object] = {
        "title": refused.title,
        "description": refused.description,
        "error_id": request_id,
        "http_status": str(refused.status),
    }
    if refused.details:
        resource["details"] = refused.details
    response = Response(msgspec.json.encode(resource), refused.status)
    response.headers["Content-Type"] = error_type(request.url.path)
    for_status(response, refused)
    return response


def for_status(response: Response, refused: Refused) -> None:
    """Add the headers that go with a refusal's status."""
    if refused.retry_after is not None:
        response.headers["Retry-After"] = str(max(1, math.ceil(refused.retry_after)))
    if refused.status == HTTPStatus.UNAUTHORIZED:
        for challenge in challenges(refused):
            response.headers.append("WWW-Authenticate", challenge)
    if refused.status == HTTPStatus.REQUEST_TIMEOUT:
        # What is still to come of the body would be read as the next request.
        response.headers["Connection"] = "close"


def of_status(status: int, description: str, retry_after: float | None = None) -> Refused:
    """A refusal whose title is the status's own phrase."""
    return Refused(status, HTTPStatus(status).phrase.capitalize(), description, retry_after=retry_after)
