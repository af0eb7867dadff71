"""What the collector counts, for Prometheus (text exposition format, by prometheus_client)."""

import time
from collections.abc import Callable, Mapping

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

CONTENT_TYPE = CONTENT_TYPE_LATEST
_PREFIX = "stillwatch_intake"


class Metrics:
    """Counters of one collector. Labels take values from our own code only, never from what clients send."""

    def __init__(self, pending: Callable[[], int]) -> None:
        # A time of creation beside each counter would double the page.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = registry = CollectorRegistry()

        def counter(name: str, meaning: str, *labels: str) -> Counter:
            return Counter(f"{_PREFIX}_{name}", meaning, labels, registry=registry)

        self._requests = counter("requests", "Requests, by endpoint and HTTP status.", "endpoint", "status")
        self._bytes = counter("body_bytes", "Bytes of request bodies as they were sent.", "endpoint")
        self._accepted = counter(
            "rows_accepted", "Rows that were acknowledged: they are on disk.", "endpoint"
        )
        self._rejected = counter("rows_rejected", "Rows that can't be used, by reason.", "endpoint", "reason")
        self._skipped = counter("rows_skipped", "Records that are no exchange.", "endpoint", "reason")
        self._dropped = counter("values_dropped", "Values that were dropped or repaired.", "column", "reason")
        self._recovered = counter("rows_recovered", "Rows that an earlier run left in the journal.")
        self._files = counter("files_written", "Parquet files that have appeared.")
        self._file_rows = counter("file_rows_written", "Rows in these files.")
        self._seconds = Histogram(
            f"{_PREFIX}_request_seconds",
            "Time from the whole body to the answer.",
            ["endpoint"],
            registry=registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )
        Gauge(
            f"{_PREFIX}_rows_pending", "Acknowledged rows that are not Parquet yet.", registry=registry
        ).set_function(pending)
        self._held = Gauge(
            f"{_PREFIX}_bytes_held", "Bytes of bodies that are being read or worked on.", registry=registry
        )
        self._flushed = time.monotonic()
        Gauge(
            f"{_PREFIX}_seconds_since_flush",
            "Seconds since a file appeared, or the start.",
            registry=registry,
        ).set_function(lambda: time.monotonic() - self._flushed)

    def answered(self, endpoint: str, status: int) -> None:
        """Count one request."""
        self._requests.labels(endpoint, str(status)).inc()

    def took(self, endpoint: str, size: int, seconds: float) -> None:
        """Note a body of `size` bytes that was worked on for `seconds`."""
        self._bytes.labels(endpoint).inc(size)
        self._seconds.labels(endpoint).observe(seconds)

    def holding(self, size: int) -> None:
        """Note that this many bytes more (or fewer, when negative) are held."""
        self._held.inc(size)

    def received(
        self, endpoint: str, accepted: int, rejected: Mapping[str, int], skipped: Mapping[str, int]
    ) -> None:
        """Count the rows of one delivery."""
        self._accepted.labels(endpoint).inc(accepted)
        for reason, rows in rejected.items():
            self._rejected.labels(endpoint, reason).inc(rows)
        for reason, rows in skipped.items():
            self._skipped.labels(endpoint, reason).inc(rows)

    def dropped(self, values: Mapping[tuple[str, str], int]) -> None:
        """Count values by column and reason."""
        for (column, reason), number in values.items():
            self._dropped.labels(column, reason).inc(number)

    def recovered(self, rows: int) -> None:
        """Count rows of an earlier run."""
        self._recovered.inc(rows)

    def file_written(self, rows: int) -> None:
        """Count a file."""
        self._files.inc()
        self._file_rows.inc(rows)
        self._flushed = time.monotonic()

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._registry)
