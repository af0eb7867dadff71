"""Changes of groups, and a real receiver of webhooks."""

import socketserver
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from stillwatch.records.findings import Change

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def change():
    def make(sequence, event="new", **more):
        values = {
            "sequence": sequence, "scan": 1, "at": AT, "recorded_at": AT + timedelta(seconds=90),
            "campaign_id": f"group-{sequence}", "event": event, "previous_ids": (), "next_ids": (),
            "id_in_full_scan": f"full-{sequence}", "verdict_before": None, "verdict_after": "extraction",
            "accounts_before": None, "accounts_after": 5, "joined": 5, "left": 0, "exchanges": 70,
            "probability": 0.99, "behaviours": ("shared_payment",),
        }  # fmt: skip
        return Change(**values | more)

    return make


@pytest.fixture
def receiver():
    """An HTTP server on this machine: `got` are (headers, body), `answers` statuses to give first, then 204."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            server.got.append((dict(self.headers), body))
            self.send_response(server.answers.pop(0) if server.answers else 204)
            self.send_header("location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.answers = [], []
    server.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def garbler():
    """The address of a server on this machine whose answers are no HTTP."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            while self.rfile.readline().strip():
                pass
            self.wfile.write(b"no such protocol\r\n\r\n")

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()
