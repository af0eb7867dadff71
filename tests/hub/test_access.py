"""Who is let in: Basic, tokens, certificates; failed attempts are limited, and lock nobody out."""

import base64
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.hub import bounds
from stillwatch.hub.access import Access, Buckets, Slowed, challenges, client_of
from stillwatch.hub.errors import Refused

FORM = "application/x-www-form-urlencoded"
ASKING = b"grant_type=client_credentials"


def basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def token(running, client, secret, body=ASKING):
    return running.call("POST", "/oauth2/token", body, Content_Type=FORM, Authorization=basic(client, secret))


def test_basic_and_bearer(running, anna):
    assert running.call("GET", "/exchange/v1/me").json["member_id"] == anna.member.member_id
    oauth = anna.credentials["oauth2"]
    found = token(running, oauth["client_id"], oauth["client_secret"])
    assert (found.status, found.header("cache-control")) == (200, "no-store")
    bearer = f"Bearer {found.json['access_token']}"
    assert running.call("GET", "/exchange/v1/me", Authorization=bearer).status == 200
    body = ASKING + f"&client_id={oauth['client_id']}&client_secret={oauth['client_secret']}".encode()
    second = running.call("POST", "/oauth2/token", body, Content_Type=FORM, Authorization=None)
    assert second.json["access_token"] != found.json["access_token"]
    wrong = token(running, oauth["client_id"], "wrong")
    assert (wrong.status, wrong.json["error"]) == (401, "invalid_client")
    assert wrong.header("www-authenticate").startswith("Basic")
    # The client's secret is no password, and the password no client's secret.
    pair = anna.credentials["basic"]
    assert token(running, pair["username"], pair["password"]).status == 401
    crossed = basic(oauth["client_id"], oauth["client_secret"])
    assert running.call("GET", "/exchange/v1/me", Authorization=crossed).status == 401


def test_a_wrong_token_is_told_as_one(shared):
    challenge = shared.call("GET", "/taxii2/", Authorization="Bearer abc").headers.get_all("www-authenticate")
    assert 'Bearer realm="stillwatch", error="invalid_token"' in challenge
    none = shared.call("GET", "/taxii2/", Authorization=None).headers.get_all("www-authenticate")
    assert 'Bearer realm="stillwatch"' in none


def test_mutual_tls(hub, anna, bert, serve, web, certificates):
    assert len(hub.bind_certificate("anna", certificates.member.read_bytes())) == 64
    options = (f"--tls-cert={certificates.server}", f"--tls-key={certificates.server_key}")
    running = serve(
        *options,
        f"--client-ca={certificates.authority}",
        tls=certificates.client(certificates.member, certificates.member_key),
    )
    assert running.call("GET", "/exchange/v1/me").json["member_id"] == anna.member.member_id
    assert running.call("GET", "/taxii2/").json["default"].startswith("https://127.0.0.1:")
    assert "max-age" in running.call("GET", "/healthz").header("strict-transport-security")
    # Who logs in otherwise besides is who he says he is.
    both = running.call("GET", "/exchange/v1/me", Authorization=web.basic(bert.credentials))
    assert both.json["member_id"] == bert.member.member_id
    running.tls = certificates.client(certificates.other, certificates.other_key)
    assert running.call("GET", "/exchange/v1/me").status == 401
    running.tls = certificates.client()
    assert running.call("GET", "/exchange/v1/me").status == 401
    assert running.call("GET", "/exchange/v1/me", Authorization=web.basic(bert.credentials)).status == 200
    hub.revoke_member("anna")
    running.tls = certificates.client(certificates.member, certificates.member_key)
    begin = web.time.monotonic()
    while running.call("GET", "/exchange/v1/me").status != 401:
        assert web.time.monotonic() - begin < 1.5


def test_a_certificate_of_another_authority_is_refused(hub, anna, serve, web, certificates, tmp_path):
    strange = web.Certificates(tmp_path)
    hub.bind_certificate("anna", strange.member.read_bytes())
    running = serve(
        f"--tls-cert={certificates.server}",
        f"--tls-key={certificates.server_key}",
        f"--client-ca={certificates.authority}",
    )
    running.tls = certificates.client(strange.member, strange.member_key)
    with pytest.raises((ssl.SSLError, OSError)):
        running.call("GET", "/exchange/v1/me")


def test_failures_end_in_429_and_touch_nobody_else(running, anna, bert, web):
    """All from one address: a member that was let in before is let in, however often others fail to be it."""
    assert running.call("GET", "/taxii2/").status == 200
    user = anna.credentials["basic"]["username"]
    found = [running.call("GET", "/taxii2/", Authorization=basic(user, f"{n}")) for n in range(15)]
    assert [answer.status for answer in found].count(401) in range(10, 13)
    assert found[-1].status == 429
    assert int(found[-1].header("retry-after")) in range(1, 8)
    assert running.call("GET", "/taxii2/").status == 200
    assert running.call("GET", "/taxii2/", Authorization=web.basic(bert.credentials)).status == 200


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def test_an_account_that_many_addresses_fail_at_is_slowed_never_refused(hub, anna):
    clock = Clock()
    access = Access(hub, clock)
    pair = anna.credentials["basic"]
    right = basic(pair["username"], pair["password"])
    for n in range(60):
        with pytest.raises((Refused, Slowed)):
            access.admit(basic(pair["username"], "wrong"), None, f"10.0.0.{n}")
    with pytest.raises(Slowed):
        access.admit(right, None, "192.0.2.1")
    assert access.admit(right, None, "192.0.2.1", slowed=True) == anna.member
    # From now on it is known.
    assert access.admit(right, None, "192.0.2.9") == anna.member
    clock.now += bounds.KNOWN_SECONDS + 1
    assert access.admit(right, None, "192.0.2.1") == anna.member


def test_an_address_that_tries_many_accounts_is_refused(hub, anna):
    access = Access(hub, Clock())
    seen = set()
    for n in range(150):
        with pytest.raises(Refused) as error:
            access.admit(basic(f"user-{n}", "x"), None, "10.0.0.1")
        seen.add(error.value.status)
    assert seen == {401, 429}
    with pytest.raises(Refused, match="too many failed"):
        access.admit("Bearer abc", None, "10.0.0.1")
    with pytest.raises(Refused, match="not known"):
        access.admit("Bearer abc", None, "10.0.0.2")


def test_wrong_tokens_keep_no_right_one_waiting(hub, anna):
    """All from one address, as behind a proxy: at this process, at another, and after a hundred of them."""
    client = anna.credentials["oauth2"]
    access, other = Access(hub, Clock()), Access(hub, Clock())

    def fail(times):
        for n in range(times):
            for one in (access, other):
                with pytest.raises(Refused):
                    one.admit(f"Bearer token-{n}.x", None, "10.0.0.1")

    fail(30)
    issued, _ = access.token(client["client_id"], client["client_secret"], "10.0.0.1")
    assert other.admit(f"bearer {issued}", None, "10.0.0.1") == anna.member
    fail(100)
    again, _ = access.token(client["client_id"], client["client_secret"], "10.0.0.1")
    assert access.admit(f"bearer  {again}", None, "10.0.0.1") == anna.member
    with pytest.raises(Refused, match="too many failed"):
        other.admit(f"Bearer {again}", None, "10.0.0.1")


def test_guesses_at_one_token_are_limited(hub):
    access, seen = Access(hub, Clock()), []
    for n in range(15):
        with pytest.raises(Refused) as error:
            access.admit(f"Bearer token-1.{n}", None, "10.0.0.1")
        seen.append(error.value.status)
    assert seen == [401] * 10 + [429] * 5


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic *",
        "Basic YQ==",
        "Bearer",
        f"Bearer {'x' * 5000}",
        f"Basic {'YTpi' * 2000}",
        "Token x",
        "ü",
    ],
)
def test_headers_that_are_none(hub, header):
    with pytest.raises(Refused) as error:
        Access(hub).admit(header, None, "a")
    assert error.value.status == 401
    assert len(challenges(error.value)) == 2


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0.1, 2)), max_size=60))
def test_a_bucket_gives_no_more_than_it_wins(steps):
    clock = Clock()
    buckets, taken, begin = Buckets(3.0, 0.5, clock=clock), 0.0, clock.now
    for wait, amount in steps:
        clock.now += wait
        left = buckets.take("key", amount)
        if left == 0:
            taken += amount
        else:
            clock.now += left + 1e-6
            assert buckets.take("key", amount) == 0
            taken += amount
        assert taken <= 3.0 + 0.5 * (clock.now - begin) + 1e-3


def test_buckets_are_bounded():
    buckets = Buckets(1.0, 0.001, most=10)
    assert all(buckets.take(n) == 0 for n in range(100))
    assert buckets.wait(99) > 0
    assert buckets.wait(0) == 0
    assert len(buckets._held) == 10


def test_clients_of_oauth():
    assert client_of(None, {}) is None
    assert client_of(None, {"client_id": "a", "client_secret": "b"}) == ("a", "b")
    assert client_of(basic("a", "b"), {}) == ("a", "b")
    assert client_of(basic("a", "b"), {"client_secret": "b"}) is None
    assert client_of("Bearer x", {}) is None
