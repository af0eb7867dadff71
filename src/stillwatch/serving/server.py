"""uvicorn as our services run it: signals are ours, its warnings become events, and the end is graceful."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from stillwatch.serving.events import Events


def configured(app: ASGIApp, shutdown_seconds: int, **settings: Any) -> uvicorn.Config:
    """How all our services are run: nothing is logged but events, and no header names what runs or is believed.

    `settings`: what one of them has otherwise (arguments of uvicorn.Config).
    """
    quiet: dict[str, Any] = {
        "loop": "asyncio",
        "http": "h11",
        "ws": "none",
        "lifespan": "off",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "timeout_graceful_shutdown": shutdown_seconds,
    }
    return uvicorn.Config(app, **quiet | settings)


async def run(
    config: uvicorn.Config,
    listening: socket.socket,
    events: Events,
    stopping: Callable[[], None],
    started: Callable[[], None] = lambda: None,
    until: asyncio.Future[None] | None = None,
) -> None:
    """Serve on a bound socket until SIGTERM or SIGINT, or until `until` is done.

    `started` is called when a signal would end it gracefully: who waits for that word may send one at once. `stopping` is
    called at the signal; requests in progress have `config.timeout_graceful_shutdown` seconds to end.
    """
    _tell_warnings(events)
    server = _Server(config)

    def stop() -> None:
        stopping()
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    if until is not None:
        until.add_done_callback(lambda _: stop())
    started()
    await server.serve(sockets=[listening])


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to us: uvicorn's own way would end the process with them, before what is held is written."""
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
