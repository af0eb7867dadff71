"""A service's own log: one JSON object a line on stderr. Never tokens, texts or rows."""

import json
import sys
import threading
import time
from datetime import UTC, datetime
from typing import IO

_QUIET_SECONDS = 10.0


class Events:
    """Writes events as lines; safe to use from any thread."""

    def __init__(self, out: IO[str] | None = None) -> None:
        self._out = out if out is not None else sys.stderr
        self._guard = threading.Lock()
        self._told: dict[tuple[str, str], float] = {}
        self._untold: dict[tuple[str, str], int] = {}

    def say(self, event: str, **fields: object) -> None:
        """Write one event: `time`, `event`, then its fields."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": now, "event": event, **fields}, default=str)
        # Nobody may be reading any more; what the service does is worth more than its log.
        with self._guard:
            try:
                print(line, file=self._out, flush=True)
            except (OSError, ValueError):
                return

    def sometimes(self, event: str, kind: str, **fields: object) -> None:
        """Write an event at most once in ten seconds for each kind, with how many were left out since (`more`).

        For what a client can cause as often as it likes.
        """
        now = time.monotonic()
        with self._guard:
            if now - self._told.get((event, kind), -_QUIET_SECONDS) < _QUIET_SECONDS:
                self._untold[event, kind] = self._untold.get((event, kind), 0) + 1
                return
            self._told[event, kind] = now
            more = self._untold.pop((event, kind), 0)
        self.say(event, kind=kind, **fields, **({"more": more} if more else {}))
