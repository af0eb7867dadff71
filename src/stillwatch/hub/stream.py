"""Push by server-sent events (WHATWG HTML, section 9.2): every subscriber has a cursor, and nobody waits for another."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from starlette.types import Receive, Send

from stillwatch.hub.bounds import (
    HEARTBEAT_SECONDS,
    MAX_STREAMS,
    MAX_STREAMS_OF_MEMBER,
    RETRY_SOON,
    STORE_EVENTS,
    WATCH_SECONDS,
)
from stillwatch.hub.errors import conflict, too_many, unavailable
from stillwatch.hub.exchange import Exchange
from stillwatch.hub.model import EventPage, Member
from stillwatch.hub.ring import Line, Ring, chunk_of, line_of
from stillwatch.serving.admission import place_of
from stillwatch.serving.events import Events

MEDIA_TYPE = "text/event-stream"
_T = TypeVar("_T")


@dataclass(frozen=True)
class Wish:
    """What a client asks of a stream: events after which (None: from now on), of which collections (None: all)."""

    after: int | None
    collections: frozenset[str] | None
    receipts: bool


@dataclass(eq=False)
class Subscriber:
    """One open stream: how far it has come, and what its member may read."""

    member: Member
    wish: Wish
    cursor: int
    readable: frozenset[str]
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    ended: bool = False

    def end(self) -> None:
        """Have it end soon."""
        self.ended = True
        self.woken.set()


class Fan:
    """All streams of one process, for one event loop.

    One task reads what is new, once for all members that may read the same collections, into a ring. A subscriber takes
    what is recent from there, and what lies before it from the store, for itself.
    """

    def __init__(self, exchange: Exchange, events: Events, readers: CapacityLimiter) -> None:
        self._exchange, self._events, self._readers = exchange, events, readers
        self._rings: dict[frozenset[str], Ring] = {}
        self._subscribers: set[Subscriber] = set()
        self._opening: Counter[str] = Counter()
        self._head = 0
        self._new = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._unhook: Callable[[], None] = lambda: None
        self.stopping = False
        self.sent = self.lagging = 0
        """Chunks that were written, and reads from the store for subscribers that lag."""

    @property
    def open(self) -> int:
        """Streams that are open."""
        return len(self._subscribers)

    async def start(self) -> None:
        """Begin to follow the store."""
        loop = asyncio.get_running_loop()
        self._head = await self._in_thread(self._exchange.head)
        self._unhook = self._exchange.wait(lambda head: _call(loop, self._wake, head))
        self._tasks = [asyncio.create_task(self._pump()), asyncio.create_task(self._watch())]

    async def stop(self) -> None:
        """End all streams, and follow the store no longer."""
        self.end_all()
        self._unhook()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def end_all(self) -> None:
        """End all streams; new ones are refused."""
        self.stopping = True
        for subscriber in self._subscribers:
            subscriber.end()

    def forget(self) -> None:
        """Hand out nothing from memory: some of it may have been erased."""
        for ring in self._rings.values():
            ring.forget()

    async def subscribe(self, member: Member, wish: Wish) -> Subscriber:
        """A new stream. Raises Refused: 409 where it would resume after the newest event, 429 and 503 where too many run."""
        if self.stopping:
            raise unavailable("the hub is stopping", RETRY_SOON)
        # Those that are being opened count as well: each waits for the store.
        if len(self._subscribers) + self._opening.total() >= MAX_STREAMS:
            raise unavailable("too many streams are open", RETRY_SOON)
        own = sum(other.member.member_id == member.member_id for other in self._subscribers)
        if own + self._opening[member.member_id] >= MAX_STREAMS_OF_MEMBER:
            raise too_many(f"a member has at most {MAX_STREAMS_OF_MEMBER} streams open at once", RETRY_SOON)
        self._opening[member.member_id] += 1
        try:
            return await self._subscribe(member, wish)
        finally:
            self._opening[member.member_id] -= 1

    async def _subscribe(self, member: Member, wish: Wish) -> Subscriber:
        head = await self._in_thread(self._exchange.head)
        if wish.after is not None and wish.after > head:
            raise conflict(
                f"the newest event is {head}, and yours is later: this is another hub, or one that was restored"
            )
        subscriber = Subscriber(
            member,
            wish,
            head if wish.after is None else wish.after,
            await self._in_thread(lambda: self._readable(member)),
        )
        self._subscribers.add(subscriber)
        self._rings.setdefault(subscriber.readable, Ring(head))
        self._wake(head)
        return subscriber

    async def run(self, subscriber: Subscriber, receive: Receive, send: Send) -> None:
        """Write the stream until the client goes, the member is revoked, or the hub stops."""
        leaving = asyncio.create_task(_end_when_gone(subscriber, receive))
        try:
            # Clients that all come back after a restart do so at different moments.
            await _write(send, b"retry: %d\n\n" % random.randint(500, 2000))
            while not subscriber.ended:
                lines = await self._next(subscriber)
                if lines is None:
                    await _rest(subscriber, send)
                else:
                    await self._deliver(subscriber, lines, send)
            await send({"type": "http.response.body", "body": b": this stream ends\n\n", "more_body": False})
        finally:
            leaving.cancel()

    def leave(self, subscriber: Subscriber) -> None:
        """Forget a stream."""
        self._subscribers.discard(subscriber)
        self._tidy()

    async def _next(self, subscriber: Subscriber) -> list[Line] | None:
        """What comes next; None at the end of what there is."""
        subscriber.woken.clear()
        ring = self._rings[subscriber.readable]
        lines = ring.after(subscriber.cursor)
        if lines is None:
            self.lagging += 1
            head = self._head
            lines = [line_of(event) for event in (await self._read(subscriber, subscriber.cursor)).events]
            if not lines:
                # It has seen everything up to the head that was known before, or may not see it.
                subscriber.cursor = max(subscriber.cursor, head)
            return lines
        if not lines:
            subscriber.cursor = max(subscriber.cursor, ring.head)
        return lines or None

    async def _deliver(self, subscriber: Subscriber, lines: list[Line], send: Send) -> None:
        start = 0
        while start < len(lines) and not subscriber.ended:
            chunk, start = chunk_of(
                lines, start, subscriber.wish.collections, receipts=subscriber.wish.receipts
            )
            if chunk:
                self.sent += 1
                await _write(send, chunk)
            subscriber.cursor = lines[start - 1].seq

    async def _pump(self) -> None:
        """Read what is new into the rings."""
        while True:
            await self._new.wait()
            self._new.clear()
            try:
                await self._read_new()
            except Exception as error:
                self._events.sometimes("fault", type(error).__name__, endpoint="stream", at=place_of(error))
                await asyncio.sleep(WATCH_SECONDS)
                self._new.set()

    async def _read_new(self) -> None:
        for readable, ring in list(self._rings.items()):
            while ring.head < self._head:
                reader = next((s for s in self._subscribers if s.readable == readable and not s.ended), None)
                if reader is None:
                    break
                head = self._head
                events, more = await self._read(reader, ring.head)
                last = events[-1].seq if events else 0
                # Without more, everything up to the head that was known before is there.
                ring.add(events, last if more else max(head, last))
                for subscriber in self._subscribers:
                    subscriber.woken.set()

    async def _watch(self) -> None:
        """Hold streams against the members, end those of revoked ones, and drop old events."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                members = {subscriber.member.member_id for subscriber in self._subscribers}
                allowed = await self._in_thread(partial(self._allowed, members))
                # A store may fail to tell of what another process committed, as when its connection was away.
                self._wake(await self._in_thread(self._exchange.head))
            except Exception as error:
                self._events.sometimes("fault", type(error).__name__, endpoint="stream", at=place_of(error))
                continue
            for subscriber in self._subscribers:
                readable = allowed.get(subscriber.member.member_id)
                if subscriber.member.member_id not in members:
                    continue
                if readable is None:
                    subscriber.end()
                elif readable != subscriber.readable:
                    self._rings.setdefault(readable, Ring(self._head))
                    subscriber.readable = readable
                    subscriber.woken.set()
            self._tidy()
            for ring in self._rings.values():
                ring.expire()

    def _allowed(self, members: set[str]) -> dict[str, frozenset[str]]:
        """What members may read; those that are revoked are left out."""
        found: dict[str, frozenset[str]] = {}
        for member_id in members:
            member = self._exchange.member(member_id)
            if member is not None and not member.revoked:
                found[member_id] = self._readable(member)
        return found

    def _readable(self, member: Member) -> frozenset[str]:
        return frozenset(each.id for each in self._exchange.collections(member) if each.can_read)

    def _tidy(self) -> None:
        for readable in set(self._rings) - {subscriber.readable for subscriber in self._subscribers}:
            del self._rings[readable]

    def _wake(self, head: int) -> None:
        self._head = max(self._head, head)
        self._new.set()

    async def _read(self, subscriber: Subscriber, after: int) -> EventPage:
        readable = set(subscriber.readable)
        return await self._in_thread(
            lambda: self._exchange.events(subscriber.member, after, STORE_EVENTS, readable)
        )

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await to_thread.run_sync(work, limiter=self._readers)


def _call(loop: asyncio.AbstractEventLoop, function: Callable[[int], None], head: int) -> None:
    # A loop that is closed has no streams any more.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(function, head)


async def _rest(subscriber: Subscriber, send: Send) -> None:
    """Wait for something new, and say now and then that the stream lives."""
    try:
        async with asyncio.timeout(HEARTBEAT_SECONDS):
            await subscriber.woken.wait()
    except TimeoutError:
        await _write(send, b": still here\n\n")


async def _write(send: Send, piece: bytes) -> None:
    await send({"type": "http.response.body", "body": piece, "more_body": True})


async def _end_when_gone(subscriber: Subscriber, receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    subscriber.end()
