"""How many rows a second does `intake serve` take over loopback HTTP, how fast does it answer, in how much memory?

    python benchmarks/collector.py [--rows 60000] [--clients 4]

Starts a collector for each case, sends it `--rows` rows from `--clients` processes with a connection each, a body after the
other, and prints rows and megabytes a second, the median and 99th percentile of the time to an answer (which comes when the
rows are on disk, with fsync), the collector's processor seconds for 10,000 rows and its peak memory (resident set, MiB).
Every row is then looked for in the Parquet files. Bodies are made before the clock starts; rows have 300 characters of input
and 100 of instructions. Clients share the machine with the collector. Writes benchmarks/results/collector.json.
"""

import argparse
import gzip
import http.client
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pyarrow.parquet as pq
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import intake

RESULT = Path(__file__).parent / "results" / "collector.json"


def litellm_body(rows: list[dict[str, object]]) -> bytes:
    return json.dumps([intake.litellm(row) for row in rows]).encode()


def otlp_body(rows: list[dict[str, object]]) -> bytes:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for row in rows:
        intake.fill_span(scope.spans.add(), intake.spans(row))
    data: bytes = request.SerializeToString()
    return data


def otlp_json_body(rows: list[dict[str, object]]) -> bytes:
    held = [intake.spans(row) for row in rows]
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": held}]}]}).encode()


@dataclass(frozen=True)
class Case:
    """One way to send: where, what, how many rows in a body, and whether bodies are compressed."""

    path: str
    content_type: str
    body: Callable[[list[dict[str, object]]], bytes]
    in_body: int
    gzip: bool = False
    clients: int | None = None
    share: float = 1.0
    """Of `--rows`: small bodies take their time."""


CASES = {
    "LiteLLM, 512 a body": Case("/v1/litellm", "application/json", litellm_body, 512),
    "LiteLLM, 1 a body": Case("/v1/litellm", "application/json", litellm_body, 1, share=0.1),
    "same, 16 clients": Case("/v1/litellm", "application/json", litellm_body, 1, share=0.1, clients=16),
    "OTLP protobuf, 512 a body": Case("/v1/traces", "application/x-protobuf", otlp_body, 512),
    "OTLP protobuf, gzip": Case("/v1/traces", "application/x-protobuf", otlp_body, 512, gzip=True),
    "OTLP JSON, 512 a body": Case("/v1/traces", "application/json", otlp_json_body, 512),
}


def send(port: int, case: Case, bodies: list[bytes], ready: object, go: object, out: object) -> None:
    """One client: its bodies one after the other over one connection; the seconds of each answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    headers = {"Content-Type": case.content_type} | ({"Content-Encoding": "gzip"} if case.gzip else {})
    connection.request("GET", "/healthz")
    connection.getresponse().read()
    ready.release()  # type: ignore[attr-defined]
    go.wait()  # type: ignore[attr-defined]
    seconds = []
    for body in bodies:
        begin = time.perf_counter()
        connection.request("POST", case.path, body, headers)
        answer = connection.getresponse()
        answer.read()
        seconds.append(time.perf_counter() - begin)
        assert answer.status == 200, answer.status
    out.put(seconds)  # type: ignore[attr-defined]


def measure(case: Case, rows: int, clients: int) -> dict[str, object]:
    """Figures of one case. Fails when a row is lost."""
    made = list(intake.records(rows))
    bodies = [case.body(made[i : i + case.in_body]) for i in range(0, rows, case.in_body)]
    size = sum(map(len, bodies))
    bodies = [gzip.compress(body, 6) for body in bodies] if case.gzip else bodies
    context = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "stillwatch", "intake", "serve", f"--dir={folder}", "--port=0"]
        process = subprocess.Popen(
            [*command, "--rows=20000", "--seconds=2"], stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        port = json.loads(process.stderr.readline())["port"]
        warm(port, case, made[:1])
        ready, go, out = context.Semaphore(0), context.Event(), context.Queue()
        senders = [
            context.Process(target=send, args=(port, case, bodies[i::clients], ready, go, out))
            for i in range(clients)
        ]
        for sender in senders:
            sender.start()
        for _ in senders:
            ready.acquire()
        before = psutil.Process(process.pid).cpu_times()
        begin = time.perf_counter()
        go.set()
        latencies = np.concatenate([out.get() for _ in senders])
        seconds = time.perf_counter() - begin
        after = psutil.Process(process.pid).cpu_times()
        for sender in senders:
            sender.join()
        wait_for_files(port)
        peak = peak_mib(process.pid)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
        stored = pq.read_table(Path(folder) / "usage", columns=["event_id"]).column("event_id")
        assert set(stored.to_pylist()) == {row["event_id"] for row in made}
        files = len(list(Path(folder).glob("usage/*/*.parquet")))
    return {
        "rows": rows,
        "clients": clients,
        "bodies": len(bodies),
        "rows_per_second": round(rows / seconds),
        "megabytes_per_second": round(size / 1e6 / seconds, 1),
        "median_ms": round(float(np.median(latencies)) * 1e3, 1),
        "p99_ms": round(float(np.quantile(latencies, 0.99)) * 1e3, 1),
        "cpu_seconds_per_10000_rows": round(
            (after.user + after.system - before.user - before.system) / rows * 1e4, 2
        ),
        "peak_mib": peak,
        "files": files,
    }


def wait_for_files(port: int) -> None:
    """Until all rows are in files, whose writing takes memory, too."""
    pending = 1.0
    while pending:
        time.sleep(0.2)
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
        pending = float(
            next(line for line in lines if line.startswith("stillwatch_intake_rows_pending ")).split()[1]
        )


def peak_mib(pid: int) -> int:
    """The peak of a process since it began; what the system tells at its end would include its parent's."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) >> 10


def warm(port: int, case: Case, rows: list[dict[str, object]]) -> None:
    """One row before the clock starts, since the first one waits for what is loaded on first use."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", case.path, case.body(rows), {"Content-Type": case.content_type})
    assert connection.getresponse().status == 200
    connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--clients", type=int, default=4)
    options = parser.parse_args()
    # Processes that want a processor before anything is measured: what else the machine does slows all of it down.
    results: dict[str, object] = {"cpus": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}
    print(f"load before: {results['load']} on {results['cpus']} processors")
    print(f"{'':27}{'rows/s':>9}{'MB/s':>7}{'median ms':>11}{'p99 ms':>9}{'CPU s/10k':>11}{'peak MiB':>10}")
    for name, case in CASES.items():
        found = measure(case, round(options.rows * case.share), case.clients or options.clients)
        results[name] = found
        print(
            f"{name:27}{found['rows_per_second']:9,}{found['megabytes_per_second']:7}{found['median_ms']:11}"
            f"{found['p99_ms']:9}{found['cpu_seconds_per_10000_rows']:11}{found['peak_mib']:10,}",
            flush=True,
        )
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
