from stillwatch.hub.metrics import Metrics


def test_counts_are_told_as_prometheus_reads_them(hub, anna, parts):
    metrics = Metrics(hub.stats)
    metrics.watch_streams(lambda: 3, lambda: 1)
    metrics.answered("objects", 200, 0.01, 1234)
    metrics.answered("objects", 200, 0.02, 1000)
    metrics.received("add_objects", 500)
    metrics.login_failed()
    metrics.holding(10)
    metrics.streamed("stream", 200)
    anna.post(parts.indicator(), parts.indicator(description="price 4"))
    lines = metrics.text().decode().splitlines()
    samples = {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")
    }
    assert all(name.startswith("stillwatch_hub_") for name in samples)
    assert any("objects" in name and "200" in name and value == 2 for name, value in samples.items())
    assert 3.0 in [value for name, value in samples.items() if "stream" in name]
    # What was stored, and what was refused by which rule, but never what it said.
    assert any(value == 1 for name, value in samples.items() if "object" in name)
    assert "price" not in "".join(lines)
