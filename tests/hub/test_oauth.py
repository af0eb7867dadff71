"""Requests for access tokens, form by form (RFC 6749)."""

import base64
import json

import pytest
from starlette.requests import Request

from stillwatch.hub import oauth
from stillwatch.hub.errors import Refused, too_many

FORM = b"grant_type=client_credentials"


def request(**headers: str) -> Request:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": [(b"content-type", oauth.FORM.encode()), *named]})


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


def test_credentials_in_the_header_are_form_encoded():
    made = request(authorization=basic("client%3Aone:a+b%2Bc"))
    assert oauth.client(made, FORM) == ("client:one", "a b+c")


def test_credentials_in_the_body():
    assert oauth.client(request(), FORM + b"&client_id=c%20d&client_secret=s&scope=x") == ("c d", "s")


@pytest.mark.parametrize(
    ("body", "headers", "error", "status"),
    [
        (b"", {}, "invalid_request", 400),
        (b"grant_type=password", {}, "unsupported_grant_type", 400),
        (FORM, {}, "invalid_client", 401),
        (FORM + b"&client_id=c", {}, "invalid_client", 401),
        (FORM + b"&grant_type=client_credentials", {}, "invalid_request", 400),
        (b"grant_type=%FF", {}, "invalid_request", 400),
        (b"\xff", {}, "invalid_request", 400),
        (b"&".join(b"a%d=1" % n for n in range(50)), {}, "invalid_request", 400),
        (FORM + b"&client_id=c&client_secret=s", {"authorization": basic("c:s")}, "invalid_request", 400),
        (FORM, {"authorization": "Basic ***"}, "invalid_client", 401),
        (FORM, {"authorization": "Bearer x"}, "invalid_client", 401),
    ],
)
def test_errors_have_the_codes_of_the_rfc(body, headers, error, status):
    with pytest.raises(oauth.BadGrant) as found:
        oauth.client(request(**headers), body)
    answer = oauth.denied(found.value)
    assert (answer.status_code, json.loads(answer.body)["error"]) == (status, error)
    assert answer.headers["cache-control"] == "no-store"
    assert ("www-authenticate" in answer.headers) is (status == 401)


def test_another_content_type_is_no_form():
    made = Request({"type": "http", "headers": [(b"content-type", b"application/json")]})
    with pytest.raises(oauth.BadGrant, match="x-www-form-urlencoded"):
        oauth.client(made, b"{}")


def test_a_token_s_answer():
    answer = oauth.granted("abc", 3600)
    assert json.loads(answer.body) == {
        "access_token": "abc",
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": "exchange",
    }
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"


def test_other_refusals_keep_the_form():
    answer = oauth.refused(too_many("wait", 2.5))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
    assert json.loads(answer.body)["error"] == "temporarily_unavailable"
    wrong = oauth.refused(Refused(401, "Unauthorised", "wrong"))
    assert json.loads(wrong.body)["error"] == "invalid_client"
    assert json.loads(oauth.refused(Refused(413, "Too large", "x")).body)["error"] == "invalid_request"
