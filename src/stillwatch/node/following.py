"""Staying on the stream: what members publish is here at once, and is held against the log every few seconds."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stillwatch.node.client import RefusedError, UnreachableError
from stillwatch.node.faults import OpenFaultError
from stillwatch.node.node import FaultError, Node
from stillwatch.node.receiving import Item, of_event
from stillwatch.node.sse import Reader
from stillwatch.node.store import now_us
from stillwatch.records.errors import InputError

AUDIT_S = 5.0
"""How long a hub that forks its log could go on unnoticed by this member."""
SETTLE_S = 0.5
"""How soon what was received is held against the log."""
SYNC_S = 60.0
"""How often everything is asked for, as without a stream: rules, epoch, and what a stream may have missed."""
LOOK_S = 0.1
"""How often the queue is looked at: other commands fill it."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 30.0


@dataclass
class Standing:
    """Where following stands, for whoever watches it."""

    connected: bool = False
    problem: str | None = None
    fault: str | None = None
    received: int = 0
    settled: int = 0
    sent: int = 0
    refused: int = 0
    reconnects: int = 0
    audits: int = 0
    log_size: int = 0
    last_audit: float | None = None
    """Seconds since 1970."""


class Following:
    """Follows one hub. `told` is called with what is new, before it was held against the log."""

    def __init__(
        self,
        node: Node,
        *,
        out: Path | None = None,
        told: Callable[[Sequence[Item]], None] | None = None,
        wrote: Callable[[list[str]], None] | None = None,
        audit_s: float = AUDIT_S,
    ) -> None:
        self._node, self._out, self._told, self._wrote, self._audit_s = node, out, told, wrote, audit_s
        self.standing = Standing()
        self._stop = threading.Event()
        self._failed: BaseException | None = None

    def stop(self) -> None:
        """End soon; may be called from any thread, or a signal."""
        self._stop.set()
        self._node.client.end_streams()

    def run(self, *, patient: bool = True) -> None:
        """Follow until `stop`. A hub that is out of reach is tried again; so are its refusals where `patient`.

        Raises FaultError and OpenFaultError; without `patient` also InputError.
        """
        reader = threading.Thread(target=self._guarded, args=(self._read,), daemon=True)
        try:
            self._guarded(lambda: self._keep(patient, reader))
        finally:
            self.stop()
            if reader.ident is not None:
                reader.join()
        if self._failed is not None:
            raise self._failed

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            if isinstance(error, FaultError | OpenFaultError):
                self.standing.fault = str(error)
            self._failed = self._failed or error
            self.stop()

    # Reading the stream.

    def _read(self) -> None:
        wait = FIRST_WAIT_S
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                self._read_once()
                problem = "the hub ended the stream"
            except UnreachableError as error:
                problem = str(error)
            except InputError as error:
                # The hub may be behind what was received: the next audit tells whether it was put back.
                problem = str(error)
            self.standing.connected = False
            if self._stop.is_set():
                return
            self.standing.problem = problem
            self.standing.reconnects += 1
            wait = (
                FIRST_WAIT_S if time.monotonic() - began > LONGEST_WAIT_S else min(wait * 2, LONGEST_WAIT_S)
            )
            self._stop.wait(random.uniform(0.5, 1.0) * wait)

    def _read_once(self) -> None:
        receiver, standing = self._node.receiver, self.standing
        generation, reader = receiver.generation, Reader()
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(receiver.cursor)}
        with self._node.trusting(), self._node.client.stream("/stream", headers, receipts=1) as pieces:
            standing.connected, standing.problem = True, None
            for piece in pieces:
                items = [of_event(event) for event in reader.feed(piece) if "receipt" in event.more]
                if items:
                    receiver.take(items, generation)
                    standing.received += len(items)
                    if self._told is not None:
                        self._told(items)
                if self._stop.is_set():
                    return

    # Everything else.

    def _keep(self, patient: bool, reader: threading.Thread) -> None:
        node, standing = self._node, self.standing
        next_sync = next_audit = next_send = 0.0
        failures = 0
        written = False
        while not self._stop.is_set():
            now = time.monotonic()
            try:
                if now >= next_sync:
                    done = node.sync()
                    standing.sent += done.sent.taken
                    standing.refused += len(done.sent.refused)
                    self._audited(done.log_size)
                    self._write()
                    written = True
                    next_sync, next_audit = now + SYNC_S, now + self._audit_s
                elif now >= next_send and node.queue.due(now_us()):
                    sent = node.flush()
                    standing.sent += sent.taken
                    standing.refused += len(sent.refused)
                    next_audit = min(next_audit, now + SETTLE_S)
                elif now >= next_audit:
                    done, audited = node.audit()
                    standing.settled += audited.settled
                    self._audited(audited.size)
                    if audited.settled or audited.new:
                        self._write()
                    next_audit = now + self._audit_s
                    if audited.epoch:
                        next_sync = now
                elif standing.received > standing.settled and node.store.number(
                    "SELECT COUNT(*) FROM received WHERE settled = 0"
                ):
                    next_audit = min(next_audit, now + SETTLE_S)
                failures = 0
            except UnreachableError as error:
                failures += 1
                standing.problem = str(error)
                wait = random.uniform(0.5, 1.0) * min(FIRST_WAIT_S * 2**failures, LONGEST_WAIT_S)
                next_sync = next_audit = next_send = now + wait
            except RefusedError as error:
                if not patient:
                    raise
                standing.problem = str(error)
                next_sync = next_audit = next_send = now + LONGEST_WAIT_S
            if not written:
                # Off line, what is here already is written all the same.
                self._write()
                written = True
            if reader.ident is None:
                reader.start()
            self._stop.wait(LOOK_S)

    def _audited(self, size: int) -> None:
        self.standing.audits += 1
        self.standing.log_size = size
        self.standing.last_audit = time.time()
        if self.standing.connected:
            self.standing.problem = None

    def _write(self) -> None:
        if self._out is None:
            return
        with self._node.folder.working():
            made = self._node.exports.write(self._out)
        if made and self._wrote is not None:
            self._wrote(made)
