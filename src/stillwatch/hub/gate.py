"""Where requests are let in and bounded: who asks, how often, what it sends and takes; then one hop to a thread."""

import asyncio
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TypeVar
from urllib.parse import parse_qsl

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.types import Scope

from stillwatch.hub.access import Access, Buckets, Slowed
from stillwatch.hub.answers import of_status
from stillwatch.hub.bounds import (
    BODIES_AT_ONCE,
    MAX_BODY_BYTES,
    MAX_BODY_SECONDS,
    MAX_REQUESTS,
    MAX_REQUESTS_OF_MEMBER,
    MAX_SLOWED,
    READERS,
    READERS_OF_MEMBER,
    RETRY_SOON,
    SLOWED_SECONDS,
    WRITERS,
)
from stillwatch.hub.calls import Answer, Call, Endpoint
from stillwatch.hub.connection import fingerprint_of
from stillwatch.hub.errors import bad_request, too_many
from stillwatch.hub.exchange import Exchange
from stillwatch.hub.metrics import Metrics
from stillwatch.hub.model import Member
from stillwatch.hub.requests import accepts, is_of
from stillwatch.serving.admission import Places, Room, read_body

_MOST_PARAMETERS = 200
_HOST = re.compile(r"[A-Za-z0-9._-]{1,255}(?::\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::\d{1,5})?")
_T = TypeVar("_T")


def address_of(scope: Scope) -> str:
    """The client's address; empty where the server knows none."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def query_of(request: Request) -> list[tuple[str, str]]:
    """The parameters of a query string, in order. Raises Refused (400)."""
    text = request.scope["query_string"].decode("latin-1")
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        raise bad_request(
            f"the query string is not UTF-8, or has more than {_MOST_PARAMETERS} parameters"
        ) from None


class Gate:
    """Admission of one process. `url`: where the hub says that it is. Raises hub's and serving's Refused."""

    def __init__(self, exchange: Exchange, metrics: Metrics, url: str) -> None:
        self._exchange, self._metrics, self._url = exchange, metrics, url.rstrip("/")
        self._access = Access(exchange)
        # A bucket holds a minute's requests of a member, however many these are.
        self._rates = Buckets(1.0, 1 / 60)
        self._places = Places(MAX_REQUESTS)
        self._room = Room(BODIES_AT_ONCE * MAX_BODY_BYTES, metrics.holding)
        self._readers, self._writers = CapacityLimiter(READERS), CapacityLimiter(WRITERS)
        self._busy: Counter[str] = Counter()
        self._turns: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(READERS_OF_MEMBER)
        )
        self._slowed = 0

    async def read(self, work: Callable[[], _T]) -> _T:
        """Look something up in the store, in a thread."""
        return await to_thread.run_sync(work, limiter=self._readers)

    async def member(self, request: Request) -> Member:
        """Who asks. Raises Refused (401, 429)."""
        return await self._patiently(partial(self._admit, request))

    async def token(self, client_id: str, client_secret: str, request: Request) -> tuple[str, int]:
        """An access token and its seconds. Raises Refused (401, 429)."""
        address = address_of(request.scope)
        return await self._patiently(
            lambda slowed: self._access.token(client_id, client_secret, address, slowed=slowed)
        )

    async def answer(self, request: Request, endpoint: Endpoint, noted: Callable[[Member], None]) -> Answer:
        """What the endpoint answers; `noted` is told the member."""
        with self._places.taking():
            if endpoint.takes:
                return await self._take(request, endpoint, noted)
            member = await self.member(request)
            noted(member)
            _negotiate(request, endpoint)
            call = self._call(request, member, b"")
            with self._at_once(member):
                if endpoint.writes:
                    return await to_thread.run_sync(lambda: endpoint.handle(call), limiter=self._writers)
                async with self._turns[member.member_id]:
                    return await self.read(lambda: endpoint.handle(call))

    async def _take(self, request: Request, endpoint: Endpoint, noted: Callable[[Member], None]) -> Answer:
        """The same for a request with a body, which nobody sends before it is let in."""
        member = await self.member(request)
        noted(member)
        _negotiate(request, endpoint)
        if not is_of(request.headers.get("content-type"), endpoint.takes):
            raise of_status(415, f"this Content-Type is not taken; send {' or '.join(endpoint.takes)}")
        if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise of_status(415, "no Content-Encoding is taken; send the body as it is")
        with self._at_once(member), self._room.taking() as take:
            body = await read_body(request, endpoint.largest, MAX_BODY_SECONDS, take)
            self._metrics.received(endpoint.name, len(body))
            call = self._call(request, member, body)
            return await to_thread.run_sync(lambda: endpoint.handle(call), limiter=self._writers)

    @contextmanager
    def _at_once(self, member: Member) -> Iterator[None]:
        if self._busy[member.member_id] >= MAX_REQUESTS_OF_MEMBER:
            raise too_many(f"more than {MAX_REQUESTS_OF_MEMBER} requests at once", RETRY_SOON)
        self._busy[member.member_id] += 1
        try:
            yield
        finally:
            self._busy[member.member_id] -= 1
            if not self._busy[member.member_id]:
                del self._busy[member.member_id]

    def _admit(self, request: Request, slowed: bool) -> Member:
        member = self._access.admit(
            request.headers.get("authorization"),
            fingerprint_of(request.scope),
            address_of(request.scope),
            slowed=slowed,
        )
        wait = self._rates.take(member.member_id, 1 / member.limits.requests_per_minute)
        if wait > 0:
            raise too_many(f"more than {member.limits.requests_per_minute:,} requests a minute", wait)
        return member

    async def _patiently(self, work: Callable[[bool], _T]) -> _T:
        """Do in a thread what may have to be slowed."""
        try:
            return await to_thread.run_sync(work, False, limiter=self._readers)
        except Slowed:
            if self._slowed >= MAX_SLOWED:
                raise too_many("too many failed logins; wait", SLOWED_SECONDS) from None
        self._slowed += 1
        try:
            await asyncio.sleep(SLOWED_SECONDS)
            return await to_thread.run_sync(work, True, limiter=self._readers)
        finally:
            self._slowed -= 1

    def _call(self, request: Request, member: Member, body: bytes) -> Call:
        path: Mapping[str, str] = request.path_params
        return Call(self._exchange, member, path, query_of(request), body, self._base(request))

    def _base(self, request: Request) -> str:
        """The hub's address as the client has it.

        Where TLS ends in front of us the request does not show it, and the configured address does.
        """
        host, scheme = request.headers.get("host", ""), request.scope["scheme"]
        if _HOST.fullmatch(host) is None or (scheme == "http" and self._url.startswith("https://")):
            return self._url
        return f"{scheme}://{host}"


def _negotiate(request: Request, endpoint: Endpoint) -> None:
    header = ",".join(request.headers.getlist("accept"))
    if endpoint.media_type and not accepts(header, endpoint.media_type):
        raise of_status(406, f"the answer is {endpoint.media_type}, which the header Accept does not take")
