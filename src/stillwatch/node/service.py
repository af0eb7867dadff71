"""A node as a service: it follows its hub, and tells on a port of its own how it stands."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from stillwatch.node.following import Following
from stillwatch.node.node import Node
from stillwatch.serving.events import Events
from stillwatch.serving.server import configured, run
from stillwatch.serving.sockets import bound

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8620
SHUTDOWN_SECONDS = 5
LATE_S = 60.0
"""A node that has not held the log against what it has for so long is not ready."""
_LOOK_S = 0.5


@dataclass(frozen=True)
class Serving:
    """What a user may set of `node serve`. `out`: where what is received is written."""

    folder: Path
    out: Path
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT


def serve(settings: Serving, events: Events | None = None) -> None:
    """Run a node until SIGTERM or SIGINT.

    Raises InputError for what a user can mend, before anything is done; FaultError and OpenFaultError for what the hub did.
    """
    events = events if events is not None else Events()
    with bound(settings.host, settings.port) as listening, Node(settings.folder) as node:
        node.faults.require_none()

        def wrote(names: list[str]) -> None:
            events.say("received", bundles=names)

        following = Following(node, out=settings.out, wrote=wrote)
        config = configured(Status(node, following).app, SHUTDOWN_SECONDS)
        host, port = listening.getsockname()[:2]
        fields = {"host": host, "port": port, "folder": str(settings.folder), "hub": node.client.url}

        async def both() -> None:
            with ThreadPoolExecutor(1, thread_name_prefix="follow") as threads:
                loop = asyncio.get_running_loop()
                followed = loop.run_in_executor(threads, following.run)
                telling = asyncio.ensure_future(_tell(following, events))
                say = partial(events.say, "listening", **fields)
                await run(config, listening, events, following.stop, say, until=followed)
                telling.cancel()
                events.say("stopping")
                await followed

        try:
            asyncio.run(both())
        finally:
            events.say("stopped", fault=following.standing.fault)


async def _tell(following: Following, events: Events) -> None:
    """Tell when the hub is lost and when it is back."""
    before = None
    while True:
        now = following.standing.connected
        if now != before and (now or before is not None or following.standing.problem):
            events.say("connected" if now else "disconnected", problem=following.standing.problem)
            before = now
        await asyncio.sleep(_LOOK_S)


class Status:
    """What a node tells of itself: never what it received."""

    def __init__(self, node: Node, following: Following) -> None:
        self._node, self._following = node, following
        self._registry = CollectorRegistry()
        self._registry.register(_Collector(self.document))
        self.app = Starlette(
            routes=[
                Route("/healthz", self._health),
                Route("/readyz", self._ready),
                Route("/metrics", self._metrics),
                Route("/status", self._status),
            ]
        )

    def document(self) -> dict[str, Any]:
        """Where the node stands."""
        return asdict(self._following.standing) | {
            "cursor": self._node.receiver.cursor,
            "waiting": self._node.queue.waiting(),
            "refused_in_all": len(self._node.queue.refused()),
            "not_shown": self._node.not_shown(),
        }

    async def _health(self, request: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def _ready(self, request: Request) -> Response:
        standing = self._following.standing
        late = standing.last_audit is None or time.time() - standing.last_audit > LATE_S
        if standing.fault is not None or late or not standing.connected:
            why = standing.fault or standing.problem or "the log was not looked at yet"
            return PlainTextResponse(f"not ready: {why}\n", 503)
        return PlainTextResponse("ready\n")

    async def _status(self, request: Request) -> Response:
        return JSONResponse(await asyncio.to_thread(self.document))

    async def _metrics(self, request: Request) -> Response:
        page = await asyncio.to_thread(generate_latest, self._registry)
        return Response(page, media_type=CONTENT_TYPE_LATEST)


_GAUGES = {
    "connected": "Whether the stream is open.",
    "cursor": "Sequence number of the last object that was received.",
    "waiting": "Objects that wait to be sent.",
    "log_size": "Entries of the log up to its newest checkpoint that was checked.",
    "not_shown": "Objects of the log that the hub did not give: of other collections, or withheld.",
    "last_audit": "When the log was checked last, in seconds since 1970.",
}
_COUNTERS = {
    "received": "Objects that came by the stream.",
    "sent": "Objects that the hub took.",
    "refused": "Objects that the hub refused.",
    "reconnects": "Times that the stream was lost.",
    "audits": "Times that the log was checked.",
}


class _Collector(Collector):
    def __init__(self, document: Callable[[], dict[str, Any]]) -> None:
        self._document = document

    def collect(self) -> Iterator[Metric]:
        said = self._document()
        prefix = "stillwatch_node"
        yield GaugeMetricFamily(
            f"{prefix}_fault", "Whether the hub was found at fault.", value=float(said["fault"] is not None)
        )
        for name, meaning in _GAUGES.items():
            yield GaugeMetricFamily(f"{prefix}_{name}", meaning, value=float(said[name] or 0))
        for name, meaning in _COUNTERS.items():
            yield CounterMetricFamily(f"{prefix}_{name}", meaning, value=float(said[name]))
