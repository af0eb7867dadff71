"""What a service takes in: bytes held in all requests together, requests at once, and bodies read within bounds."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.requests import Request

RETRY_SOON = 1
"""Seconds of Retry-After, for a place to come free."""


class Refused(Exception):  # noqa: N818 - an answer
    """A request that is not taken: HTTP status, what is wrong, and after how many seconds to try again, if at all."""

    def __init__(self, status: int, problem: str, retry_after: int | None = None) -> None:
        super().__init__(problem)
        self.status, self.problem, self.retry_after = status, problem, retry_after


class Room:
    """Bytes of bodies that are held in all requests together; `noted` is told of each change."""

    def __init__(self, size: int, noted: Callable[[int], None]) -> None:
        self._left, self._noted = size, noted
        self._guard = threading.Lock()

    @contextmanager
    def taking(self) -> Iterator[Callable[[int], None]]:
        """A function that takes bytes for this request, or refuses it (503); all are given back at the end."""
        taken = 0

        def take(size: int) -> None:
            nonlocal taken
            with self._guard:
                if size > self._left:
                    raise Refused(503, "too much is held at once; try again", RETRY_SOON)
                self._left -= size
                taken += size
            self._noted(size)

        try:
            yield take
        finally:
            with self._guard:
                self._left += taken
            self._noted(-taken)


class Places:
    """Requests that are read or worked on at once. For one event loop: not safe from several threads."""

    def __init__(self, places: int) -> None:
        self._left = places

    @contextmanager
    def taking(self) -> Iterator[None]:
        """One of the places; refused (503) when there is none."""
        if not self._left:
            raise Refused(503, "too many requests at once; try again", RETRY_SOON)
        self._left -= 1
        try:
            yield
        finally:
            self._left += 1


async def read_body(request: Request, limit: int, seconds: float, take: Callable[[int], None]) -> bytes:
    """The body as it was sent, of `limit` bytes at most; `take` is told the bytes as they come.

    Raises Refused as soon as it is known to be too large (413) or comes too slowly (408), and starlette's
    ClientDisconnect when it breaks off.
    """
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > limit:
        raise Refused(413, f"the body is larger than {limit:,} bytes")
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            async for piece in request.stream():
                size += len(piece)
                if size > limit:
                    raise Refused(413, f"the body is larger than {limit:,} bytes")
                take(len(piece))
                pieces.append(piece)
    except TimeoutError:
        raise Refused(408, f"the body took more than {seconds:.0f} s") from None
    return b"".join(pieces)


def media_type(request: Request) -> str:
    """The media type of a request's body, without parameters, in lower case; empty where it names none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def place_of(error: BaseException) -> str:
    """Module and line of a fault, without what its message may quote."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}" if trace is not None else ""
