"""The hub's HTTP interface: its routes, what everybody may ask, and what is written down of every request."""

import secrets
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from anyio import CapacityLimiter
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from stillwatch.hub import api, oauth, openapi, taxii
from stillwatch.hub.answers import of_status, refusal, response_of
from stillwatch.hub.bounds import MAX_BODY_SECONDS, MAX_SMALL_BODY_BYTES, READERS
from stillwatch.hub.calls import JSON, Endpoint
from stillwatch.hub.errors import Refused, bad_request, forbidden
from stillwatch.hub.exchange import Exchange
from stillwatch.hub.gate import Gate, address_of, query_of
from stillwatch.hub.metrics import CONTENT_TYPE, Metrics
from stillwatch.hub.model import Member
from stillwatch.hub.requests import accepts, flag, number
from stillwatch.hub.stream import MEDIA_TYPE as EVENT_STREAM
from stillwatch.hub.stream import Fan, Subscriber, Wish
from stillwatch.serving import admission
from stillwatch.serving.admission import place_of, read_body
from stillwatch.serving.events import Events
from stillwatch.serving.sockets import is_loopback

STREAM = "/stream"
_UNLOGGED = frozenset({"healthz", "readyz", "metrics"})
_FORWARDED = ("forwarded", "x-forwarded-for", "via")
_METHODS = frozenset({"GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "OPTIONS"})


@dataclass
class _Noted:
    """What is written down of a request. `size`: bytes of its answer."""

    request_id: str
    operation: str = "other"
    member: str | None = None
    status: int = 0
    size: int = 0

    def of(self, member: Member) -> None:
        self.member = member.member_id


class App:
    """The HTTP interface of one process of a hub: an ASGI application. `url`: where the hub says that it is."""

    def __init__(self, exchange: Exchange, events: Events, url: str) -> None:
        self._exchange, self._events = exchange, events
        self._metrics = Metrics(exchange.stats)
        self._gate = Gate(exchange, self._metrics, url)
        self.fan = Fan(exchange, events, CapacityLimiter(READERS))
        self._metrics.watch_streams(lambda: self.fan.open, lambda: self.fan.lagging)
        self.stopping = False
        self._starlette = Starlette(
            routes=list(self._routes()), exception_handlers={HTTPException: self._not_routed}
        )
        self._starlette.router.redirect_slashes = False

    def stop(self) -> None:
        """Say from now on that it is not ready, and end the streams."""
        self.stopping = True
        self.fan.end_all()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request (ASGI 3)."""
        noted = scope["stillwatch"] = _Noted(secrets.token_hex(8))
        begin = time.perf_counter()

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                noted.status = message["status"]
                message["headers"] = _completed(message["headers"], noted.request_id, scope["scheme"])
            else:
                noted.size += len(message.get("body", b""))
            await send(message)

        try:
            await self._starlette(scope, receive, sending)
        finally:
            self._write_down(scope, noted, time.perf_counter() - begin)

    def _write_down(self, scope: Scope, noted: _Noted, seconds: float) -> None:
        if noted.operation == "stream":
            self._metrics.streamed(noted.operation, noted.status)
        else:
            self._metrics.answered(noted.operation, noted.status, seconds, noted.size)
        if noted.operation not in _UNLOGGED:
            self._events.say(
                "request",
                id=noted.request_id,
                operation=noted.operation,
                method=scope["method"] if scope["method"] in _METHODS else "other",
                status=noted.status,
                ms=round(seconds * 1000, 1),
                bytes=noted.size,
                member=noted.member,
                client=address_of(scope),
            )

    def _routes(self) -> Iterator[Route]:
        paths: dict[str, dict[str, Endpoint]] = defaultdict(dict)
        for endpoint in (*taxii.ENDPOINTS, *api.ENDPOINTS):
            paths[endpoint.path.replace("{index}", "{index:path}")][endpoint.method] = endpoint
        for path, methods in paths.items():
            # TAXII's paths end in a slash; clients that leave it out are answered all the same.
            for form in sorted({path, path.rstrip("/")}) if path.startswith(taxii.DISCOVERY) else (path,):
                yield Route(form, partial(self._answer, methods), methods=list(methods))
        for path, name, method, handle in (
            (STREAM, "stream", "GET", self._stream),
            (oauth.PATH, "token", "POST", self._token),
            ("/openapi.json", "openapi", "GET", self._openapi),
            ("/metrics", "metrics", "GET", self._show_metrics),
            ("/healthz", "healthz", "GET", self._health),
            ("/readyz", "readyz", "GET", self._ready),
        ):
            yield Route(path, partial(self._shaped, name, handle), methods=[method])

    async def _answer(self, methods: Mapping[str, Endpoint], request: Request) -> Response:
        endpoint = methods["GET" if request.method == "HEAD" else request.method]

        async def answered(request: Request, noted: _Noted) -> Response:
            answer = await self._gate.answer(request, endpoint, noted.of)
            if endpoint.method == "DELETE":
                self.fan.forget()
            return response_of(answer)

        return await self._shaped(endpoint.name, answered, request)

    async def _shaped(
        self, name: str, handle: Callable[[Request, _Noted], Awaitable[Response]], request: Request
    ) -> Response:
        """What a handler answers, or the refusal that it raises."""
        noted: _Noted = request.scope["stillwatch"]
        noted.operation = name
        try:
            return await handle(request, noted)
        except Refused as error:
            refused = error
        except admission.Refused as error:
            refused = of_status(error.status, error.problem, error.retry_after)
        except ClientDisconnect:
            refused = bad_request("the body breaks off")
        except Exception as error:
            self._events.say(
                "fault", kind=type(error).__name__, operation=name, at=place_of(error), id=noted.request_id
            )
            refused = of_status(500, "a fault of the hub's; its log says more")
        if refused.status == 401:
            self._metrics.login_failed()
        if name == "token":
            return oauth.refused(refused)
        return refusal(refused, request, noted.request_id)

    async def _not_routed(self, request: Request, error: Exception) -> Response:
        """No such path, or no such method there."""
        noted: _Noted = request.scope["stillwatch"]
        status = error.status_code if isinstance(error, HTTPException) else 500
        problem = "there is nothing at this path" if status == 404 else "this path knows other methods only"
        response = refusal(of_status(status, problem), request, noted.request_id)
        for name, value in (error.headers or {}).items() if isinstance(error, HTTPException) else ():
            response.headers[name] = value
        return response

    async def _stream(self, request: Request, noted: _Noted) -> Response:
        member = await self._gate.member(request)
        noted.of(member)
        if not accepts(",".join(request.headers.getlist("accept")), EVENT_STREAM):
            raise of_status(406, f"the answer is {EVENT_STREAM}, which the header Accept does not take")
        wish = await self._wish(request, member)
        headers = {"Content-Type": EVENT_STREAM, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        if request.method == "HEAD":
            return Response(headers=headers)
        return _Stream(self.fan, await self.fan.subscribe(member, wish), headers)

    async def _wish(self, request: Request, member: Member) -> Wish:
        """What a client asks of a stream. Raises Refused (400, 403, 404)."""
        query = query_of(request)
        names = [value for name, value in query if name == "collection"]
        receipts = flag(query, "receipts")
        last = request.headers.get("last-event-id")
        if last is not None:
            query = [("after", last)]
        after = number(query, "after", 0, 0) if any(name == "after" for name, _ in query) else None
        if not names:
            return Wish(after, None, receipts)
        found = await self._gate.read(
            lambda: [self._exchange.collection(member, name) for name in dict.fromkeys(names)]
        )
        if not all(collection.can_read for collection in found):
            raise forbidden("you may not read one of these collections")
        return Wish(after, frozenset(collection.id for collection in found), receipts)

    async def _token(self, request: Request, noted: _Noted) -> Response:
        try:
            body = await read_body(request, MAX_SMALL_BODY_BYTES, MAX_BODY_SECONDS, lambda size: None)
            client_id, secret = oauth.client(request, body)
        except oauth.BadGrant as error:
            return oauth.denied(error)
        return oauth.granted(*await self._gate.token(client_id, secret, request))

    async def _openapi(self, request: Request, noted: _Noted) -> Response:
        return Response(openapi.PAGE, headers={"Content-Type": JSON})

    async def _show_metrics(self, request: Request, noted: _Noted) -> Response:
        """Open on this machine, where no proxy hands it on; members may read it from elsewhere."""
        address = address_of(request.scope)
        if not address or not is_loopback(address) or any(name in request.headers for name in _FORWARDED):
            noted.of(await self._gate.member(request))
        return Response(await self._gate.read(self._metrics.text), headers={"Content-Type": CONTENT_TYPE})

    async def _health(self, request: Request, noted: _Noted) -> Response:
        return PlainTextResponse("ok\n")

    async def _ready(self, request: Request, noted: _Noted) -> Response:
        reason = "stopping" if self.stopping else await self._gate.read(self._exchange.ready)
        return PlainTextResponse("ready\n") if reason is None else PlainTextResponse(f"{reason}\n", 503)


class _Stream(Response):
    """An answer that goes on until one of both ends it."""

    def __init__(self, fan: Fan, subscriber: Subscriber, headers: Mapping[str, str]) -> None:
        super().__init__(headers=headers)
        del self.headers["content-length"]
        self._fan, self._subscriber = fan, subscriber

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await self._fan.run(self._subscriber, receive, send)
        finally:
            self._fan.leave(self._subscriber)


def _completed(headers: list[tuple[bytes, bytes]], request_id: str, scheme: str) -> list[tuple[bytes, bytes]]:
    """The headers that every answer has."""
    more = [(b"x-request-id", request_id.encode()), (b"x-content-type-options", b"nosniff")]
    if not any(name == b"cache-control" for name, _ in headers):
        more.append((b"cache-control", b"no-store"))
    if scheme == "https":
        more.append((b"strict-transport-security", b"max-age=31536000"))
    return [*headers, *more]
