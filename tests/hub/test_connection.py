"""Connections within bounds: heads, slow clients, too many of them, bodies that nobody wants."""

import socket
import threading
import time
from contextlib import suppress

import psutil
import pytest

from stillwatch.hub import bounds
from stillwatch.hub.connection import fingerprint_of

LOWER = """
import stillwatch.hub.bounds as b
b.MAX_HEAD_SECONDS, b.MAX_BODY_SECONDS, b.STALL_SECONDS, b.MAX_CONNECTIONS = 0.5, 1.0, 1.0, 20
"""
GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture(scope="module")
def lowered(parts, web, tmp_path_factory):
    store = parts.Store(tmp_path_factory.mktemp("lowered") / "hub", None)
    anna = parts.Provider(store.create(), "anna")
    running = web.Running(store.folder, before=LOWER)
    running.authorization, running.anna = web.basic(anna.credentials), anna
    yield running
    running.end()
    store.end()


def read(raw: socket.socket) -> bytes:
    found = b""
    with suppress(ConnectionError):
        while piece := raw.recv(65536):
            found += piece
    return found


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz?" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        GET + b"X: " + b"a" * 40_000 + b"\r\n\r\n",
        GET + b"".join(b"X-%d: aaaaaaaaaa\r\n" % n for n in range(4000)) + b"\r\n",
        GET + b"X: " + b"a" * 2_000_000,
        b"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: "
        + b"a" * 2_000_000,
    ],
)
def test_heads_and_trailers_that_are_too_large(shared, head):
    with shared.raw() as raw:
        sender = threading.Thread(target=_send, args=(raw, head))
        sender.start()
        answer = read(raw)
        sender.join()
    assert answer[9:12] in (b"431", b"400", b""), answer[:200]
    assert shared.call("GET", "/healthz").status == 200


def _send(raw, data):
    with suppress(OSError):
        raw.sendall(data)


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET http://x/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /%FF%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade, close\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_no_request_ends_in_no_fault(lowered, sent):
    with lowered.raw() as raw:
        raw.sendall(sent)
        answer = read(raw)
    assert not answer or answer[9:10] in (b"2", b"4"), answer[:100]
    assert lowered.call("GET", "/healthz").status == 200


@pytest.mark.parametrize("piece", [b"", b"GET /healthz", b"\r\n"])
def test_a_head_that_does_not_come_is_not_waited_for(lowered, piece):
    with lowered.raw() as raw:
        begin = time.monotonic()
        raw.sendall(piece)
        assert read(raw)[9:12] == b"408"
        assert 0.3 < time.monotonic() - begin < 3


def test_a_head_that_trickles_is_cut_after_the_first_request_as_well(lowered):
    with lowered.raw() as raw:
        raw.sendall(GET + b"\r\n")
        assert raw.recv(15) == b"HTTP/1.1 200 OK"
        begin = time.monotonic()
        while time.monotonic() - begin < 5:
            try:
                raw.sendall(b"\r\n")
            except OSError:
                break
            time.sleep(0.1)
        assert time.monotonic() - begin < 4


def test_a_body_that_trickles_is_given_up(lowered):
    head = b"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
    with lowered.raw() as raw:
        raw.sendall(head + b"grant")
        begin = time.monotonic()
        assert read(raw)[9:12] == b"408"
        assert time.monotonic() - begin < 4


def test_who_is_refused_early_hears_of_it(shared):
    """The whole body is sent before the answer is read, as most clients do."""
    for _ in range(3):
        answer = shared.post("/taxii2/api/collections/shared/objects/", b" " * 20_000_000)
        assert answer.status == 413


def test_bodies_that_nobody_wants_are_not_taken_for_ever(lowered):
    head = b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000000\r\n\r\n"
    with lowered.raw() as raw:
        raw.sendall(head)
        begin, sent = time.monotonic(), 0
        with pytest.raises(OSError):
            while time.monotonic() - begin < 10:
                sent += raw.send(b"x" * 65536)
                time.sleep(0.02)
        assert time.monotonic() - begin < 8


def test_a_client_that_reads_nothing_is_cut(lowered):
    raw = lowered.raw()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    process = psutil.Process(lowered.process.pid)
    raw.sendall((b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n") * 200)
    end = time.monotonic() + 20
    while any(c.raddr and c.raddr.port == raw.getsockname()[1] for c in process.net_connections()):
        assert time.monotonic() < end
        time.sleep(0.1)
    raw.close()


def test_too_many_connections_are_refused_and_the_rest_goes_on(lowered):
    kept = lowered.connect()
    kept.request("GET", "/healthz")
    kept.getresponse().read()
    held = [lowered.raw() for _ in range(40)]
    answers = b"".join(read(raw) for raw in held)
    assert b"503 Unavailable" in answers
    for raw in held:
        raw.close()
    end = time.monotonic() + 10
    while lowered.call("GET", "/healthz").status != 200:
        assert time.monotonic() < end


def test_memory_stays_bounded_under_large_bodies(shared):
    process = psutil.Process(shared.process.pid)
    before = process.memory_info().rss
    bodies = [
        b'{"objects":[' + b"{}," * 3_000_000 + b"{}]}",
        b"[" * 10_000_000,
        b'{"objects":["' + b"\xff" * 9_000_000,
    ]
    peak = [before]
    done = threading.Event()

    def watch():
        while not done.wait(0.02):
            peak.append(process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    found = []
    senders = [
        threading.Thread(
            target=lambda body=body: found.append(
                shared.post("/taxii2/api/collections/shared/objects/", body).status
            )
        )
        for body in bodies * 2
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    done.set()
    watcher.join()
    assert set(found) <= {400, 413, 422, 503}
    assert max(peak) - before < 700 * 2**20


def test_no_certificate_no_fingerprint():
    assert fingerprint_of({}) is None
    assert fingerprint_of({"extensions": {"tls": {"client_cert_chain": ()}}}) is None
    assert bounds.MAX_HEAD_BYTES < 2**20
