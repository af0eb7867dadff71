"""One process of a hub from start to end: its folder, its socket, its streams, and a graceful end at SIGTERM."""

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from anyio import to_thread

from stillwatch.hub import tls
from stillwatch.hub.app import App
from stillwatch.hub.bounds import KEEP_ALIVE_SECONDS, SHUTDOWN_SECONDS, SWEEP_SECONDS
from stillwatch.hub.connection import Connection
from stillwatch.hub.exchange import Exchange
from stillwatch.hub.folder import read_settings, write_settings
from stillwatch.records.errors import InputError
from stillwatch.serving.admission import place_of
from stillwatch.serving.events import Events
from stillwatch.serving.server import configured, run
from stillwatch.serving.sockets import bound, is_loopback

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8600
DEFAULT_URL = f"http://{DEFAULT_HOST}:{DEFAULT_PORT}"


@dataclass(frozen=True)
class Serving:
    """What a user may set of `hub serve`. `no_tls`: something in front of it does TLS. `proxies`: whose word on clients'
    addresses is taken."""

    folder: Path
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    database: str | None = None
    url: str | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    client_ca: Path | None = None
    no_tls: bool = False
    proxies: Sequence[str] = ()


def serve(settings: Serving, events: Events | None = None) -> None:
    """Run a hub until SIGTERM or SIGINT. Raises InputError for what a user can mend, before anything is taken."""
    events = events if events is not None else Events()
    secured = _tls(settings)
    url = None if settings.url is None else checked_url(settings.url)
    for proxy in settings.proxies:
        _check_address(proxy)
    with bound(settings.host, settings.port) as listening:
        host, port = listening.getsockname()[:2]
        told = _record_url(settings.folder, url, host, port, secured=secured is not None)
        with Exchange.open(settings.folder, settings.database, events) as exchange:
            app = App(exchange, events, told)
            say = partial(
                events.say,
                "listening",
                host=host,
                port=port,
                folder=str(settings.folder),
                url=told,
                tls="none" if secured is None else "server" if settings.client_ca is None else "mutual",
            )
            asyncio.run(_run(app, exchange, listening, events, _config(app, settings, secured), say))
            events.say("stopping")
    events.say("stopped")


def checked_url(url: str) -> str:
    """An address of a hub, without a slash at its end. Raises InputError where it is none."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good or parts.query or parts.fragment or parts.username or parts.path.rstrip("/"):
        raise InputError(
            "this is no address of a hub", where=f"--url {url}", mend="write it as https://hub.example:8600"
        )
    return url.rstrip("/")


def _tls(settings: Serving) -> ssl.SSLContext | None:
    if settings.tls_cert is not None:
        return tls.context(settings.tls_cert, settings.tls_key, settings.client_ca)
    for option, value in (("--tls-key", settings.tls_key), ("--client-ca", settings.client_ca)):
        if value is not None:
            raise InputError("is of no use without a certificate", where=option, mend="give --tls-cert, too")
    if not settings.no_tls and not is_loopback(settings.host):
        raise InputError(
            "passwords and tokens would cross the network in the clear",
            where=f"--host {settings.host}",
            mend="give --tls-cert and --tls-key, or --no-tls if something in front of the hub does TLS",
        )
    return None


def _check_address(proxy: str) -> None:
    try:
        ipaddress.ip_network(proxy, strict=False)
    except ValueError:
        raise InputError(
            "this is no address or network",
            where=f"--proxy {proxy}",
            mend="write it as 10.0.0.7 or 10.0.0.0/24",
        ) from None


def _record_url(folder: Path, given: str | None, host: str, port: int, *, secured: bool) -> str:
    """Where members find the hub: as given, else as recorded, unless that is plain HTTP on this machine.

    Such an address is nobody's name for it, only where it listened last, and so follows where it listens now.
    """
    settings = read_settings(folder)
    url = settings.url if given is None else given
    recorded = urlsplit(url)
    if given is None and recorded.scheme == "http" and is_loopback(recorded.hostname or DEFAULT_HOST):
        name = f"[{host}]" if ":" in host else host
        # An address that stands for all of them can't be called.
        if name in ("0.0.0.0", "[::]"):  # noqa: S104 - compared, not listened on
            name = socket.gethostname()
        url = f"{'https' if secured else 'http'}://{name}:{port}"
    if url != settings.url:
        write_settings(folder, replace(settings, url=url))
    return url


def _config(app: App, settings: Serving, secured: ssl.SSLContext | None) -> uvicorn.Config:
    return configured(
        app,
        SHUTDOWN_SECONDS,
        http=Connection,
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=list(settings.proxies) or None,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        ssl_context_factory=None if secured is None else lambda config, default: secured,
    )


async def _run(
    app: App,
    exchange: Exchange,
    listening: socket.socket,
    events: Events,
    config: uvicorn.Config,
    started: Callable[[], None],
) -> None:
    await app.fan.start()
    sweeping = asyncio.create_task(_sweep(app, exchange, events))
    try:
        await run(config, listening, events, app.stop, started)
    finally:
        sweeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sweeping
        await app.fan.stop()


async def _sweep(app: App, exchange: Exchange, events: Events) -> None:
    """Erase what has expired, now and then."""
    while True:
        try:
            swept = await to_thread.run_sync(exchange.sweep)
            if swept:
                app.fan.forget()
                events.say("swept", objects=swept)
        except Exception as error:
            events.say("fault", kind=type(error).__name__, operation="sweep", at=place_of(error))
        await asyncio.sleep(SWEEP_SECONDS)
