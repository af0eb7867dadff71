"""Nodes beside a real hub, which runs as a process of its own."""

import contextlib
import http.client
import http.server
import json
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import uuid

import pytest

from stillwatch.node.folder import Folder
from stillwatch.node.node import Node


def hub_command(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "stillwatch", "hub", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


class Forum:
    """A hub that can be stopped and started again on its port."""

    def __init__(self, folder):
        self.folder, self.port, self.process = folder, 0, None
        hub_command("init", "--dir", folder)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        command = [
            sys.executable,
            "-m",
            "stillwatch",
            "hub",
            "serve",
            f"--dir={self.folder}",
            f"--port={self.port}",
        ]
        self.log = self.folder.parent / "hub.log"
        with self.log.open("w") as out:
            self.process = subprocess.Popen(command, stderr=out)
        while True:
            for line in self.log.read_text().splitlines():
                if '"listening"' in line:
                    self.port = json.loads(line)["port"]
                    return
            assert self.process.poll() is None, self.log.read_text()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)

    def database(self):
        """Its rows, for somebody who has the disk."""
        return sqlite3.connect(self.folder / "hub.sqlite")

    def new_epoch(self):
        hub_command("epoch", "new", "--dir", self.folder)

    def member(self, name):
        return json.loads(hub_command("member", "add", "--dir", self.folder, name))


@pytest.fixture(scope="module")
def forum(tmp_path_factory):
    made = Forum(tmp_path_factory.mktemp("forum") / "hub")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def member(forum, tmp_path, request):
    """The folder of a new member's node."""
    credentials = forum.member(request.node.name[:40])
    return Folder.create(tmp_path / "node", forum.url, credentials)


class Between:
    """What stands between a node and its hub, and may lose or change what passes. The stream passes as it is.

    `ask(method, path, body)` is called before a request is passed on, `change(method, path, body)` with an answer's body;
    what they return is sent in its place, and None cuts the connection. A str of `ask` is the answer: the hub sees nothing.
    """

    def __init__(self, port):
        self.port = port
        self.ask = self.change = None
        self.asked = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def passed(self):
                outer.passed(self)

            do_GET = do_POST = do_DELETE = passed  # noqa: N815 (http.server's names)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def passed(self, handler):
        method, path = handler.command, handler.path
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        self.asked.append((method, path))
        if self.ask is not None:
            body = self.ask(method, path, body)
        if body is None:
            self.cut(handler)
            return
        if isinstance(body, str):
            self.answer(handler, 200, {}, body.encode())
            return
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {
            name: value
            for name, value in handler.headers.items()
            if name not in ("Host", "Content-Length", "Accept-Encoding")
        }
        try:
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            if path.startswith("/stream"):
                self.stream(handler, answer)
                return
            said = answer.read()
            if self.change is not None:
                said = self.change(method, path, said)
            if said is None:
                self.cut(handler)
                return
            self.answer(handler, answer.status, answer.headers, said)
        except OSError:
            self.cut(handler)
        finally:
            connection.close()

    def answer(self, handler, status, headers, said):
        handler.send_response(status)
        for name in ("Content-Type", "Retry-After"):
            if name in headers:
                handler.send_header(name, headers[name])
        handler.send_header("Content-Length", str(len(said)))
        handler.end_headers()
        handler.wfile.write(said)

    def stream(self, handler, answer):
        handler.close_connection = True
        handler.send_response(answer.status)
        handler.send_header("Content-Type", answer.headers["Content-Type"])
        handler.end_headers()
        while piece := answer.read1(1 << 16):
            handler.wfile.write(piece)
            handler.wfile.flush()

    def cut(self, handler):
        handler.close_connection = True
        with contextlib.suppress(OSError):
            handler.connection.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def between(forum):
    made = Between(forum.port)
    yield made
    made.close()


def indicator(address="203.0.113.7", **more):
    """An indicator as any tool could make it."""
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid.uuid4()}",
        "created": "2026-03-01T00:00:00.000Z",
        "modified": "2026-03-01T00:00:00.000Z",
        "name": "Infrastructure of accounts that extract a model",
        "indicator_types": ["malicious-activity"],
        "pattern": f"[ipv4-addr:value = '{address}']",
        "pattern_type": "stix",
        "valid_from": "2026-03-01T00:00:00.000Z",
        "labels": ["adversarial-distillation"],
        **more,
    }


@pytest.fixture(name="indicator")
def _indicator():
    return indicator


@pytest.fixture
def open_node(forum, tmp_path):
    """Makes nodes of new members: by default at the hub itself, else at a URL."""
    with contextlib.ExitStack() as stack:

        def make(url=None):
            folder = Folder.create(
                tmp_path / uuid.uuid4().hex, url or forum.url, forum.member(f"m {uuid.uuid4()}")
            )
            return stack.enter_context(Node(folder.path))

        yield make
