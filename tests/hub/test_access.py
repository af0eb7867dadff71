import base64

import pytest

from stillwatch.hub.access import Access, Buckets, Slowed, challenges, client_of, unauthorised
from stillwatch.hub.errors import Refused


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def access(hub, clock):
    return Access(hub, clock)


@pytest.fixture
def right(anna):
    return basic(
        **{"user": anna.credentials["basic"]["username"], "password": anna.credentials["basic"]["password"]}
    )


def test_buckets_fill_with_time(clock):
    buckets = Buckets(2, 0.5, clock=clock)
    assert [buckets.take("a") for _ in range(3)] == [0.0, 0.0, 2.0]
    assert buckets.take("b") == 0.0
    clock.now += 2
    assert buckets.take("a") == 0.0
    assert buckets.wait("a") == 2.0


def test_buckets_are_bounded(clock):
    buckets = Buckets(1, 0.001, most=3, clock=clock)
    for key in range(9):
        buckets.take(key)
    # What fell out is forgotten, and so full again.
    assert buckets.wait(0) == 0.0
    assert buckets.wait(8) > 0


def test_each_way_lets_in(access, anna, right, hub):
    assert access.admit(right, None, "a") == anna.member
    oauth2 = anna.credentials["oauth2"]
    token, seconds = access.token(oauth2["client_id"], oauth2["client_secret"], "a")
    assert seconds > 0
    assert access.admit(f"bearer {token}", None, "a") == anna.member


@pytest.mark.parametrize(
    "header",
    [None, "", "Basic", "Basic !", "Basic " + base64.b64encode(b"nocolon").decode(), "Digest x", "Bearer "],
)
def test_what_is_no_credential_is_refused(access, header):
    with pytest.raises(Refused) as caught:
        access.admit(header, None, "a")
    assert caught.value.status == 401


def test_guessing_from_one_address_ends_in_429_and_locks_nobody_out(access, anna, right):
    user = anna.credentials["basic"]["username"]
    assert access.admit(right, None, "home") == anna.member
    statuses = []
    for number in range(200):
        with pytest.raises((Refused, Slowed)) as caught:
            access.admit(basic(user, f"guess {number}"), None, "attacker")
        statuses.append(getattr(caught.value, "status", 0))
    assert statuses[0] == 401
    assert statuses[-1] == 429
    # Whose credentials were right lately is let in, from wherever.
    assert access.admit(right, None, "home") == anna.member
    assert access.admit(right, None, "attacker") == anna.member


def test_guessing_from_many_addresses_only_slows(access, anna, right, clock):
    user = anna.credentials["basic"]["username"]
    slowed = 0
    for number in range(400):
        try:
            access.admit(basic(user, f"guess {number}"), None, f"address {number}")
        except Slowed:
            slowed += 1
        except Refused as refusal:
            assert refusal.status == 401
    assert slowed
    clock.now += 1e6
    assert access.admit(right, None, "home", slowed=True) == anna.member


def test_challenges_name_both_ways():
    assert [one.split()[0] for one in challenges(unauthorised("x"))] == ["Basic", "Bearer"]
    assert "invalid_token" in challenges(unauthorised("x", wrong=True))[1]


def test_a_client_names_itself_in_the_header_or_the_form():
    assert client_of(basic("id", "secret"), {}) == ("id", "secret")
    assert client_of(None, {"client_id": "id", "client_secret": "secret"}) == ("id", "secret")
    assert client_of(None, {}) is None
