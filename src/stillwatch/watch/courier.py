"""Delivers events to a webhook, one after the other, beside the watching: a receiver that is down holds nobody up."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from stillwatch.records.errors import plainly
from stillwatch.records.findings import Change
from stillwatch.watch.events import after, body, event_id
from stillwatch.watch.sinks import Cursor
from stillwatch.watch.webhook import GONE, Webhook

FIRST_WAIT, LONGEST_WAIT = 1.0, 600.0
"""Seconds before the second attempt, doubled for each further one, up to the longest."""
MAY_BE_DELIVERED = range(200, 300)


def wait_before(attempt: int, draw: Callable[[], float] = random.random) -> float:
    """Seconds to wait before attempt number 2, 3, ...: exponential, with full jitter over its upper half."""
    whole = min(FIRST_WAIT * 2.0 ** min(attempt - 2, 30), LONGEST_WAIT)
    return whole * (0.5 + 0.5 * draw())


class Courier(threading.Thread):
    """The thread that delivers. `offer` hands it what there is; what a receiver has is kept by the cursor.

    At least once, in order: an event is sent again until the receiver answers with a status from 200 to 299. A receiver that
    answers 410 gets no more.
    """

    def __init__(self, webhook: Webhook, cursor: Cursor, say: Callable[[str], None]) -> None:
        super().__init__(name="courier", daemon=True)
        self._webhook, self._cursor, self._say = webhook, cursor, say
        self._pending: list[Change] = []
        self._new = threading.Condition()
        self._ending = False
        self._failed_once = threading.Event()
        self.refused = False
        self.problem: str | None = None
        """Why the last attempt did not deliver; None where it did."""

    @property
    def waiting(self) -> int:
        """Events that the receiver does not have."""
        with self._new:
            return len(self._pending)

    def offer(self, changes: Sequence[Change]) -> None:
        """Deliver these, as far as the receiver has them not."""
        with self._new:
            self._pending = after(changes, self._cursor.sequence)
            self._failed_once.clear()
            self._new.notify_all()

    def drain(self, seconds: float) -> bool:
        """Wait until all is delivered, or an attempt has failed, at most so long; is all delivered?"""
        end = time.monotonic() + seconds
        while self.waiting and not self._failed_once.is_set() and not self.refused and time.monotonic() < end:
            time.sleep(0.02)
        return not self.waiting

    def end(self) -> None:
        """Stop after the attempt that is under way."""
        with self._new:
            self._ending = True
            self._new.notify_all()

    def run(self) -> None:
        """Deliver until `end`."""
        attempt = 1
        while True:
            with self._new:
                while not self._ending and (self.refused or not self._pending):
                    self._new.wait()
                if self._ending:
                    return
                change = self._pending[0]
            if self._attempt(change, attempt):
                attempt = 1
                continue
            attempt += 1
            if not self.refused:
                self._rest(wait_before(attempt))

    def _rest(self, seconds: float) -> None:
        """Wait so long, or until `end`: events that come meanwhile wait, too."""
        end = time.monotonic() + seconds
        with self._new:
            while not self._ending and (left := end - time.monotonic()) > 0:
                self._new.wait(left)

    def _attempt(self, change: Change, attempt: int) -> bool:
        """Deliver one event; whatever goes wrong, the thread goes on."""
        try:
            return self._deliver(change, attempt)
        except Exception as error:
            # A full disk, say, when the cursor moves. Of other errors only the kind is told: texts might hold the address.
            self.problem = plainly(error) if isinstance(error, OSError) else type(error).__name__
            self._failed_once.set()
            if attempt == 1:
                with suppress(Exception):
                    self._say(f"delivering to the webhook failed ({self.problem}): it is tried again")
            return False

    def _deliver(self, change: Change, attempt: int) -> bool:
        assert change.sequence is not None
        state_id = self._cursor.state_id
        status, wrong = self._webhook.post(
            event_id(state_id, change.sequence), int(time.time()), body(state_id, change).encode()
        )
        if status in MAY_BE_DELIVERED:
            self._cursor.move(change.sequence)
            with self._new:
                self._pending = after(self._pending, change.sequence)
            self.problem = None
            if attempt > 1:
                self._say("the receiver of the webhook is back")
            return True
        self.problem = wrong
        self._failed_once.set()
        if status == GONE:
            self.refused = True
            self._say(
                "the receiver of the webhook wants no more events (status 410): none are sent from now on"
            )
        elif attempt == 1:
            self._say(
                f"the receiver of the webhook does not take an event ({wrong}): it is sent again until it does"
            )
        return False
