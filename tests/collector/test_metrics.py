"""What Prometheus reads, read again by its own parser."""

from collections import Counter

from prometheus_client.parser import text_string_to_metric_families

from stillwatch.collector.metrics import Metrics


def samples(metrics: Metrics) -> dict[tuple[str, ...], float]:
    return {
        (sample.name.removeprefix("stillwatch_intake_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def test_everything_is_counted():
    metrics = Metrics(lambda: 17)
    for _ in range(2):
        metrics.answered("/v1/logs", 200)
        metrics.took("/v1/logs", 1000, 0.02)
        metrics.received("/v1/logs", 5, Counter({"missing time": 2}), Counter({"not a model call": 1}))
        metrics.dropped(Counter({("turn", "negative"): 3}))
        metrics.recovered(7)
        metrics.holding(500)
        metrics.holding(-200)
        metrics.file_written(100)
    found = samples(metrics)
    assert found["requests_total", "/v1/logs", "200"] == 2
    assert found["body_bytes_total", "/v1/logs"] == 2000
    assert found["request_seconds_count", "/v1/logs"] == 2
    assert found["rows_accepted_total", "/v1/logs"] == 10
    assert found["rows_rejected_total", "/v1/logs", "missing time"] == 4
    assert found["rows_skipped_total", "/v1/logs", "not a model call"] == 2
    assert found["values_dropped_total", "turn", "negative"] == 6
    assert found["rows_recovered_total",] == 14
    assert found["files_written_total",] == 2
    assert found["file_rows_written_total",] == 200
    assert found["rows_pending",] == 17
    assert found["bytes_held",] == 600
    assert 0 <= found["seconds_since_flush",] < 60
    assert not any(name[0].endswith("_created") for name in found)


def test_two_collectors_count_apart():
    one, other = Metrics(lambda: 0), Metrics(lambda: 0)
    one.recovered(3)
    assert samples(other)["rows_recovered_total",] == 0
