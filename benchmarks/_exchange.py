"""What the benchmarks of the exchange share: a real hub, its members, objects, and batches signed as nodes do it."""

import base64
import contextlib
import http.client
import json
import random
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

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from _common import COMMAND
from stillwatch.intelligence.extension import EXTENSION, TEMPLATE
from stillwatch.intelligence.stix import CAMPAIGN_NAME, REFERENCES
from stillwatch.intelligence.vocabulary import BEHAVIOURS, P_VALUE_BUCKETS, STRENGTHS
from stillwatch.transparency import batches
from stillwatch.transparency.canonical import canonical

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

    def call(self, method: str, path: str, body: bytes | None = None, kind: str = TAXII) -> tuple[int, bytes]:
        """Status and body of an answer."""
        headers = dict(self.headers)
        if body is not None:
            headers["Content-Type"] = kind
        if kind != TAXII or not path.startswith("/taxii2/"):
            headers["Accept"] = "*/*"
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def get(self, path: str) -> dict[str, Any]:
        """A document; anything but 200 ends the benchmark."""
        status, body = self.call("GET", path)
        if status != 200:
            raise RuntimeError(f"GET {path}: {status} {body[:300]!r}")
        found: dict[str, Any] = json.loads(body)
        return found

    def date_of(self, seq: int) -> str:
        """When the object with this number came, as the hub tells it."""
        found = self.get(f"/exchange/v1/receipts?after={seq - 1}&limit=1")["receipts"][0]
        return str(found["date_added"])

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
            raise RuntimeError(f"POST: {status} {told[:300]!r}")
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


DAYS = [f"2026-{month:02d}-{day:02d}T00:00:00.000Z" for month in range(3, 10) for day in range(1, 29)]
COUNTS = ("10-99", "100-999", "1000-9999", "10000-99999")
AMBER = "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"


def campaign(draw: random.Random) -> dict[str, Any]:
    """A campaign as scans make it, with random values of the vocabulary."""
    seen = sorted(draw.sample(DAYS, 2))
    named = draw.sample(BEHAVIOURS, 4)
    return {
        "type": "campaign",
        "spec_version": "2.1",
        "id": identifier("campaign", draw),
        "created": DAYS[-1],
        "modified": DAYS[-1],
        "name": CAMPAIGN_NAME,
        "first_seen": seen[0],
        "last_seen": seen[1],
        "confidence": draw.choice((15, 50, 85)),
        "labels": ["adversarial-distillation"],
        "external_references": [dict(reference) for reference in REFERENCES],
        "object_marking_refs": [AMBER],
        "extensions": {
            EXTENSION: {
                "extension_type": "property-extension",
                "accounts": draw.choice(COUNTS),
                "exchanges": draw.choice(COUNTS),
                "strength": draw.choice(STRENGTHS),
                "relays": draw.random() < 0.3,
                "evidence": [
                    {
                        "behaviour": name,
                        "family": "content",
                        "supports": True,
                        "p_value": draw.choice(P_VALUE_BUCKETS),
                        "basis": "inference",
                    }
                    for name in named
                ],
                "legal_basis": "not assessed",
                "benign_explanations": "weighed and found worse",
            }
        },
    }


def indicator(draw: random.Random) -> dict[str, Any]:
    """What any tool might post: a plain indicator."""
    # Of a range without special addresses, which the rules refuse.
    address = ".".join(str(n) for n in (draw.randrange(64, 96), *(draw.randrange(256) for _ in range(3))))
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": identifier("indicator", draw),
        "created": DAYS[-1],
        "modified": DAYS[-1],
        "pattern": f"[ipv4-addr:value = '{address}']",
        "pattern_type": "stix",
        "valid_from": DAYS[-1],
    }


def template(draw: random.Random) -> dict[str, Any]:
    """An indicator with a template signature of random bits."""
    sketch = base64.urlsafe_b64encode(draw.randbytes(64)).decode().rstrip("=")
    return indicator(draw) | {
        "name": "Template of requests that extract a model",
        "pattern": f"stillwatch-template/1 epoch=1 part=input words=32-63 sketch={sketch}",
        "pattern_type": "stillwatch-template",
        "pattern_version": "1",
        "indicator_types": ["malicious-activity"],
        "object_marking_refs": [AMBER],
        "extensions": {
            TEMPLATE: {
                "extension_type": "property-extension",
                "accounts": draw.choice(COUNTS),
                "format": "stillwatch-template/1",
            }
        },
    }


def mixed(draw: random.Random, count: int) -> list[dict[str, Any]]:
    """Campaigns, template indicators and plain indicators in equal parts."""
    return [(campaign, template, indicator)[n % 3](draw) for n in range(count)]


class Signer:
    """A member that signs batches as a node does, under a pseudonym that the hub has certified."""

    def __init__(self, port: int, credentials: dict[str, Any]) -> None:
        self.credentials = credentials
        client = Client(port, credentials)
        self._key = Ed25519PrivateKey.generate()
        public = self._key.public_key().public_bytes_raw()
        self._epoch = client.get("/exchange/v1/epoch")["number"]
        said = b"stillwatch pseudonym v1\n%d\n%b\n%b" % (
            self._epoch,
            credentials["member_id"].encode(),
            public,
        )
        body = {
            "epoch": self._epoch,
            "public_key": base64.b64encode(public).decode(),
            "proof": base64.b64encode(self._key.sign(said)).decode(),
        }
        status, told = client.call(
            "POST", "/exchange/v1/pseudonyms", json.dumps(body).encode(), "application/json"
        )
        if status not in (200, 201):
            sys.exit(f"no pseudonym: {status} {told[:300]!r}")
        payload = base64.b64decode(json.loads(told)["certificate"]["payload"])
        self.pseudonym: str = json.loads(payload)["pseudonym"]
        self._collection = client.collection
        client.close()

    def bodies(self, objects: Sequence[dict[str, Any]], size: int) -> list[bytes]:
        """POST bodies of signed batches of so many objects, each object in its canonical form and under the pseudonym."""
        forms = [canonical(item | {"created_by_ref": self.pseudonym}) for item in objects]
        found = []
        for start in range(0, len(forms), size):
            part = forms[start : start + size]
            signed = batches.sign(part, self._collection, self._epoch, self.pseudonym, self._key)
            found.append(
                b'{"objects":['
                + b",".join(part)
                + b'],"x_stillwatch_batch":'
                + json.dumps(signed).encode()
                + b"}"
            )
        return found
