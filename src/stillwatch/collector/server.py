"""One collector from start to end: its folder, its threads, its socket, and a graceful end at SIGTERM."""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from stillwatch.collector.access import Tokens
from stillwatch.collector.app import App, Bounds
from stillwatch.collector.committer import Committer
from stillwatch.collector.limits import MAX_BODY_BYTES, PENDING_FILES, SHUTDOWN_SECONDS
from stillwatch.collector.metrics import Metrics
from stillwatch.collector.store import Store
from stillwatch.collector.writing import Written
from stillwatch.records.adapters.base import Adapter, AdapterSettings
from stillwatch.records.adapters.litellm import LiteLLMAdapter
from stillwatch.records.adapters.mapping import MappingAdapter, load_mapping
from stillwatch.records.adapters.otel import OtelAdapter
from stillwatch.records.errors import InputError
from stillwatch.records.rejects import RejectLog
from stillwatch.serving.events import Events
from stillwatch.serving.server import configured, run
from stillwatch.serving.sockets import bound, is_loopback

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
    with bound(settings.host, settings.port) as listening:
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
        say = partial(
            events.say,
            "listening",
            host=host,
            port=port,
            folder=str(settings.folder),
            auth="token" if tokens is not None else "none",
            text=settings.text,
        )
        asyncio.run(run(configured(app.asgi, SHUTDOWN_SECONDS), listening, events, app.stop, say))
        events.say("stopping", rows_pending=store.pending)
    finally:
        app.close()
        committer.stop()
    events.say("stopped")


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
