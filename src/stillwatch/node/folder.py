"""A node's folder: which hub it trusts and as whom, and the keys that never leave it."""

import contextlib
import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stillwatch.records.errors import InputError, plainly
from stillwatch.serving.sockets import is_loopback
from stillwatch.transparency.notes import Verifier

CONFIG, CREDENTIALS, KEYS, FAULTS, LOCK = "node.json", "credentials.json", "keys", "faults", "node.lock"
VERSION = 1
_FIELDS = frozenset(
    ("url", "member_id", "log_key", "rules_key", "collection", "accounts", "ca", "certificate")
)
_PINNED = ("log_key", "rules_key", "collection")
"""What credentials say of the hub, by which it is known again."""
LONGEST_WAIT_S = 120.0
"""How long a command waits for another one at the same node, such as the first catching up of a service."""


class BusyError(InputError):
    """Another process has the node, for longer than was waited."""


def checked_hub(url: str, *, tls: bool = True) -> str:
    """The address of a hub, without a slash at its end. Raises InputError where it is none, or (with `tls`) not private."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good or parts.query or parts.fragment or parts.username or parts.path.rstrip("/"):
        raise InputError(
            "this is no address of a hub", where=f"--hub {url}", mend="write it as https://hub.example:8600"
        )
    if tls and parts.scheme == "http" and not _is_here(str(parts.hostname)):
        raise InputError(
            "credentials would cross the network in the clear",
            where=f"--hub {url}",
            mend="use https, or --no-tls if something else between here and the hub does TLS",
        )
    return url.rstrip("/")


def _is_here(host: str) -> bool:
    try:
        return is_loopback(host)
    except InputError:
        # No address now: it may have one tomorrow, which nobody knows.
        return False


@dataclass(frozen=True)
class Trust:
    """What a node knew of its hub before it first asked it."""

    url: str
    log_key: str
    rules_key: str
    collection: str
    ca: str | None = None
    """Path of a file with the certificates that may sign the hub's."""


class Folder:
    """The folder of one member's node; `create` makes it, `open` reads it."""

    def __init__(self, path: Path, config: Mapping[str, Any]) -> None:
        self.path, self._config = path, dict(config)
        self._guard, self._held = threading.RLock(), False

    @classmethod
    def create(
        cls,
        path: Path,
        url: str,
        credentials: Mapping[str, Any],
        *,
        accounts: int | None = None,
        ca: Path | None = None,
        certificate: tuple[Path, Path] | None = None,
    ) -> "Folder":
        """Make a node's folder. Raises InputError where there is one, or where credentials lack what they need."""
        if (path / CONFIG).exists():
            raise InputError(
                "there is a node here already", where=str(path), mend="name another folder, or remove it"
            )
        member, hub = _checked(credentials)
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        # One that was there may be open to others.
        path.chmod(0o700)
        (path / KEYS).mkdir(exist_ok=True, mode=0o700)
        write_private(path / CREDENTIALS, json.dumps(dict(credentials), indent=1))
        folder = cls(
            path,
            {
                "version": VERSION,
                "url": url.rstrip("/"),
                "member_id": member,
                "log_key": hub["log_key"],
                "rules_key": hub["rules_key"],
                "collection": hub["collection"],
                "accounts": accounts,
                "ca": str(ca.absolute()) if ca is not None else None,
                "certificate": [str(part.absolute()) for part in certificate] if certificate else None,
            },
        )
        folder._save()
        return folder

    @classmethod
    def open(cls, path: Path) -> "Folder":
        """Read a node's folder. Raises InputError where there is none, or one of a newer version."""
        try:
            config = json.loads((path / CONFIG).read_text("utf-8"))
        except FileNotFoundError:
            raise InputError(
                "no node here", where=str(path), mend="make one with stillwatch node init"
            ) from None
        except (OSError, ValueError) as error:
            raise InputError(
                f"the node's file can't be read ({plainly(error)})",
                where=str(path / CONFIG),
                mend="restore it",
            ) from None
        if not isinstance(config, dict) or config.get("version") != VERSION:
            raise InputError(
                "this node was made by another version", where=str(path / CONFIG), mend="use that version"
            )
        lacking = {name for name in _PINNED if not isinstance(config.get(name), str)}
        for name in sorted(_FIELDS - config.keys() | lacking):
            raise InputError(f"the node's file has no '{name}'", where=str(path / CONFIG), mend="restore it")
        return cls(path, config)

    @property
    def trust(self) -> Trust:
        """Of which hub."""
        c = self._config
        return Trust(c["url"], c["log_key"], c["rules_key"], c["collection"], c["ca"])

    @property
    def member_id(self) -> str:
        """The member's id at the hub."""
        return str(self._config["member_id"])

    @property
    def accounts(self) -> int | None:
        """The provider's number of accounts, where it was given."""
        said = self._config["accounts"]
        return None if said is None else int(said)

    @property
    def certificate(self) -> tuple[str, str] | None:
        """Paths of the certificate and key for mutual TLS."""
        said = self._config["certificate"]
        return (said[0], said[1]) if said else None

    @property
    def credentials(self) -> dict[str, Any]:
        """What lets the member in."""
        path = self.path / CREDENTIALS
        try:
            found = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            found = None
        if not isinstance(found, dict) or not (
            _has(found.get("basic"), "username", "password")
            or _has(found.get("oauth2"), "client_id", "client_secret")
        ):
            raise InputError(
                "these are no credentials of a member",
                where=str(path),
                mend="restore them, or put there what `stillwatch hub member add` printed",
            )
        return found

    def key(self, name: str) -> Ed25519PrivateKey:
        """The key of this name, made at first use."""
        path = self.path / KEYS / f"{name}.key"
        try:
            return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text("ascii").strip()))
        except FileNotFoundError:
            pass
        except (OSError, ValueError):
            raise InputError("this is no key", where=str(path), mend="restore it from a backup") from None
        key = Ed25519PrivateKey.generate()
        write_private(path, key.private_bytes_raw().hex() + "\n")
        return key

    def fault_file(self, fault_id: str) -> Path:
        """Where the evidence of a fault is kept."""
        return self.path / FAULTS / f"{fault_id}.json"

    def public_key(self, name: str) -> bytes | None:
        """The public half of the key of this name; None where there is none yet."""
        if not (self.path / KEYS / f"{name}.key").exists():
            return None
        return self.key(name).public_key().public_bytes_raw()

    @contextlib.contextmanager
    def working(self, wait_s: float | None = None) -> Iterator[None]:
        """Hold the node for this thread, so that nothing else sends or reads on meanwhile: not for longer than that takes.

        Within it, it may be taken again. Raises BusyError where another process has it for longer than `wait_s`.
        """
        with self._guard:
            if self._held:
                yield
                return
            with (self.path / LOCK).open("a") as lock:
                _lock(lock, LONGEST_WAIT_S if wait_s is None else wait_s, self.path)
                self._held = True
                try:
                    yield
                finally:
                    self._held = False

    def _save(self) -> None:
        write_private(self.path / CONFIG, json.dumps(self._config, indent=1) + "\n")


def _checked(credentials: object) -> tuple[str, dict[str, Any]]:
    """Member's id, and what credentials say of the hub. Raises InputError for anything but what hubs print."""
    said = credentials if isinstance(credentials, dict) else {}
    member, hub = said.get("member_id"), said.get("hub")
    if (
        not isinstance(member, str)
        or not (
            _has(said.get("basic"), "username", "password")
            or _has(said.get("oauth2"), "client_id", "client_secret")
        )
        or not _has(hub, *_PINNED)
    ):
        raise InputError(
            "these are no credentials of a member, with the keys of the hub's log and rules",
            mend="give the file that `stillwatch hub member add` printed, whole",
        )
    assert isinstance(hub, dict)
    for name in ("log_key", "rules_key"):
        try:
            Verifier.parse(hub[name])
        except InputError as error:
            raise InputError(
                f"hub.{name} is no key ({error.what})",
                mend="give the file that `stillwatch hub member add` printed, whole",
            ) from None
    return member, hub


def _has(part: object, *names: str) -> bool:
    return isinstance(part, dict) and all(isinstance(part.get(name), str) for name in names)


def _lock(lock: IO[str], wait_s: float, path: Path) -> None:
    end = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError:
            if time.monotonic() >= end:
                raise BusyError(
                    "another process works with this node",
                    where=str(path),
                    mend="let it end, or stop it",
                ) from None
            time.sleep(0.01)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, aside first and then renamed."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
