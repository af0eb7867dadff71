"""What the hub counts, for Prometheus (text exposition format, by prometheus_client)."""

from collections.abc import Callable, Iterator

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from stillwatch.hub.model import Stats

CONTENT_TYPE = CONTENT_TYPE_LATEST
_PREFIX = "stillwatch_hub"


class Metrics:
    """Counters of one process. Labels take values from our own code only, never from what clients send."""

    def __init__(self, stats: Callable[[], Stats]) -> None:
        # A time of creation beside each counter would double the page.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = registry = CollectorRegistry()

        def counter(name: str, meaning: str, *labels: str) -> Counter:
            return Counter(f"{_PREFIX}_{name}", meaning, labels, registry=registry)

        def gauge(name: str, meaning: str) -> Gauge:
            return Gauge(f"{_PREFIX}_{name}", meaning, registry=registry)

        self._requests = counter("requests", "Requests, by operation and HTTP status.", "operation", "status")
        self._received = counter("body_bytes", "Bytes of request bodies.", "operation")
        self._sent = counter("answer_bytes", "Bytes of answers, streams apart.", "operation")
        self._failed = counter("logins_failed", "Requests with wrong or no credentials, or too many of them.")
        self._seconds = Histogram(
            f"{_PREFIX}_request_seconds",
            "Time from the head of a request to its answer, streams apart.",
            ["operation"],
            registry=registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )
        self._held = gauge("bytes_held", "Bytes of bodies that are being read or worked on.")
        self._streams = gauge("streams", "Streams that are open.")
        self._lagging = gauge(
            "stream_store_reads", "Reads from the store for streams that lagged, since the start."
        )
        registry.register(_StatsCollector(stats))

    def answered(self, operation: str, status: int, seconds: float, size: int) -> None:
        """Count one request."""
        self._requests.labels(operation, str(status)).inc()
        self._seconds.labels(operation).observe(seconds)
        self._sent.labels(operation).inc(size)

    def streamed(self, operation: str, status: int) -> None:
        """Count one stream, at its end."""
        self._requests.labels(operation, str(status)).inc()

    def received(self, operation: str, size: int) -> None:
        """Count a body."""
        self._received.labels(operation).inc(size)

    def login_failed(self) -> None:
        """Count a request that was not let in."""
        self._failed.inc()

    def holding(self, size: int) -> None:
        """Note that this many bytes more (or fewer, when negative) are held."""
        self._held.inc(size)

    def watch_streams(self, streams: Callable[[], int], lagging: Callable[[], int]) -> None:
        """Ask these when the page is read."""
        self._streams.set_function(streams)
        self._lagging.set_function(lagging)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it. Asks the store."""
        return generate_latest(self._registry)


class _StatsCollector(Collector):
    """The exchange's own numbers, asked for when the page is read."""

    def __init__(self, stats: Callable[[], Stats]) -> None:
        self._stats = stats

    def describe(self) -> Iterator[Metric]:
        # Names are told without asking the store, which may not be there yet.
        return iter(())

    def collect(self) -> Iterator[Metric]:
        found = self._stats()
        for name, meaning, value in (
            ("head", "Number of the newest object version, in the whole hub.", found.head),
            ("log_entries", "Entries of the transparency log.", found.log_size),
            ("members", "Members that are not revoked.", found.members),
            ("objects_waiting", "Objects that wait for a transaction in this process.", found.waiting),
        ):
            yield GaugeMetricFamily(f"{_PREFIX}_{name}", meaning, value)
        for name, meaning, value in (
            ("objects_committed", "Object versions that this process stored.", found.committed),
            ("transactions", "Transactions of this process.", found.transactions),
        ):
            yield CounterMetricFamily(f"{_PREFIX}_{name}", meaning, value)
        refused = CounterMetricFamily(
            f"{_PREFIX}_objects_refused", "Objects that this process refused, by rule.", labels=["rule"]
        )
        for rule, objects in sorted(found.refused.items()):
            refused.add_metric([rule], objects)
        yield refused
