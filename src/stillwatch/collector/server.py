"""One collector from start to end: its folder, its threads, its socket, and a graceful end at SIGTERM."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from stillwatch.collector.access import Tokens, is_loopback
from stillwatch.collector.app import App, Bounds
from stillwatch.collector.committer import Committer
from stillwatch.collector.events import Events
from stillwatch.collector.limits import MAX_BODY_BYTES, PENDING_FILES, SHUTDOWN_SECONDS
from stillwatch.collector.metrics import Metrics
from stillwatch.collector.store import Store
from stillwatch.collector.writing import Written
from stillwatch.records.adapters.base import Adapter, AdapterSettings
from stillwatch.records.adapters.litellm import LiteLLMAdapter
from stillwatch.records.adapters.mapping import MappingAdapter, load_mapping
from stillwatch.records.adapters.otel import OtelAdapter
from stillwatch.records.errors import InputError, plainly
from stillwatch.records.rejects import RejectLog

DEFAULT_ROWS, DEFAULT_SECONDS = 100_000, 60.0
# Not 4318, which OTLP names: an OpenTelemetry Collector on the same machine has it already.
DEFAULT_PORT = 8610


@dataclass(frozen=True)
class Settings:
    """What a user may set of a collector; `rows` and `seconds` say when a file is due, `body` is in bytes."""

    folder: Path
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    rows: int = DEFAULT_ROWS
    seconds: float = DEFAULT_SECONDS
    body: int = MAX_BODY_BYTES
    text: bool = True
    token_file: Path | None = None
    no_auth: bool = False
    mappings: Sequence[Path] = ()


def serve(settings: Settings, events: Events | None = None) -> None:
    """Run a collector until SIGTERM or SIGINT. Raises InputError for what a user can mend, before anything is taken."""
    events = events if events is not None else Events()
    tokens = Tokens.load(settings.token_file) if settings.token_file is not None else None
    if tokens is None and not settings.no_auth and not is_loopback(settings.host):
        raise InputError(
            "anybody who reaches this address could write into the logs",
            where=f"--host {settings.host}",
            mend="give --token-file FILE, or --no-auth if something else keeps strangers out",
        )
    litellm, otel = adapters_of(settings.mappings)
    written = Written(text=settings.text)
    with _bound(settings.host, settings.port) as listening:
        store = Store(settings.folder, written.schema, events, rows=settings.rows, seconds=settings.seconds)
        try:
            _serve(settings, events, tokens, litellm, otel, written, store, listening)
        finally:
            store.close()


def _serve(
    settings: Settings,
    events: Events,
    tokens: Tokens | None,
    litellm: Adapter,
    otel: OtelAdapter | MappingAdapter,
    written: Written,
    store: Store,
    listening: socket.socket,
) -> None:
    metrics = Metrics(lambda: store.pending)
    metrics.recovered(store.recover(lambda file: metrics.file_written(file.rows)))
    # Of rows whose texts are not to be kept, none are kept by way of the rejected ones.
    rejects = RejectLog(store.rejected if settings.text else None)
    committer = Committer(store, written, rejects, metrics, events, litellm.settings.salt)
    app = App(
        store,
        committer,
        metrics,
        events,
        litellm=litellm,
        otel=otel,
        tokens=tokens,
        bounds=Bounds(settings.body, PENDING_FILES * settings.rows),
    )
    committer.start()
    try:
        host, port = listening.getsockname()[:2]
        events.say(
            "listening",
            host=host,
            port=port,
            folder=str(settings.folder),
            auth="token" if tokens is not None else "none",
            text=settings.text,
        )
        asyncio.run(_run(app, listening, events))
        events.say("stopping", rows_pending=store.pending)
    finally:
        app.close()
        committer.stop()
    events.say("stopped")


async def _run(app: App, listening: socket.socket, events: Events) -> None:
    config = uvicorn.Config(
        app.asgi,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    _tell_warnings(events)
    server = _Server(config)

    def stop() -> None:
        app.stopping = server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    await server.serve(sockets=[listening])


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to us: uvicorn's own way would end the process with them, before the journal is sealed."""
        yield


class _Teller(logging.Handler):
    def __init__(self, events: Events) -> None:
        super().__init__(logging.WARNING)
        self._events = events

    def emit(self, record: logging.LogRecord) -> None:
        kind = (
            record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else str(record.msg)[:200]
        )
        self._events.sometimes("server", kind)


def _tell_warnings(events: Events) -> None:
    """Let what uvicorn warns of be events as well."""
    logger = logging.getLogger("uvicorn.error")
    logger.handlers = [_Teller(events)]
    logger.propagate = False


@contextlib.contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that holds the address, so that a port that is taken is told before anything else is done."""
    where = f"--host {host} --port {port}"
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.create_server(tuple(address[:2]), family=family, backlog=512)
    except (OSError, UnicodeError) as error:
        raise InputError(
            f"cannot listen there ({plainly(error)})", where=where, mend="give another address or port"
        ) from None
    with listening:
        # Connections inherit it. asyncio sets it only on sockets that name their protocol, and without it an answer in two
        # pieces waits 40 ms for the client to acknowledge the first.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listening


def adapters_of(mappings: Sequence[Path]) -> tuple[Adapter, OtelAdapter | MappingAdapter]:
    """The adapters of LiteLLM's callback and of OTLP: the plain ones, or mapping files on top of them."""
    over: dict[str, tuple[Path, MappingAdapter]] = {}
    for path in mappings:
        adapter = load_mapping(path)
        base = adapter.base.name if adapter.base is not None else "native"
        if base not in (LiteLLMAdapter.name, OtelAdapter.name):
            raise InputError(
                "this mapping file is for logs of another form",
                where=str(path),
                mend="write `adapter: litellm` or `adapter: otel` at its top",
            )
        if base in over:
            raise InputError(
                f"a second mapping file for {base}",
                where=str(path),
                mend=f"give either it or {over[base][0]}",
            )
        over[base] = (path, adapter)
    found = {base: adapter for base, (_, adapter) in over.items()}
    salts = {adapter.settings.salt for adapter in found.values()} or {b""}
    if len(salts) > 1:
        raise InputError(
            "mapping files with different salts",
            where=str(mappings[-1]),
            mend="write the same `salt_env` into both",
        )
    # Raw keys are digested under one salt, whichever way they come.
    settings = AdapterSettings(salt=salts.pop())
    litellm = found.get(LiteLLMAdapter.name) or LiteLLMAdapter(settings)
    return litellm, found.get(OtelAdapter.name) or OtelAdapter(settings)
