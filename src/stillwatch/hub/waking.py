"""Waking those who follow: of what is committed here at once, of what other processes commit as the store can tell."""

import threading
from collections.abc import Callable

from stillwatch.hub.database import Database
from stillwatch.hub.errors import Refused
from stillwatch.serving.events import Events

Callback = Callable[[int], None]


class Waking:
    """Callbacks that are told of a new head. Safe to use from many threads."""

    def __init__(self, database: Database, events: Events) -> None:
        self._database, self._events = database, events
        self._guard = threading.Lock()
        self._callbacks: dict[object, Callback] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._told = 0

    def add(self, callback: Callback) -> Callable[[], None]:
        """Call back with each new head from now on, until the function that this returns is called."""
        key = object()
        head = self._head()
        with self._guard:
            self._told = max(self._told, head)
            self._callbacks[key] = callback
            # Who only ever asks needs nobody who listens.
            if self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(target=self._listen, name="hub-listen", daemon=True)
                self._thread.start()

        def remove() -> None:
            with self._guard:
                self._callbacks.pop(key, None)

        return remove

    def tell(self, head: int) -> None:
        """Call all callbacks, unless they know of this head."""
        with self._guard:
            if head <= self._told:
                return
            self._told = head
            callbacks = list(self._callbacks.values())
        for callback in callbacks:
            try:
                callback(head)
            except Exception as error:
                self._events.sometimes("callback_failed", type(error).__name__)

    def _listen(self) -> None:
        self._database.listen(self._look, self._stop)

    def _look(self) -> None:
        self.tell(self._head())

    def _head(self) -> int:
        try:
            line = self._database.one("SELECT seq FROM heads")
        except Refused:
            # The store is away for a while; whoever listens looks again.
            return 0
        return 0 if line is None else int(line[0])

    def close(self) -> None:
        """End the thread that listens."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
