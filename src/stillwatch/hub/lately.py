"""What was looked up a moment ago, kept for a moment."""

import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from stillwatch.hub.limits import CACHED_SECONDS

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_MOST = 10_000


class Lately(Generic[K, V]):
    """Values by key, each for at most `CACHED_SECONDS`. Safe to use from many threads; holds at most ten thousand."""

    def __init__(self, seconds: float = CACHED_SECONDS) -> None:
        self._seconds = seconds
        self._kept: dict[K, tuple[float, V]] = {}
        self._guard = threading.Lock()

    def get(self, key: K, look_up: Callable[[], V]) -> V:
        """The value as it is now or was a moment ago. What `look_up` raises is not kept."""
        began = time.monotonic()
        found = self._kept.get(key)
        if found is not None and began - found[0] < self._seconds:
            return found[1]
        value = look_up()
        with self._guard:
            if len(self._kept) >= _MOST:
                self._kept.clear()
            # Since before it was looked up: so it is never kept for longer than promised.
            self._kept[key] = (began, value)
        return value

    def forget(self) -> None:
        """Let go of everything: something was changed here."""
        with self._guard:
            self._kept.clear()
