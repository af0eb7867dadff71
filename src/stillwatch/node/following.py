"""Staying on the stream: what members publish is here at once, and is held against the log every few seconds."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stillwatch.node.client import RefusedError, UnreachableError
from stillwatch.node.faults import OpenFaultError
from stillwatch.node.folder import BusyError
from stillwatch.node.node import FaultError, Node
from stillwatch.node.receiving import Item, of_event
from stillwatch.node.sending import Sent
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
WRITE_S, WRITE_SHARE = 60.0, 10.0
"""How often files are written where nothing is new, as things come to their end; and how much longer than a writing took
the next one is waited for."""
_BUSY_S = 1.0
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
        # What was received before and never written, as where a command was killed.
        self._changed = True

    def stop(self) -> None:
        """End soon; may be called from any thread, or a signal."""
        self._stop.set()
        self._node.client.end_streams()

    def run(self, *, patient: bool = True) -> None:
        """Follow until `stop`. A hub that is out of reach is tried again; where `patient`, so is what a person may mend.

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
        node, standing, times = self._node, self.standing, _Times()
        failures = 0
        while not self._stop.is_set():
            now = time.monotonic()
            try:
                if now >= times.sync:
                    done = node.sync()
                    self._sent(done.sent)
                    self._audited(done.log_size)
                    standing.problem = done.problem or standing.problem
                    times.sync, times.audit = now + SYNC_S, now + self._audit_s
                elif now >= times.send and node.queue.due(now_us()):
                    self._flush(now, times)
                elif now >= times.audit:
                    done, audited = node.audit()
                    standing.settled += audited.settled
                    self._audited(audited.size)
                    self._changed |= bool(audited.settled or audited.new)
                    times.audit = now + self._audit_s
                    if audited.epoch:
                        times.sync = now
                elif standing.received > standing.settled and node.store.number(
                    "SELECT COUNT(*) FROM received WHERE settled = 0"
                ):
                    times.audit = min(times.audit, now + SETTLE_S)
                failures = 0
            except (UnreachableError, BusyError) as error:
                failures += 1
                standing.problem = str(error)
                times.put_off(
                    now + random.uniform(0.5, 1.0) * min(FIRST_WAIT_S * 2**failures, LONGEST_WAIT_S)
                )
            except InputError as error:
                if not patient:
                    raise
                standing.problem = str(error)
                times.put_off(now + LONGEST_WAIT_S)
            # Off line as well: what is here already, and what has come to its end since.
            self._write_in_time(patient, times)
            if reader.ident is None:
                reader.start()
            self._stop.wait(LOOK_S)
        if self._changed:
            self._write()

    def _flush(self, now: float, times: "_Times") -> None:
        """Send what is due. Who may not post, or has no quota left, still takes what comes."""
        try:
            self._sent(self._node.flush())
            times.audit = min(times.audit, now + SETTLE_S)
        except RefusedError as error:
            self.standing.problem = str(error)
            times.send = now + LONGEST_WAIT_S

    def _sent(self, sent: Sent) -> None:
        self.standing.sent += sent.taken
        self.standing.refused += len(sent.refused)

    def _audited(self, size: int) -> None:
        self.standing.audits += 1
        self.standing.log_size = size
        self.standing.last_audit = time.time()
        if self.standing.connected:
            self.standing.problem = None

    def _write_in_time(self, patient: bool, times: "_Times") -> None:
        """Write what is new, though not all the time where that takes long, and everything now and then."""
        began = time.monotonic()
        if began < (times.write if self._changed else times.write_all):
            return
        try:
            self._write()
        except InputError as error:
            if not patient and not isinstance(error, BusyError):
                raise
            self.standing.problem = str(error)
            times.write = times.write_all = began + LONGEST_WAIT_S
            return
        ended = time.monotonic()
        times.write, times.write_all = ended + WRITE_SHARE * (ended - began), ended + WRITE_S

    def _write(self) -> None:
        if self._out is not None:
            with self._node.folder.working(_BUSY_S):
                made = self._node.exports.write(self._out)
            if made and self._wrote is not None:
                self._wrote(made)
        self._changed = False


@dataclass
class _Times:
    """When each thing is to be done next, by the monotonic clock."""

    sync: float = 0.0
    audit: float = 0.0
    send: float = 0.0
    write: float = 0.0
    write_all: float = 0.0

    def put_off(self, until: float) -> None:
        """Ask the hub for nothing until then."""
        self.sync = self.audit = self.send = until
