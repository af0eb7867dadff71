"""What tests over HTTP share: a hub as a process of its own, clients of it, certificates."""

import base64
import datetime
import http.client
import ipaddress
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from stillwatch.serving.events import Events

TAXII = "application/taxii+json;version=2.1"
PROBLEM = {"title", "description", "error_id", "http_status"}


def cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "stillwatch", *arguments], capture_output=True, text=True, check=False
    )


class Told(Events):
    """Events kept in a list."""

    def __init__(self) -> None:
        super().__init__()
        self.list: list[tuple[str, dict[str, object]]] = []

    def say(self, event: str, **fields: object) -> None:
        self.list.append((event, fields))


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        return self.headers.get(name)


def basic(credentials: dict[str, Any]) -> str:
    """The header for Basic."""
    pair = f"{credentials['basic']['username']}:{credentials['basic']['password']}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


class Running:
    """A running `stillwatch hub serve`. `before`: Python that runs in the process first, to lower a bound."""

    def __init__(
        self, folder: Path, *options: str, before: str = "", tls: ssl.SSLContext | None = None, host: str = ""
    ) -> None:
        self.folder, self.tls = folder, tls
        self.host = host or "127.0.0.1"
        self.log = folder.parent / f"serve-{time.monotonic_ns()}.log"
        code = f"{before}\nfrom stillwatch.cli.main import run\nrun()"
        command = [sys.executable, *(("-c", code) if before else ("-m", "stillwatch"))]
        with self.log.open("w") as out:
            self.process = subprocess.Popen(
                [*command, "hub", "serve", f"--dir={folder}", "--port=0", *options],
                stderr=out,
                stdout=out,
                env=dict(os.environ),
            )
        self.port = int(self.event("listening")["port"])
        self.authorization: str | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.endswith("}")]

    def event(self, name: str, seconds: float = 60) -> dict[str, Any]:
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
        if self.tls is not None:
            return http.client.HTTPSConnection(self.host, self.port, timeout=60, context=self.tls)
        return http.client.HTTPConnection(self.host, self.port, timeout=60)

    def call(self, method: str, path: str, body: bytes | None = None, **headers: str | None) -> Answer:
        """One request on a connection of its own. `Authorization` is that of the member unless given (None: none)."""
        connection = self.connect()
        named = {"Authorization": self.authorization, **{k.replace("_", "-"): v for k, v in headers.items()}}
        connection.request(method, path, body, {k: v for k, v in named.items() if v is not None})
        answer = connection.getresponse()
        found = Answer(answer.status, answer.headers, answer.read())
        connection.close()
        return found

    def post(self, path: str, value: Any, kind: str = TAXII, **headers: str | None) -> Answer:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return self.call("POST", path, body, Content_Type=kind, **headers)

    def raw(self) -> socket.socket:
        """A bare connection."""
        return socket.create_connection((self.host, self.port), 60)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit status."""
        self.process.send_signal(number)
        return self.process.wait(60)

    def end(self) -> None:
        if self.process.poll() is None:
            self.stop(signal.SIGKILL)


class Stream:
    """An open stream, read as the standard has it; `fields` of an event are lists."""

    def __init__(self, running: Running, query: str = "", **headers: str) -> None:
        self.connection = running.connect()
        named = {k.replace("_", "-"): v for k, v in headers.items()}
        self.connection.request(
            "GET", f"/stream{query}", headers={"Authorization": running.authorization, **named}
        )
        self.answer = self.connection.getresponse()
        self.status = self.answer.status

    def next(self) -> dict[str, str] | None:
        """The next event, comments and hints apart; None at the end."""
        fields: dict[str, str] = {}
        while line := self.answer.readline():
            text = line.decode().rstrip("\n")
            if not text:
                if "data" in fields:
                    return fields
                fields = {}
            elif not text.startswith(":"):
                name, _, value = text.partition(": ")
                fields[name] = value
        return None

    def take(self, number: int) -> list[dict[str, str]]:
        return [self.next() for _ in range(number)]

    def close(self) -> None:
        self.connection.close()


class Certificates:
    """An authority, a server's certificate and two clients', as files."""

    def __init__(self, folder: Path) -> None:
        self._key, self._name = ec.generate_private_key(ec.SECP256R1()), _name("authority")
        own = self._signed(self._name, self._key, authority=True)
        self.authority = _write(folder / "ca.pem", own.public_bytes(Encoding.PEM))
        self.server, self.server_key = self._pair(folder, "server")
        self.member, self.member_key = self._pair(folder, "member")
        self.other, self.other_key = self._pair(folder, "other")
        locked = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
        )
        self.locked_key = _write(folder / "locked.key", locked)

    def client(self, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
        """What a client connects with."""
        made = ssl.create_default_context(cafile=self.authority)
        if certificate is not None:
            made.load_cert_chain(certificate, key)
        return made

    def _pair(self, folder: Path, name: str) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        signed = self._signed(_name(name), key)
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return (
            _write(folder / f"{name}.pem", signed.public_bytes(Encoding.PEM)),
            _write(folder / f"{name}.key", secret),
        )

    def _signed(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, *, authority: bool = False
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )
        if authority:
            usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
            builder = builder.add_extension(usage, critical=True)
        else:
            names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
