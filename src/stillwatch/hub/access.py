"""Who is let in: Basic (RFC 7617), bearer tokens (RFC 6750, 6749) and client certificates; failed attempts are limited."""

import base64
import binascii
import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeVar
from urllib.parse import unquote_plus

from stillwatch.hub.bounds import (
    FAILURES_OF_ACCOUNT,
    FAILURES_OF_ADDRESS,
    FAILURES_OF_PAIR,
    KNOWN_SECONDS,
    MAX_BUCKETS,
    MAX_KNOWN,
)
from stillwatch.hub.errors import Refused, too_many
from stillwatch.hub.exchange import Exchange
from stillwatch.hub.model import Member

_MOST_CREDENTIALS = 4096
_BEARER = "Bearer "
_T = TypeVar("_T")


class Slowed(Exception):  # noqa: N818 - an answer
    """Ask again after a while with `slowed`: somebody fails to log in to this account from many addresses."""


class Buckets:
    """Token buckets by key: each holds `size` at most and wins `per_second`. Safe from any thread."""

    def __init__(
        self,
        size: float,
        per_second: float,
        most: int = MAX_BUCKETS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._size, self._per_second, self._most, self._clock = size, per_second, most, clock
        self._held: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        self._guard = threading.Lock()

    def take(self, key: Hashable, amount: float = 1.0) -> float:
        """Take some: 0.0, or the seconds until there is so much (nothing is taken then)."""
        with self._guard:
            left = self._left(key)
            if left < amount:
                return (amount - left) / self._per_second
            self._held[key] = left - amount, self._clock()
            self._held.move_to_end(key)
            if len(self._held) > self._most:
                self._held.popitem(last=False)
            return 0.0

    def wait(self, key: Hashable) -> float:
        """Seconds until there is one to take; 0.0 where there is one now."""
        with self._guard:
            return max(0.0, 1 - self._left(key)) / self._per_second

    def _left(self, key: Hashable) -> float:
        left, at = self._held.get(key, (self._size, self._clock()))
        return min(self._size, left + (self._clock() - at) * self._per_second)


class _Known:
    """Digests of credentials that were right lately, under a key of this process."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._key = clock, secrets.token_bytes(32)
        self._until: OrderedDict[bytes, float] = OrderedDict()
        self._guard = threading.Lock()

    def has(self, credentials: str) -> bool:
        with self._guard:
            return self._until.get(self._digest(credentials), 0.0) > self._clock()

    def note(self, credentials: str, *, right: bool) -> None:
        digest = self._digest(credentials)
        with self._guard:
            self._until.pop(digest, None)
            if right:
                self._until[digest] = self._clock() + KNOWN_SECONDS
                if len(self._until) > MAX_KNOWN:
                    self._until.popitem(last=False)

    def _digest(self, credentials: str) -> bytes:
        return hmac.digest(self._key, credentials.encode("utf-8", "surrogateescape"), hashlib.sha256)


class Access:
    """Lets members in. Methods look into the store, and are called from threads.

    Failed attempts are counted by address and account together, by address, and by account. The first two end in 429
    without a look at what was sent; the third only slows, since everybody could lock a member out otherwise. Credentials
    that were right lately are looked at in any case.
    """

    def __init__(self, exchange: Exchange, clock: Callable[[], float] = time.monotonic) -> None:
        self._exchange = exchange
        self._pairs = Buckets(*FAILURES_OF_PAIR, clock=clock)
        self._addresses = Buckets(*FAILURES_OF_ADDRESS, clock=clock)
        self._accounts = Buckets(*FAILURES_OF_ACCOUNT, clock=clock)
        self._known = _Known(clock)

    def admit(
        self, authorization: str | None, fingerprint: str | None, address: str, *, slowed: bool = False
    ) -> Member:
        """The member behind a header `Authorization`, or without one behind a client certificate (hex SHA-256).

        Raises Refused (401, 429) and Slowed.
        """
        if authorization is None:
            if fingerprint is None:
                raise unauthorised("log in with Basic, a bearer token or a client certificate")
            member = self._exchange.member_by_certificate(fingerprint)
            if member is None:
                raise unauthorised(
                    "this client certificate is no member's; ask the hub's operator to bind it"
                )
            return member
        scheme, _, rest = authorization.partition(" ")
        rest = rest.strip()
        if scheme.lower() == "basic":
            pair = _basic(rest)
            if pair is None:
                raise unauthorised("the header Authorization is not as RFC 7617 has it")
            return self._tried(
                pair[0], authorization, address, slowed, lambda: self._exchange.member_by_basic(*pair)
            )
        if scheme.lower() == "bearer" and rest and len(rest) <= _MOST_CREDENTIALS:
            # Each token is an account of its own, so that failures with others keep nobody waiting. Who fails at one from
            # many addresses need not be slowed: nobody chose it, and it ends within the hour.
            account = _BEARER + rest.partition(".")[0]
            return self._tried(
                account, _BEARER + rest, address, True, lambda: self._exchange.member_by_token(rest)
            )
        raise unauthorised("the header Authorization is neither Basic nor Bearer")

    def token(
        self, client_id: str, client_secret: str, address: str, *, slowed: bool = False
    ) -> tuple[str, int]:
        """An access token and its seconds. Raises Refused (401, 429) and Slowed."""
        credentials = f"{client_id}\n{client_secret}"
        issued = self._tried(
            client_id,
            credentials,
            address,
            slowed,
            lambda: self._exchange.issue_token(client_id, client_secret),
        )
        self._known.note(_BEARER + issued[0], right=True)
        return issued

    def _tried(
        self, account: str, credentials: str, address: str, slowed: bool, attempt: Callable[[], _T | None]
    ) -> _T:
        pair = (address, account[:200])
        if not self._known.has(credentials):
            wait = max(self._pairs.wait(pair), self._addresses.wait(address))
            if wait > 0:
                raise too_many("too many failed logins; wait, and check the credentials", wait)
            if not slowed and self._accounts.wait(pair[1]) > 0:
                raise Slowed
        found = attempt()
        self._known.note(credentials, right=found is not None)
        if found is None:
            for buckets, key in (
                (self._pairs, pair),
                (self._addresses, address),
                (self._accounts, pair[1]),
            ):
                buckets.take(key)
            raise unauthorised("these credentials are not known, or not any more", wrong=True)
        return found


def unauthorised(description: str, *, wrong: bool = False) -> Refused:
    """A refusal for want of credentials (401); `wrong`: for wrong ones, which a challenge tells."""
    return Refused(401, "Unauthorised" if not wrong else "Wrong credentials", description)


def challenges(refused: Refused) -> list[str]:
    """The headers `WWW-Authenticate` of a refusal with 401."""
    wrong = ', error="invalid_token"' if refused.title == "Wrong credentials" else ""
    return ['Basic realm="stillwatch", charset="UTF-8"', f'Bearer realm="stillwatch"{wrong}']


def _basic(text: str) -> tuple[str, str] | None:
    """User and password of RFC 7617; None where the text is none."""
    if len(text) > _MOST_CREDENTIALS:
        return None
    try:
        decoded = base64.b64decode(text, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    user, colon, password = decoded.partition(":")
    return (user, password) if colon else None


def client_of(authorization: str | None, form: dict[str, str]) -> tuple[str, str] | None:
    """Id and secret of an OAuth client (RFC 6749, section 2.3.1): in the header, each form-encoded, or in the body.

    None where there is neither, or both.
    """
    in_form = "client_secret" in form
    if authorization is None:
        return (form.get("client_id", ""), form["client_secret"]) if in_form else None
    scheme, _, rest = authorization.partition(" ")
    pair = _basic(rest.strip()) if scheme.lower() == "basic" else None
    if pair is None or in_form:
        return None
    return unquote_plus(pair[0]), unquote_plus(pair[1])
