"""What tests of the collector share: a collector as a process of its own, what gateways send, what scan's reader finds."""

import http.client
import json
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from stillwatch.records.rejects import RejectLog
from stillwatch.records.tables import open_usage
from stillwatch.serving.events import Events

START_US = 1_760_000_000_000_000
SCHEMA = pa.schema([pa.field("event_id", pa.large_string(), nullable=False), pa.field("n", pa.int64())])


def batch(start: int, rows: int = 3) -> pa.RecordBatch:
    numbers = range(start, start + rows)
    return pa.record_batch([[f"e-{n}" for n in numbers], list(numbers)], schema=SCHEMA)


@contextmanager
def disk_of(size: int):
    """As if a disk were full: no file may grow beyond `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class Told(Events):
    """Events kept in a list."""

    def __init__(self):
        super().__init__()
        self.list = []

    def say(self, event, **fields):
        self.list.append((event, fields))


def payload(name: str, **changes: object) -> dict[str, object]:
    """One call as LiteLLM's generic callback tells it."""
    return {
        "id": name,
        "call_type": "acompletion",
        "startTime": START_US / 1e6,
        "endTime": START_US / 1e6 + 2,
        "model": "big-1",
        "status": "success",
        "metadata": {"user_api_key_user_id": "user-1"},
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"ask {name}"}],
        "response": {"choices": [{"message": {"role": "assistant", "content": "an answer"}}]},
        **changes,
    }


def attributes(name: str) -> dict[str, str]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "big-1",
        "gen_ai.response.id": name,
        "user.id": "user-1",
        "gen_ai.input.messages": json.dumps(
            [{"role": "user", "parts": [{"type": "text", "content": f"ask {name}"}]}]
        ),
    }


def traces(*names: str | None) -> ExportTraceServiceRequest:
    """An export of one span for each exchange; None makes a span that tells of something else."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for name in names:
        span = scope.spans.add(
            trace_id=b"t" * 16, span_id=b"s" * 8, start_time_unix_nano=START_US * 1000, end_time_unix_nano=0
        )
        for key, value in attributes(name).items() if name is not None else ():
            span.attributes.add(key=key).value.string_value = value
    return request


def logs(*names: str) -> ExportLogsServiceRequest:
    """An export of one event with the details of an exchange for each name."""
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for name in names:
        record = scope.log_records.add(
            time_unix_nano=START_US * 1000, event_name="gen_ai.client.inference.operation.details"
        )
        for key, value in attributes(name).items():
            record.attributes.add(key=key).value.string_value = value
    return request


def stored(folder: Path) -> list[dict[str, object]]:
    """The rows that a scan of the collected folder reads."""
    with RejectLog() as rejects:
        rows = [row for batch in open_usage(folder / "usage", rejects=rejects) for row in batch.to_pylist()]
        assert not rejects.counts
        assert not rejects.files
    return rows


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> object:
        return json.loads(self.body)


class Collector:
    """A running `stillwatch intake serve`."""

    def __init__(self, folder: Path, *options: str, before: str = "", **environment: str) -> None:
        """`before`: Python that runs in the process first, to change a limit that would take too long to reach."""
        self.folder = folder
        self.log = folder.parent / f"{folder.name}-{time.monotonic_ns()}.log"
        code = f"{before}\nfrom stillwatch.cli.main import run\nrun()"
        command = [sys.executable, *(("-c", code) if before else ("-m", "stillwatch"))]
        command += ["intake", "serve", f"--dir={folder}", "--port=0"]
        with self.log.open("w") as out:
            self.process = subprocess.Popen(
                [*command, *options], stderr=out, stdout=out, env={**os.environ, **environment}
            )
        self.port = int(str(self.event("listening")["port"]))

    def events(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.endswith("}")]

    def event(self, name: str, seconds: float = 60) -> dict[str, object]:
        """The first event of a name, waited for."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = [event for event in self.events() if event["event"] == name]
            if found:
                return found[0]
            assert self.process.poll() is None or name == "stopped", self.log.read_text()
            time.sleep(0.02)
        raise AssertionError(f"no event {name}: {self.log.read_text()}")

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def call(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        connection = self.connect()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        found = Answer(
            answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()
        )
        connection.close()
        return found

    def litellm(self, *payloads: object, **headers: str) -> Answer:
        body = json.dumps(payloads).encode()
        return self.call("POST", "/v1/litellm", body, Content_Type="application/json", **headers)

    def otlp(self, message: object, **headers: str) -> Answer:
        path = "/v1/logs" if isinstance(message, ExportLogsServiceRequest) else "/v1/traces"
        kind = {"Content_Type": "application/x-protobuf", **headers}
        return self.call("POST", path, message.SerializeToString(), **kind)

    def metric(self, line: str) -> float:
        text = self.call("GET", "/metrics").body.decode()
        found = [shown for shown in text.splitlines() if shown.startswith(f"stillwatch_intake_{line} ")]
        return float(found[0].rpartition(" ")[2]) if found else 0.0

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit status."""
        self.process.send_signal(number)
        return self.process.wait(60)

    def end(self) -> None:
        if self.process.poll() is None:
            self.stop(signal.SIGKILL)
