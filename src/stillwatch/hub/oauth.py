"""OAuth 2.0 client credentials (RFC 6749, section 4.4): one request for an access token, and its answers."""

from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from stillwatch.hub.access import client_of
from stillwatch.hub.answers import for_status
from stillwatch.hub.calls import JSON
from stillwatch.hub.errors import Refused
from stillwatch.serving.admission import media_type

PATH = "/oauth2/token"
FORM = "application/x-www-form-urlencoded"
SCOPE = "exchange"
_NOT_KEPT = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_MOST_FIELDS = 20


class BadGrant(Exception):  # noqa: N818 - an answer
    """An error of section 5.2: its code, and what is wrong."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error, self.description, self.status = error, description, status


def client(request: Request, body: bytes) -> tuple[str, str]:
    """Id and secret of who asks for a token. Raises BadGrant."""
    if media_type(request) != FORM:
        raise BadGrant("invalid_request", f"send {FORM}")
    try:
        fields = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise BadGrant("invalid_request", "the body is no form") from None
    form = dict(fields)
    if len(form) < len(fields):
        raise BadGrant("invalid_request", "a parameter is given twice")
    if "grant_type" not in form:
        raise BadGrant("invalid_request", "grant_type is missing")
    if form["grant_type"] != "client_credentials":
        raise BadGrant("unsupported_grant_type", "send grant_type=client_credentials")
    authorization = request.headers.get("authorization")
    if authorization is not None and "client_secret" in form:
        raise BadGrant("invalid_request", "send the credentials in the header or in the body, not in both")
    found = client_of(authorization, form)
    if found is None:
        raise BadGrant("invalid_client", "send client_id and client_secret, or Authorization: Basic", 401)
    return found


def granted(token: str, seconds: int) -> Response:
    """Section 5.1. The scope is always the same one, whatever was asked for (section 3.3)."""
    body = {"access_token": token, "token_type": "Bearer", "expires_in": seconds, "scope": SCOPE}
    return Response(msgspec.json.encode(body), headers={**_NOT_KEPT, "Content-Type": JSON})


def denied(problem: BadGrant) -> Response:
    """Section 5.2."""
    body = {"error": problem.error, "error_description": problem.description}
    response = Response(
        msgspec.json.encode(body), problem.status, headers={**_NOT_KEPT, "Content-Type": JSON}
    )
    if problem.status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="stillwatch", charset="UTF-8"'
    return response


def refused(problem: Refused) -> Response:
    """What is refused on other grounds than RFC 6749 has codes for, in its form."""
    if problem.status == 401:
        return denied(BadGrant("invalid_client", problem.description, 401))
    error = "invalid_request" if problem.status < 429 else "temporarily_unavailable"
    response = denied(BadGrant(error, problem.description, problem.status))
    for_status(response, problem)
    return response
