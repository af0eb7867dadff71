"""How fast and in how much memory are usage logs read, for each format and adapter?

    python benchmarks/intake.py [--rows 50000]

Prints rows a second, megabytes a second and the peak memory of a process of its own that does nothing but read
(resident set, in MiB, libraries included), and writes benchmarks/results/intake.json. Warming up (about 0.3 s in a
new process) is in the figures, so Parquet is measured with more rows: 40 times without text, 6 times with it. Rows
are synthetic and have about 20 columns; those with text have 300 characters of input and 100 of instructions.
`at 4x` is the peak for four times the rows: near the same when memory is bounded.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from stillwatch.records.rejects import RejectLog
from stillwatch.records.tables import open_usage

RESULT = Path(__file__).parent / "results" / "intake.json"
FIRST_US = 1_760_000_000_000_000
SPANS_IN_EXPORT = 100


def table(rows: int, text: bool) -> pa.Table:
    rng = np.random.default_rng(7)

    def names(prefix: str, distinct: int) -> pa.Array:
        return pa.array([f"{prefix}-{i:07d}" for i in rng.integers(0, distinct, rows)])

    columns = {
        "event_id": pa.array([f"chatcmpl-{i:012x}" for i in range(rows)]),
        "time": pa.array(FIRST_US + rng.integers(0, 10**13, rows)).cast(pa.timestamp("us", "UTC")),
        "account_id": names("acct", 20_000),
        "credential_id": names("cred", 30_000),
        "surface": pa.array(["api"] * rows),
        "operation": pa.array(["chat"] * rows),
        "model": names("model", 5),
        "conversation_id": names("conv", rows),
        "turn": pa.array(rng.integers(1, 9, rows), pa.int32()),
        "client_address": pa.array([f"{a}.{b}.{c}.{d}" for a, b, c, d in rng.integers(1, 255, (rows, 4))]),
        "client_asn": pa.array(rng.integers(1, 60_000, rows)),
        "client_network": pa.array(["hosting"] * rows),
        "user_agent": names("client", 200),
        "tls_ja4": names("t13d", 200),
        "input_tokens": pa.array(rng.integers(1, 5000, rows)),
        "output_tokens": pa.array(rng.integers(1, 5000, rows)),
        "max_tokens": pa.array(rng.integers(1, 5000, rows)),
        "temperature": pa.array(rng.random(rows)),
        "stream": pa.array(rng.random(rows) < 0.5),
        "status": pa.array(["ok"] * rows),
        "finish_reason": pa.array(["stop"] * rows),
        "duration_s": pa.array(rng.random(rows) * 10),
    }
    if text:
        words = np.array([f"word{i:04d}" for i in range(5000)])
        columns["input_text"] = pa.array([" ".join(words[rng.integers(0, 5000, 33)]) for _ in range(rows)])
        columns["system_text"] = pa.array([" ".join(words[rng.integers(0, 5000, 11)]) for _ in range(rows)])
    return pa.table(columns)


def records(rows: int) -> Iterator[dict[str, object]]:
    for batch in table(rows, True).to_batches(10_000):
        for row in batch.to_pylist():
            row["time"] = row["time"].isoformat()
            yield row


def write_lines(path: Path, rows: int, make: Callable[[dict[str, object]], object]) -> None:
    with path.open("w") as out:
        for row in records(rows):
            out.write(json.dumps(make(row)) + "\n")


def litellm(row: dict[str, object]) -> object:
    return {
        "id": row["event_id"],
        "call_type": "acompletion",
        "stream": row["stream"],
        "response_cost": 0.01,
        "status": "success",
        "prompt_tokens": row["input_tokens"],
        "completion_tokens": row["output_tokens"],
        "startTime": 1760000000.5,
        "endTime": 1760000001.5,
        "model": row["model"],
        "model_group": row["model"],
        "metadata": {"user_api_key_hash": row["credential_id"], "user_api_key_user_id": row["account_id"]},
        "request_tags": [f"User-Agent: {row['user_agent']}"],
        "requester_ip_address": row["client_address"],
        "messages": [
            {"role": "system", "content": row["system_text"]},
            {"role": "user", "content": row["input_text"]},
        ],
        "response": {
            "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": "yes"}}]
        },
        "model_parameters": {"temperature": row["temperature"], "max_tokens": row["max_tokens"]},
    }


def envoy(row: dict[str, object]) -> object:
    return {
        "x-request-id": row["event_id"],
        "start_time": row["time"],
        "x-user-id": row["account_id"],
        "genai_model_name": row["model"],
        "genai_tokens_input": row["input_tokens"],
        "genai_tokens_output": row["output_tokens"],
        "response_code": 200,
        "response_flags": "-",
        "duration": 1526,
        "downstream_remote_address": f"{row['client_address']}:4711",
        "user-agent": row["user_agent"],
        "upstream_cluster": "httproute/default/aigw-run/rule/0",
        "x-envoy-origin-path": "/v1/chat/completions",
    }


def spans(row: dict[str, object]) -> dict[str, object]:
    texts = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": row["model"],
        "gen_ai.response.id": row["event_id"],
        "user.id": row["account_id"],
        "client.address": row["client_address"],
        "user_agent.original": row["user_agent"],
        "gen_ai.system_instructions": json.dumps([{"type": "text", "content": row["system_text"]}]),
        "gen_ai.input.messages": json.dumps(
            [{"role": "user", "parts": [{"type": "text", "content": row["input_text"]}]}]
        ),
    }
    counts = {
        "gen_ai.usage.input_tokens": row["input_tokens"],
        "gen_ai.usage.output_tokens": row["output_tokens"],
    }
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in texts.items()]
    attributes += [{"key": key, "value": {"intValue": str(value)}} for key, value in counts.items()]
    return {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": "eee19b7ec3c1b174",
        "startTimeUnixNano": "1760000000000000000",
        "endTimeUnixNano": "1760000001000000000",
        "attributes": attributes,
    }


def exports(rows: int) -> Iterator[list[dict[str, object]]]:
    held: list[dict[str, object]] = []
    for row in records(rows):
        held.append(spans(row))
        if len(held) == SPANS_IN_EXPORT:
            yield held
            held = []
    if held:
        yield held


def write_otlp_json(path: Path, rows: int) -> None:
    with path.open("w") as out:
        for held in exports(rows):
            out.write(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": held}]}]}) + "\n")


def fill_span(span: Any, one: dict[str, Any]) -> None:
    span.start_time_unix_nano = int(one["startTimeUnixNano"])
    span.end_time_unix_nano = int(one["endTimeUnixNano"])
    for pair in one["attributes"]:
        value = span.attributes.add(key=pair["key"]).value
        if "stringValue" in pair["value"]:
            value.string_value = pair["value"]["stringValue"]
        else:
            value.int_value = int(pair["value"]["intValue"])


def write_otlp_protobuf(path: Path, rows: int) -> None:
    with path.open("wb") as out:
        for held in exports(rows):
            data = TracesData()
            scope = data.resource_spans.add().scope_spans.add()
            for one in held:
                fill_span(scope.spans.add(), one)
            message = data.SerializeToString()
            out.write(len(message).to_bytes(4, "big") + message)


MAPPING = """
columns:
  event_id: id
  time: startTime
  account_id: {from: metadata.user_api_key_user_id, digest: true}
  model: model
  status: {from: status, values: {success: ok, failure: error}}
  input_text: messages.-1.content
"""

CASES: dict[str, tuple[str, Callable[[Path, int], object]]] = {
    "native Parquet, no text": ("a.parquet", lambda path, rows: pq.write_table(table(rows, False), path)),
    "native Parquet, text": ("b.parquet", lambda path, rows: pq.write_table(table(rows, True), path)),
    "native JSON Lines, text": ("c.jsonl", lambda path, rows: write_lines(path, rows, lambda row: row)),
    "native CSV, text": ("d.csv", lambda path, rows: pyarrow.csv.write_csv(table(rows, True), path)),
    "LiteLLM": ("e.jsonl", lambda path, rows: write_lines(path, rows, litellm)),
    "Envoy AI Gateway": ("f.jsonl", lambda path, rows: write_lines(path, rows, envoy)),
    "OTLP JSON": ("g.jsonl", write_otlp_json),
    "OTLP protobuf": ("h.otlp", write_otlp_protobuf),
    "mapping over JSON Lines": ("i.jsonl", lambda path, rows: write_lines(path, rows, litellm)),
}

MORE_ROWS = {"native Parquet, no text": 40, "native Parquet, text": 6}


def peak_mib() -> float:
    """The peak of this process alone: getrusage would give that of the parent when it was larger."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def read(path: Path, mapping: Path | None) -> dict[str, float]:
    begin = time.perf_counter()
    rejects = RejectLog()
    reader = open_usage(path, rejects=rejects, mapping=mapping)
    rows = sum(batch.num_rows for batch in reader)
    seconds = time.perf_counter() - begin
    assert rejects.total("usage") == 0
    return {"rows": rows, "seconds": seconds, "peak_mib": peak_mib()}


def read_apart(path: Path, mapping: Path | None) -> dict[str, float]:
    """Read in a process of its own, so that the peak is that of reading alone."""
    command = [
        sys.executable,
        __file__,
        "--read",
        str(path),
        *(["--mapping", str(mapping)] if mapping else []),
    ]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--mapping", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read is not None:
        print(json.dumps(read(options.read, options.mapping)))
        return
    results: dict[str, object] = {"cpus": os.cpu_count()}
    print(f"{'':26}{'rows/s':>12}{'MB/s':>8}{'peak MiB':>10}{'at 4x':>8}")
    with tempfile.TemporaryDirectory() as folder:
        mapping = Path(folder) / "map.yaml"
        mapping.write_text(MAPPING)
        for name, (file, write) in CASES.items():
            path = Path(folder) / file
            used = mapping if name.startswith("mapping") else None
            rows = options.rows * MORE_ROWS.get(name, 1)
            write(path, rows)
            size = path.stat().st_size
            best = min((read_apart(path, used) for _ in range(2)), key=lambda found: found["seconds"])
            assert best["rows"] == rows
            write(path, 4 * rows)
            large = read_apart(path, used)
            path.unlink()
            found = {
                "rows": rows,
                "rows_per_second": round(best["rows"] / best["seconds"]),
                "megabytes_per_second": round(size / 1e6 / best["seconds"], 1),
                "peak_mib": round(best["peak_mib"]),
                "peak_mib_at_4x": round(large["peak_mib"]),
            }
            results[name] = found
            print(f"{name:26}{found['rows_per_second']:12,}{found['megabytes_per_second']:8}", end="")
            print(f"{found['peak_mib']:10,}{found['peak_mib_at_4x']:8,}", flush=True)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
