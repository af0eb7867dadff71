"""The HTTP interface: where requests are let in, bounded, decoded and answered."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from stillwatch.collector.access import Tokens
from stillwatch.collector.answers import JSON, PROTOBUF, OtlpAnswers, PlainAnswers
from stillwatch.collector.bodies import ENCODINGS, BadBody, TooLarge, inflate
from stillwatch.collector.committer import Committer, Delivery, NotStored, Receipt
from stillwatch.collector.limits import (
    BODIES_AT_ONCE,
    DECODERS,
    MAX_BODY_SECONDS,
    MAX_REQUESTS,
    RETRY_LATER,
)
from stillwatch.collector.metrics import CONTENT_TYPE, Metrics
from stillwatch.collector.payloads import LOGS, TRACES, Signal, litellm_rows, otlp_rows
from stillwatch.collector.store import Store
from stillwatch.records.adapters.base import Adapter, Row
from stillwatch.records.adapters.mapping import MappingAdapter
from stillwatch.records.adapters.otel import OtelAdapter
from stillwatch.serving.admission import Places, Refused, Room, media_type, place_of, read_body
from stillwatch.serving.events import Events

LITELLM, OTLP_TRACES, OTLP_LOGS = "/v1/litellm", "/v1/traces", "/v1/logs"
SIGNALS: Mapping[str, Signal] = {OTLP_TRACES: TRACES, OTLP_LOGS: LOGS}
# Lines come as JSON, too: LiteLLM sends its own type whatever the format. Nothing that a web page may send unasked is
# here (text/plain, forms), so that no page can write into the log of a collector on its reader's machine.
_JSON_TYPES = frozenset({JSON, "application/x-ndjson", "application/jsonl", "application/json-lines"})


@dataclass(frozen=True)
class Bounds:
    """What a user may set: the largest body in bytes, and how many rows may wait to become Parquet."""

    body: int
    pending: int


class App:
    """The endpoints of one collector. `asgi` is what a server runs."""

    def __init__(
        self,
        store: Store,
        committer: Committer,
        metrics: Metrics,
        events: Events,
        *,
        litellm: Adapter,
        otel: OtelAdapter | MappingAdapter,
        tokens: Tokens | None,
        bounds: Bounds,
    ) -> None:
        self._store, self._committer, self._metrics, self._events = store, committer, metrics, events
        self._litellm, self._otel, self._tokens, self._bounds = litellm, otel, tokens, bounds
        self._room = Room(BODIES_AT_ONCE * bounds.body, metrics.holding)
        self._places = Places(MAX_REQUESTS)
        self._decoders = ThreadPoolExecutor(DECODERS, "decode")
        self.stopping = False
        self.asgi = Starlette(
            routes=[
                Route(LITELLM, self._take_litellm, methods=["POST"]),
                Route(OTLP_TRACES, self._take_otlp, methods=["POST"]),
                Route(OTLP_LOGS, self._take_otlp, methods=["POST"]),
                Route("/healthz", self._health),
                Route("/readyz", self._ready),
                Route("/metrics", self._show_metrics),
            ],
        )

    def stop(self) -> None:
        """Say from now on that it is not ready."""
        self.stopping = True

    def close(self) -> None:
        """Let go of the threads."""
        self._decoders.shutdown()

    async def _health(self, request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def _ready(self, request: Request) -> Response:
        if self.stopping:
            return PlainTextResponse("stopping\n", 503)
        if self._store.pending >= self._bounds.pending:
            return PlainTextResponse("files can't be written as fast as rows arrive\n", 503)
        return PlainTextResponse("ready\n")

    async def _show_metrics(self, request: Request) -> Response:
        try:
            self._admit(request)
        except Refused as refusal:
            return PlainAnswers().refused(refusal)
        return Response(self._metrics.text(), media_type=CONTENT_TYPE)

    async def _take_litellm(self, request: Request) -> Response:
        return await self._answer(
            request, PlainAnswers(), _JSON_TYPES, lambda body: litellm_rows(self._litellm, body)
        )

    async def _take_otlp(self, request: Request) -> Response:
        signal = SIGNALS[request.url.path]
        as_json = media_type(request) == JSON
        return await self._answer(
            request,
            OtlpAnswers(signal, as_json=as_json),
            frozenset({JSON, PROTOBUF}),
            lambda body: otlp_rows(self._otel, signal, body, as_json=as_json),
        )

    async def _answer(
        self,
        request: Request,
        answers: PlainAnswers | OtlpAnswers,
        types: frozenset[str],
        decode: Callable[[bytes], list[Row]],
    ) -> Response:
        endpoint = request.url.path
        try:
            self._admit(request)
            if media_type(request) not in types:
                raise Refused(415, f"this Content-Type is not taken; send {' or '.join(sorted(types))}")
            with self._place():
                response = answers.taken(await self._receive(request, endpoint, decode))
        except Refused as refusal:
            self._events.sometimes(
                "refused",
                f"{endpoint} {refusal.status}",
                status=refusal.status,
                problem=refusal.problem,
                client=request.client.host if request.client is not None else None,
            )
            response = answers.refused(refusal)
        except ClientDisconnect:
            response = answers.refused(Refused(400, "the body breaks off"))
        except Exception as error:
            self._events.sometimes("fault", type(error).__name__, endpoint=endpoint, at=place_of(error))
            response = answers.refused(Refused(500, "a fault of the collector's; its log says more"))
        self._metrics.answered(endpoint, response.status_code)
        return response

    def _admit(self, request: Request) -> None:
        if self._tokens is not None and not self._tokens.admits(request.headers.get("authorization")):
            raise Refused(401, "no token, or one that is not known; send Authorization: Bearer TOKEN")

    @contextmanager
    def _place(self) -> Iterator[None]:
        """One of the places for requests; refused when there is none, or when rows wait to become files."""
        if self._store.pending >= self._bounds.pending:
            raise Refused(503, "files can't be written as fast as rows arrive; try again", RETRY_LATER)
        with self._places.taking():
            yield

    async def _receive(
        self, request: Request, endpoint: str, decode: Callable[[bytes], list[Row]]
    ) -> Receipt:
        encoding = request.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ENCODINGS:
            raise Refused(415, f"this Content-Encoding is not taken; send {', '.join(ENCODINGS)}")
        with self._room.taking() as take:
            body = await read_body(request, self._bounds.body, MAX_BODY_SECONDS, take)
            begin = time.perf_counter()

            def rows_of() -> list[Row]:
                plain = inflate(body, encoding, self._bounds.body)
                if plain is not body:
                    take(len(plain))
                return decode(plain)

            try:
                rows = await asyncio.get_running_loop().run_in_executor(self._decoders, rows_of)
                receipt = await asyncio.wrap_future(self._committer.put(Delivery(endpoint, rows)))
            except TooLarge as error:
                raise Refused(413, str(error)) from None
            except BadBody as error:
                raise Refused(400, str(error)) from None
            except NotStored as error:
                raise Refused(503, f"the rows can't be written ({error}); try again", RETRY_LATER) from None
            self._metrics.took(endpoint, len(body), time.perf_counter() - begin)
            return receipt
