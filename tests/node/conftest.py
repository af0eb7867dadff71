"""Nodes beside a real hub, which runs as a process of its own."""

import json
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from contextlib import ExitStack, closing, suppress
from functools import partial
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from stillwatch.hub import folder as folders
from stillwatch.hub.exchange import Exchange
from stillwatch.node.faults import OpenFaultError
from stillwatch.node.folder import Folder
from stillwatch.node.node import FaultError, Node
from stillwatch.transparency import merkle, tiles
from stillwatch.transparency.checkpoint import Checkpoint


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
        """A new member's credentials, as `hub member add` prints them."""
        with Exchange.open(self.folder) as hub:
            return hub.add_member(name)


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


@pytest.fixture(scope="session")
def indicator():
    """Makes an indicator of an address, a new one each time unless its id is given."""

    def make(address="203.0.113.7", **fields):
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
            **fields,
        }

    return make


@pytest.fixture
def joined(forum, tmp_path_factory):
    """Opens nodes of new members; `url`: where they believe the hub to be."""
    with ExitStack() as stack:

        def join(url=None):
            name = uuid.uuid4().hex
            folder = Folder.create(tmp_path_factory.mktemp("node"), url or forum.url, forum.member(name))
            return stack.enter_context(Node(folder.path))

        yield join


@pytest.fixture
def other(joined):
    """Another member's node."""
    return joined()


class Between:
    """An HTTP server between nodes and their hub, which alters answers as a test chooses: a malicious hub, to a node."""

    def __init__(self, forum):
        self.forum, self.asked = forum, []
        self.honest()
        between = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                between.answer(self)

            do_POST = do_DELETE = do_GET  # noqa: N815

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def honest(self):
        """Pass everything on as it is."""
        self.changes, self.page, self.hold, self.pretend = [], None, None, None

    def change(self, part, how):
        """Have `how` change answers for paths in which `part` is; for a stream, each event."""
        self.changes.append((part, how))

    def change_json(self, part, how):
        """The same with a document, in place."""

        def changed(path, raw):
            document = json.loads(raw)
            how(document)
            return json.dumps(document).encode()

        self.change(part, changed)

    def change_receipts(self, how):
        """Have `how` change pages of receipts that have any, in place."""
        self.change_json("/receipts", lambda page: page["receipts"] and how(page))

    def changed(self, path, raw):
        for part, how in self.changes:
            if part in path:
                raw = how(path, raw)
        return raw

    def answer(self, handler):
        path = handler.path
        self.asked.append(path)
        if self.hold is not None and self.hold(path):
            time.sleep(60)
        if self.page is not None:
            path = re.sub(r"limit=\d+", f"limit={self.page}", path)
        body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        names = {
            k: v
            for k, v in handler.headers.items()
            if k.lower() not in ("host", "connection", "accept-encoding")
        }
        connection = HTTPConnection("127.0.0.1", self.forum.port, timeout=60)
        with closing(connection), suppress(OSError, HTTPException):
            if self.pretend is not None and handler.command == "POST" and "/objects/" in path:
                # Of all that could be taken nothing is.
                path, body, handler.command = self.pretend, b"", "GET"
            connection.request(handler.command, path, body or None, names)
            answer = connection.getresponse()
            streams = answer.headers.get_content_type() == "text/event-stream"
            raw = b"" if streams else answer.read()
            status = answer.status
            if not streams and (status < 400 or path.startswith("/log/")):
                before, raw = raw, self.changed(path, raw)
                status = status if raw == before else 200
            handler.send_response(status)
            for name, value in answer.getheaders():
                if name.lower() not in (
                    "content-length",
                    "transfer-encoding",
                    "connection",
                    "date",
                    "server",
                ):
                    handler.send_header(name, value)
            if not streams:
                handler.send_header("content-length", str(len(raw)))
            handler.end_headers()
            handler.wfile.write(raw)
            event = b""
            while streams and (line := answer.readline()):
                event += line
                if line == b"\n":
                    handler.wfile.write(self.changed(path, event) if b"data:" in event else event)
                    handler.wfile.flush()
                    event = b""


class Wire:
    """The way between a node and its hub, on which single requests and answers may be lost.

    `ask(method, path, body)` is called before a request is passed on, `change(method, path, body)` with an answer's body;
    what they return is sent in its place, and None cuts the connection. A str of `ask` is the answer: the hub sees nothing.
    """

    def __init__(self, port):
        self.port = port
        self.ask = self.change = None
        self.asked = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def passed(self):
                outer.passed(self)

            do_GET = do_POST = do_DELETE = passed  # noqa: N815 (http.server's names)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
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
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
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
        with suppress(OSError):
            handler.connection.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def wire(forum):
    made = Wire(forum.port)
    yield made
    made.close()


class OtherLog:
    """Another log, signed with the key of the hub's own: what a hub shows that wants to change the past."""

    def __init__(self, forum, entries, *, key=None):
        leaves = [merkle.leaf_hash(entry) for entry in entries]
        keys, settings = folders.read_keys(forum.folder), folders.read_settings(forum.folder)
        self.entries, self.size = list(entries), len(entries)
        self.tiles = tiles.grown(0, lambda level, index: b"", leaves)
        self.note = str(Checkpoint(settings.origin, self.size, merkle.root(leaves)).signed(key or keys.log))

    def __call__(self, path, raw):
        """The answer for a path under /log."""
        path = path.partition("?")[0]
        if path.endswith("/checkpoint"):
            return self.note.encode()
        _, _, _, level, number = path.split("/", 4)
        index, width = tiles.read_number(number)
        if level == "entries":
            return tiles.bundle(self.entries[index * tiles.WIDTH :][: width or tiles.WIDTH])
        return self.tiles[int(level), index][: (width or tiles.WIDTH) * merkle.SIZE]


@pytest.fixture(scope="module")
def between(forum):
    made = Between(forum)
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def victim(between, joined):
    """A node of a new member that asks by way of `between`, which is honest again at the end."""
    between.honest()
    yield joined(between.url)
    between.honest()


@pytest.fixture
def entries(forum):
    """All entries of the hub's log, as they stand when it is called."""

    def read():
        with forum.database() as db:
            rows = db.execute("SELECT entries FROM bundles ORDER BY number").fetchall()
        return [entry for (bundle,) in rows for entry in tiles.unbundle(bundle)]

    return read


@pytest.fixture
def other_log(forum):
    """Makes a log of other entries."""
    return partial(OtherLog, forum)


@pytest.fixture
def refused():
    """Has a node sync and the hub found at fault; everything that has to hold then. Gives the evidence."""

    def require(node, kind, said=""):
        with pytest.raises(FaultError) as caught:
            node.sync()
        fault = caught.value.fault
        assert fault.kind == kind, fault
        assert said in fault.what
        assert caught.value.file.exists()
        # Nothing goes on before a person has cleared it.
        with pytest.raises(OpenFaultError, match=fault.id):
            node.sync()
        assert node.store.number("SELECT COUNT(*) FROM received WHERE settled = 0") == 0
        return node.faults.evidence(fault.id)["evidence"]

    return require


@pytest.fixture
def complete(forum):
    """Clears a node's faults and syncs: all that the hub has is here, once, and holds."""

    def require(node):
        for fault in node.faults.all():
            node.faults.clear(fault.id)
        node.sync()
        with forum.database() as db:
            there = db.execute(
                "SELECT seq, stix_id FROM objects WHERE erasure IS NULL ORDER BY seq"
            ).fetchall()
        rows = node.store.all(
            "SELECT seq, stix_id FROM received WHERE settled = 1 AND erased = 0 ORDER BY seq"
        )
        assert [tuple(row) for row in rows] == there
        assert node.store.number("SELECT COUNT(*) FROM received WHERE settled = 0") == 0
        found = node.verify()
        assert (found.bad, found.problem) == (None, None)

    return require
