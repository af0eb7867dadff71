"""A collector from start to end: killed, stopped, started again; settings that cannot be."""

import itertools
import json
import random
import signal
import socket
import threading
from collections import Counter

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from stillwatch.collector.server import Settings, adapters_of, serve
from stillwatch.records.errors import InputError


class Clients:
    """Threads that send as fast as they are answered, and remember what was acknowledged."""

    def __init__(self, parts, collector, number, first=0):
        self.parts, self.collector = parts, collector
        self.acknowledged, self._numbers = [], itertools.count(first)
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(n,)) for n in range(number)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self._end.set()
        for thread in self._threads:
            thread.join()

    def wait(self, acknowledged):
        deadline = self.parts.time.monotonic() + 60
        while len(self.acknowledged) < acknowledged and self.parts.time.monotonic() < deadline:
            self.parts.time.sleep(0.005)
        assert len(self.acknowledged) >= acknowledged

    def _send(self, which):
        connection = self.collector.connect()
        while not self._end.is_set():
            names = [f"{which}-{next(self._numbers)}" for _ in range(random.choice((1, 3, 40)))]
            if which % 2:
                path, kind = "/v1/litellm", "application/json"
                body = json.dumps([self.parts.payload(name) for name in names]).encode()
            else:
                path, kind = "/v1/traces", "application/x-protobuf"
                body = self.parts.traces(*names).SerializeToString()
            try:
                connection.request("POST", path, body, {"Content-Type": kind})
                answer = connection.getresponse()
                answer.read()
            except (OSError, self.parts.http.client.HTTPException):
                return
            if answer.status == 200:
                self.acknowledged += names


def test_what_was_acknowledged_survives_sigkill(run, parts):
    """Killed at any moment, while files are being written as well: each acknowledged row is there, and there once."""
    known = []
    for lap in range(2):
        collector = run("--rows=300", "--seconds=0.2")
        with Clients(parts, collector, 4, lap * 1_000_000) as clients:
            clients.wait(1500)
            collector.stop(signal.SIGKILL)
        known += clients.acknowledged
    collector = run()
    assert collector.stop() == 0
    found = Counter(row["event_id"] for row in parts.stored(collector.folder))
    assert set(known) <= set(found)
    assert set(found.values()) == {1}
    assert [path.name for path in (collector.folder / "journal").iterdir()] == ["lock"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_when_all_is_written(run, parts, number):
    collector = run()
    with Clients(parts, collector, 3) as clients:
        clients.wait(300)
        assert collector.stop(number) == 0
    found = Counter(row["event_id"] for row in parts.stored(collector.folder))
    assert set(clients.acknowledged) <= set(found)
    assert set(found.values()) == {1}
    assert [path.name for path in (collector.folder / "journal").iterdir()] == ["lock"]
    assert [event["event"] for event in collector.events()] == ["listening", "stopping", "file", "stopped"]


def test_a_request_in_progress_ends_before_the_collector(run, parts):
    collector = run()
    body = json.dumps([parts.payload("last")]).encode()
    head = f"POST /v1/litellm HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", collector.port)) as raw:
        raw.sendall(head.encode() + body[:20])
        while not collector.metric("bytes_held"):
            parts.time.sleep(0.02)
        collector.process.send_signal(signal.SIGTERM)
        parts.time.sleep(0.3)
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", collector.port))
        raw.sendall(body[20:])
        assert raw.recv(15) == b"HTTP/1.1 200 OK"
    assert collector.process.wait(30) == 0
    assert [row["event_id"] for row in parts.stored(collector.folder)] == ["last"]


def test_without_text_none_touches_the_disk(run, parts, tmp_path):
    """And a mapping file on top of one adapter chooses the account of what comes through that one."""
    file = tmp_path / "mapping.yaml"
    file.write_text("adapter: litellm\ncolumns:\n  account_id: metadata.tenant\n")
    collector = run("--without-text", f"--mapping={file}")
    sent = (parts.payload("a", metadata={"tenant": "t-9"}), parts.payload("bad", startTime=None))
    assert collector.litellm(*sent).json["accepted"] == 1
    assert collector.otlp(parts.traces("b")).status == 200
    everything = b"".join(path.read_bytes() for path in collector.folder.rglob("*") if path.is_file())
    assert b"t-9" in everything
    assert b"ask a" not in everything
    assert collector.stop() == 0
    first, second = parts.stored(collector.folder)
    assert (first["event_id"], first["account_id"], first["turn"]) == ("a", "t-9", 1)
    assert (second["event_id"], second["account_id"]) == ("b", "user-1")
    assert first["input_text"] is first["system_text"] is second["input_text"] is None
    assert list(collector.folder.glob("rejected/*")) == []


def test_the_exporter_of_opentelemetry_is_understood(run, parts):
    """The SDK's own exporter, with compression, a header and a batch processor, as an instrumented client has them."""
    collector = run("--host=0.0.0.0", "--no-auth")
    exporter = OTLPSpanExporter(
        f"http://127.0.0.1:{collector.port}/v1/traces",
        headers={"x-tenant": "t"},
        compression=Compression.Gzip,
    )
    provider = TracerProvider(resource=Resource.create({"service.name": "gateway"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    for n in range(100):
        with tracer.start_as_current_span("chat big-1", attributes=parts.attributes(f"sdk-{n}")):
            tracer.start_span("something else").end()
    provider.shutdown()
    assert collector.stop() == 0
    rows = parts.stored(collector.folder)
    assert {row["event_id"] for row in rows} == {f"sdk-{n}" for n in range(100)}
    assert {row["input_text"] for row in rows} == {f"ask sdk-{n}" for n in range(100)}
    assert all(row["duration_s"] is not None for row in rows)


def test_mapping_files_that_do_not_fit_are_one_line(tmp_path, monkeypatch):
    def file(name, text):
        (tmp_path / name).write_text(text + "columns: {account_id: tenant}\n")
        return tmp_path / name

    monkeypatch.setenv("SALT", "salt")
    litellm = file("litellm.yaml", "adapter: litellm\nsalt_env: SALT\n")
    otel = file("otel.yaml", "adapter: otel\n")
    envoy = file("envoy.yaml", "adapter: envoy\n")
    assert adapters_of([litellm])[1].settings.salt == b"salt"
    with pytest.raises(InputError, match=r"envoy.yaml: this mapping file is for logs of another form"):
        adapters_of([envoy])
    with pytest.raises(InputError, match="a second mapping file for otel"):
        adapters_of([otel, otel])
    with pytest.raises(InputError, match="different salts"):
        adapters_of([litellm, otel])


def test_beyond_loopback_a_token_is_needed(tmp_path):
    with pytest.raises(InputError, match=r"--host 0\.0\.0\.0: anybody who reaches this address could write"):
        serve(Settings(tmp_path / "dir", host="0.0.0.0"))
    assert not (tmp_path / "dir").exists()


def test_a_port_that_is_taken_is_one_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"--host 127.0.0.1 --port {port}: cannot listen there"):
            serve(Settings(tmp_path / "dir", port=port))
    assert not (tmp_path / "dir").exists()


def test_a_second_collector_of_a_folder_is_refused(run):
    collector = run()
    with pytest.raises(InputError, match="another collector writes there"):
        serve(Settings(collector.folder, port=0))
