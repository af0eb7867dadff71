"""What the benchmarks of the exchange share: a real hub as a process, members, objects, and signed batches as nodes send them."""

import base64
import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from _common import COMMAND

TAXII = "application/taxii+json;version=2.1"
ROOT = "/taxii2/api"


@dataclass
class Hub:
    """A hub in a folder of its own, served by one process that can be killed and started again on the same port."""

    folder: Path
    database: str | None = None
    port: int = 0
    process: subprocess.Popen[str] | None = None
    told: list[str] = field(default_factory=list)

    def init(self) -> None:
        run("hub", "init", f"--dir={self.folder}")

    def add(self, name: str) -> dict[str, Any]:
        """A member's credentials, as `hub member add` prints them, with the port that the hub listens on."""
        found: dict[str, Any] = json.loads(run("hub", "member", "add", f"--dir={self.folder}", name))
        return found

    def start(self) -> None:
        """Serve, and return once it listens."""
        command = [*COMMAND, "hub", "serve", f"--dir={self.folder}", f"--port={self.port}"]
        if self.database is not None:
            command.append(f"--database={self.database}")
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.told.append(line)
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if event.get("event") == "listening":
                    self.port = event["port"]
                    break
        else:
            sys.exit("the hub did not start:\n" + "".join(self.told))
        threading.Thread(target=self._drain, args=(self.process,), daemon=True).start()

    def _drain(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self.told.append(line)

    def kill(self) -> None:
        """End it as a power cut ends it, processor and memory apart."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End it gracefully."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)


def run(*arguments: str) -> str:
    """Run a command of stillwatch; what it printed. A failure ends the benchmark with the command's own words."""
    done = subprocess.run([*COMMAND, *arguments], check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"stillwatch {' '.join(arguments)}\n{done.stderr}")
    return done.stdout


@contextlib.contextmanager
def hub(database: str | None = None) -> Iterator[Hub]:
    """A hub that serves until the block ends."""
    with tempfile.TemporaryDirectory() as folder:
        served = Hub(Path(folder) / "hub", database)
        served.init()
        served.start()
        try:
            yield served
        finally:
            served.stop()


class Client:
    """One connection of one member, kept alive."""

    def __init__(self, port: int, credentials: dict[str, Any]) -> None:
        basic = credentials["basic"]
        told = base64.b64encode(f"{basic['username']}:{basic['password']}".encode()).decode()
        self.headers = {"Authorization": f"Basic {told}", "Accept": TAXII}
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._objects: str | None = None

    def call(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Status and body of an answer."""
        headers = self.headers | ({"Content-Type": TAXII} if body is not None else {})
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def get(self, path: str) -> dict[str, Any]:
        """A document; anything but 200 ends the benchmark."""
        status, body = self.call("GET", path)
        if status != 200:
            sys.exit(f"GET {path}: {status} {body[:300]!r}")
        found: dict[str, Any] = json.loads(body)
        return found

    @property
    def objects(self) -> str:
        """Path of the first collection that this member may write to."""
        if self._objects is None:
            listed = self.get(f"{ROOT}/collections/")["collections"]
            first = next(c["id"] for c in listed if c["can_write"])
            self._objects = f"{ROOT}/collections/{first}/objects/"
        return self._objects

    @property
    def collection(self) -> str:
        """Id of that collection."""
        return self.objects.split("/")[-3]

    def post(self, body: bytes) -> dict[str, Any]:
        """The status resource of one POST; anything but 202 ends the benchmark."""
        status, told = self.call("POST", self.objects, body)
        if status != 202:
            sys.exit(f"POST: {status} {told[:300]!r}")
        found: dict[str, Any] = json.loads(told)
        return found

    def close(self) -> None:
        self._connection.close()


def identifier(kind: str, random: Any) -> str:
    """A random STIX id, from a generator with a seed."""
    return f"{kind}--{uuid.UUID(int=random.getrandbits(128), version=4)}"


def envelope(objects: Sequence[dict[str, Any]], **more: object) -> bytes:
    """A TAXII envelope."""
    return json.dumps({"objects": list(objects), **more}, separators=(",", ":")).encode()


def usable_cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
