"""The HTTP interface, spoken to over loopback."""

import gzip
import json
import re
import socket
import threading
import time

import psutil
import pyarrow as pa
import pytest
from google.protobuf.json_format import MessageToJson, Parse
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from stillwatch.collector import limits
from stillwatch.serving.admission import RETRY_SOON

TOKEN = "0123456789abcdef-0123"
ALL = ("/v1/litellm", "/v1/traces", "/v1/logs")


def test_litellm_in_its_three_forms(shared, parts):
    assert shared.litellm(parts.payload("l-1"), parts.payload("l-2")).json == {
        "accepted": 2,
        "rejected": {},
        "skipped": {},
    }
    lines = "\n".join(json.dumps(parts.payload(f"l-{n}")) for n in (3, 4)).encode()
    for kind in ("application/json", "application/x-ndjson; charset=utf-8"):
        assert shared.call("POST", "/v1/litellm", lines, Content_Type=kind).json["accepted"] == 2
    one = json.dumps(parts.payload("l-5")).encode()
    assert shared.call("POST", "/v1/litellm", one, Content_Type="application/json").json["accepted"] == 1


def test_otlp_in_both_encodings(shared, parts):
    for message, response, path in (
        (parts.traces("t-1", "t-2", None), ExportTraceServiceResponse, "/v1/traces"),
        (parts.logs("g-1"), ExportLogsServiceResponse, "/v1/logs"),
    ):
        answer = shared.otlp(message)
        assert (answer.status, answer.headers["content-type"]) == (200, "application/x-protobuf")
        assert answer.body == b""  # all fields of a full success are absent
        body = MessageToJson(message).encode()
        answer = shared.call("POST", path, body, Content_Type="application/json")
        assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
        assert Parse(answer.body, response()) == response()


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_compressed_bodies(shared, parts, encoding):
    def pack(data):
        return gzip.compress(data) if encoding == "gzip" else pa.compress(data, "zstd", asbytes=True)

    before = shared.metric('rows_accepted_total{endpoint="/v1/traces"}')
    body = pack(parts.traces(*(f"{encoding}-{n}" for n in range(50))).SerializeToString())
    kind = {"Content_Type": "application/x-protobuf", "Content_Encoding": encoding}
    assert shared.call("POST", "/v1/traces", body, **kind).status == 200
    assert shared.metric('rows_accepted_total{endpoint="/v1/traces"}') == before + 50
    body = pack(json.dumps([parts.payload(f"{encoding}-l")]).encode())
    kind["Content_Type"] = "application/json"
    assert shared.call("POST", "/v1/litellm", body, **kind).json["accepted"] == 1


def test_rows_that_cannot_be_used_are_told_counted_and_kept_masked(shared, parts):
    secret = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH"
    answer = shared.litellm(parts.payload("r-1"), parts.payload("r-2", startTime=None, api_key=secret), 3)
    assert answer.status == 200
    assert answer.json == {"accepted": 1, "rejected": {"missing time": 1, "not parseable": 1}, "skipped": {}}
    spans = parts.traces("r-3", "r-4")
    spans.resource_spans[0].scope_spans[0].spans[1].start_time_unix_nano = 0
    partial = ExportTraceServiceResponse.FromString(shared.otlp(spans).body).partial_success
    assert (partial.rejected_spans, partial.error_message) == (1, "can't be used: 1 missing time")
    events = parts.logs("r-5")
    events.resource_logs[0].scope_logs[0].log_records[0].time_unix_nano = 0
    answer = shared.call("POST", "/v1/logs", MessageToJson(events).encode(), Content_Type="application/json")
    assert answer.json["partialSuccess"]["rejectedLogRecords"] == "1"
    assert shared.metric('rows_rejected_total{endpoint="/v1/traces",reason="missing time"}') == 1
    (kept,) = shared.folder.glob("rejected/*/usage.jsonl")
    text = kept.read_text()
    assert secret not in text
    assert '"id": "r-2"' in text
    assert "ask r-3" not in text


def test_skipped_records_are_counted(shared, parts):
    answer = shared.litellm(parts.payload("s-1", call_type="alist_batches"))
    assert answer.json == {"accepted": 0, "rejected": {}, "skipped": {"not a model call": 1}}


def status_of(answer) -> str:
    if answer.headers["content-type"] == "application/json":
        return Parse(answer.body, Status()).message
    return Status.FromString(answer.body).message


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/logs"])
def test_bodies_that_cannot_be_decoded(shared, path):
    answer = shared.call("POST", path, b"\x0a\xff", Content_Type="application/x-protobuf")
    assert answer.status == 400
    assert re.match(r"the body is no Export(Trace|Logs)ServiceRequest message", status_of(answer))
    answer = shared.call("POST", path, b"{", Content_Type="application/json")
    assert (answer.status, status_of(answer)) == (400, "the body is not JSON")
    kind = {"Content_Type": "application/x-protobuf", "Content_Encoding": "gzip"}
    assert status_of(shared.call("POST", path, b"plain", **kind)) == "the body is not gzip"


def test_litellm_bodies_that_cannot_be_decoded(shared):
    answer = shared.call("POST", "/v1/litellm", b"hello", Content_Type="application/json")
    assert (answer.status, answer.json) == (400, {"error": "the body holds no JSON object"})


@pytest.mark.parametrize("path", ALL)
def test_what_a_web_page_may_send_unasked_is_refused(shared, path):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        assert shared.call("POST", path, b"[]", Content_Type=kind).status == 415
    assert shared.call("OPTIONS", path, Origin="https://elsewhere.example").status == 405
    assert shared.call("GET", path).status == 405


def test_an_unknown_content_encoding_is_refused(shared):
    answer = shared.call("POST", "/v1/litellm", b"[]", Content_Type="application/json", Content_Encoding="br")
    assert answer.status == 415
    assert "identity, gzip, zstd" in answer.json["error"]


def test_large_bodies_are_refused_however_they_come(shared):
    many = b"[" + b" " * 2_100_000 + b"]"
    assert shared.call("POST", "/v1/litellm", many, Content_Type="application/json").status == 413
    packed = {"Content_Type": "application/json", "Content_Encoding": "gzip"}
    assert shared.call("POST", "/v1/litellm", gzip.compress(many), **packed).status == 413
    # In chunks, without a length.
    connection = shared.connect()
    pieces = (b" " * 100_000 for _ in range(30))
    connection.request(
        "POST", "/v1/traces", pieces, {"Content-Type": "application/json"}, encode_chunked=True
    )
    assert connection.getresponse().status == 413
    # By the length that is claimed, before anything of it is sent.
    connection = shared.connect()
    connection.putrequest("POST", "/v1/traces")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(10**15))
    connection.endheaders()
    assert connection.getresponse().status == 413


def test_bombs_do_not_take_the_process_down(shared, parts):
    """A quarter of a gigabyte of spaces in a megabyte, and the most objects that a body may hold."""
    packed = {"Content_Type": "application/json", "Content_Encoding": "gzip"}
    spaces = gzip.compress(b" " * 2**20) * 60
    assert shared.call("POST", "/v1/litellm", gzip.compress(b" " * 2**28, 1), **packed).status == 413
    assert shared.call("POST", "/v1/litellm", spaces, **packed).status == 413
    for body in (
        b"[" + b"1," * 990_000 + b"1]",
        b'[{"messages":[' + b"{}," * 100_000 + b"{}]}]",
        b"[" * 10**6,
    ):
        assert shared.call("POST", "/v1/litellm", gzip.compress(body), **packed).status in (200, 400, 413)
    packed["Content_Type"] = "application/x-protobuf"
    inner = b"\x12\x00" * 990_000
    inner = b"\x12" + length(inner) + inner
    body = b"\x0a" + length(inner) + inner
    assert shared.call("POST", "/v1/traces", gzip.compress(body), **packed).status == 413
    assert shared.litellm(parts.payload("alive")).json["accepted"] == 1
    assert psutil.Process(shared.process.pid).memory_info().rss < 1000 * 2**20


def length(data: bytes) -> bytes:
    value, out = len(data), bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def test_a_client_that_goes_away_harms_nobody(shared, parts):
    with socket.create_connection(("127.0.0.1", shared.port)) as raw:
        raw.sendall(
            b"POST /v1/litellm HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n[{"
        )
    with socket.create_connection(("127.0.0.1", shared.port)) as raw:
        raw.sendall(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
        assert b"400" in raw.recv(100)
    assert shared.litellm(parts.payload("still-there")).json["accepted"] == 1


def test_one_connection_carries_many_requests(shared, parts):
    connection = shared.connect()
    body = json.dumps([parts.payload("kept-alive")]).encode()
    for _ in range(20):
        connection.request("POST", "/v1/litellm", body, {"Content-Type": "application/json"})
        assert connection.getresponse().read()
    seconds = []
    for _ in range(20):
        begin = time.perf_counter()
        connection.request("POST", "/v1/litellm", body, {"Content-Type": "application/json"})
        connection.getresponse().read()
        seconds.append(time.perf_counter() - begin)
    # An answer in two packets would wait 40 ms for the acknowledgement of the first (RFC 1122, 4.2.3.2).
    assert min(seconds) < 0.035


def test_health_and_metrics(shared):
    assert shared.call("GET", "/healthz").status == 200
    assert shared.call("GET", "/readyz").body == b"ready\n"
    assert shared.call("GET", "/metrics").headers["content-type"].startswith("text/plain; version=")
    assert shared.call("GET", "/nothing").status == 404
    assert "server" not in shared.call("GET", "/healthz").headers


def test_the_log_tells_refusals_and_no_contents(shared, parts):
    shared.call("POST", "/v1/litellm", b"the text of somebody", Content_Type="application/json")
    refused = [event for event in shared.events() if event["event"] == "refused"]
    assert {"status", "problem", "client", "kind"} <= set(refused[0])
    text = shared.log.read_text()
    assert "somebody" not in text
    assert "ask " not in text


def test_who_has_no_token_is_refused(run, parts, tmp_path):
    file = tmp_path / "tokens"
    file.write_text(f"{TOKEN}\n")
    collector = run(f"--token-file={file}")
    assert collector.event("listening")["auth"] == "token"
    for header in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}):
        for path in ALL:
            answer = collector.call("POST", path, b"[]", Content_Type="application/json", **header)
            assert answer.status == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")
        assert collector.call("GET", "/metrics", **header).status == 401
    assert "no token" in status_of(
        collector.call("POST", "/v1/traces", b"", Content_Type="application/x-protobuf")
    )
    assert collector.call("GET", "/healthz").status == 200
    known = {"Authorization": f"Bearer {TOKEN}"}
    assert collector.litellm(parts.payload("a"), **known).json["accepted"] == 1
    assert collector.call("GET", "/metrics", **known).status == 200
    assert collector.stop() == 0
    assert TOKEN not in collector.log.read_text()
    assert [row["event_id"] for row in parts.stored(collector.folder)] == ["a"]


def test_clients_wait_when_files_cannot_be_written(run, parts):
    """A file where the day's folder should be keeps files from appearing, until it goes."""
    collector = run("--rows=1", "--seconds=0.1")
    blocks = [
        collector.folder / "usage" / time.strftime("day=%Y-%m-%d", time.gmtime(time.time() + day * 86400))
        for day in (0, 1)
    ]
    for block in blocks:
        block.write_text("")
    names = [f"e-{n}" for n in range(limits.PENDING_FILES)]
    assert all(collector.litellm(parts.payload(name)).status == 200 for name in names)
    answer = collector.otlp(parts.traces("late"))
    assert (answer.status, answer.headers["retry-after"]) == (503, str(limits.RETRY_LATER))
    assert "try again" in status_of(answer)
    assert collector.call("GET", "/readyz").status == 503
    assert collector.metric("rows_pending") == limits.PENDING_FILES
    collector.event("file_refused")
    for block in blocks:
        block.unlink()
    deadline = time.monotonic() + 30
    while collector.call("GET", "/readyz").status != 200 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert collector.otlp(parts.traces("late")).status == 200
    assert collector.stop() == 0
    assert sorted(row["event_id"] for row in parts.stored(collector.folder)) == sorted([*names, "late"])


def test_more_requests_than_there_are_places_are_told_to_wait(run, parts):
    """Bodies that stop half-way keep a place each; health is answered all the same."""
    collector = run()
    head = (
        b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{"
    )
    waiting = [socket.create_connection(("127.0.0.1", collector.port)) for _ in range(limits.MAX_REQUESTS)]
    try:
        for raw in waiting:
            raw.sendall(head)
        deadline = time.monotonic() + 30
        while (answer := collector.otlp(parts.logs("a"))).status == 200 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert (answer.status, answer.headers["retry-after"]) == (503, str(RETRY_SOON))
        assert collector.call("GET", "/healthz").status == 200
        for raw in waiting:
            raw.sendall(b"}")
            assert raw.recv(15) == b"HTTP/1.1 200 OK"
    finally:
        for raw in waiting:
            raw.close()
    assert collector.otlp(parts.logs("b")).status == 200


def test_bodies_in_all_requests_together_have_a_bound(run, parts):
    collector = run("--max-body=1MB")
    size = 950_000
    head = (
        "POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Content-Length: {size}\r\n\r\n"
    ).encode()
    waiting = [socket.create_connection(("127.0.0.1", collector.port)) for _ in range(limits.BODIES_AT_ONCE)]
    try:
        for raw in waiting:
            raw.sendall(head + b" " * (size - 2))
        deadline = time.monotonic() + 30
        while collector.metric("bytes_held") < len(waiting) * (size - 2) and time.monotonic() < deadline:
            time.sleep(0.02)
        # Refused at the first piece that does not fit; whoever is still sending may see the connection end.
        answer = collector.call("POST", "/v1/logs", b" " * 300_000, Content_Type="application/json")
        assert (answer.status, answer.headers["retry-after"]) == (503, str(RETRY_SOON))
        threads = [threading.Thread(target=raw.sendall, args=(b"{}",)) for raw in waiting]
        for thread in threads:
            thread.start()
        assert all(raw.recv(15) == b"HTTP/1.1 200 OK" for raw in waiting)
        assert collector.metric("bytes_held") == 0
    finally:
        for raw in waiting:
            raw.close()
    assert collector.otlp(parts.logs("a")).status == 200


def test_slow_bodies_and_faults_are_answered(run, parts):
    """With a limit of half a second in place of a minute, and a fault in place of a decoder."""
    before = (
        "from stillwatch.collector import app\n"
        "app.MAX_BODY_SECONDS = 0.5\n"
        "def faulty(adapter, signal, body, as_json): raise ZeroDivisionError('the text of somebody')\n"
        "app.otlp_rows = faulty"
    )
    collector = run(before=before)
    head = b"POST /v1/litellm HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n["
    with socket.create_connection(("127.0.0.1", collector.port)) as raw:
        raw.sendall(head)
        assert raw.recv(12) == b"HTTP/1.1 408"
    answer = collector.otlp(parts.traces("a"))
    assert (answer.status, status_of(answer)) == (500, "a fault of the collector's; its log says more")
    (fault,) = (event for event in collector.events() if event["event"] == "fault")
    assert (fault["kind"], fault["endpoint"]) == ("ZeroDivisionError", "/v1/traces")
    assert "somebody" not in collector.log.read_text()
    assert collector.litellm(parts.payload("b")).json["accepted"] == 1
