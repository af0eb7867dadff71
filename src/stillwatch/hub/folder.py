"""The folder of a hub: hub.json, its keys, and the database unless that is on a server.

DIR/hub.json           id, url, collection, and the URL of a PostgreSQL (so only its owner may read the file)
DIR/keys/log.key       signs checkpoints and certificates (Ed25519, PKCS #8 in PEM form, as all private keys here)
DIR/keys/rules.key     signs the disclosure rules; rules.vkey is its public half
DIR/keys/cursor.key    32 bytes, for cursors
DIR/hub.sqlite         with its two side files
"""

import json
import os
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from stillwatch.records.durable import sync_folder
from stillwatch.records.errors import InputError, plainly
from stillwatch.transparency.notes import Verifier

RULES = "rules.yaml"
"""The forum's own disclosure rules, where it has some."""
KEY_FILES = ("log.key", "rules.key", "rules.vkey", "cursor.key")
SQLITE = "hub.sqlite"


@dataclass(frozen=True)
class Settings:
    """What hub.json says. `collection`: the one that all members share. `database`: None for the file in the folder."""

    id: str
    url: str
    collection: str
    database: str | None = None

    @property
    def origin(self) -> str:
        """What the log calls itself (C2SP tlog-checkpoint)."""
        return f"stillwatch-hub/{self.id}"


@dataclass(frozen=True)
class Keys:
    """The hub's own keys."""

    log: Ed25519PrivateKey
    rules: Ed25519PrivateKey
    rules_vkey: str
    cursor: bytes


def has_hub(folder: Path) -> bool:
    """Whether a folder holds a hub."""
    return (folder / "hub.json").exists() or (folder / SQLITE).exists() or (folder / "keys").exists()


def make(folder: Path, url: str) -> Settings:
    """Make a folder with new keys, and hub.json only in memory: `write_settings` comes last. Raises InputError."""
    if has_hub(folder):
        raise InputError("there is a hub already", where=str(folder), mend="give another folder with --dir")
    settings = Settings(str(uuid.uuid4()), url.rstrip("/"), str(uuid.uuid4()))
    rules = Ed25519PrivateKey.generate()
    vkey = str(Verifier.of(f"stillwatch-rules/{settings.id}", rules))
    files = {
        "log.key": _pem(Ed25519PrivateKey.generate()),
        "rules.key": _pem(rules),
        "rules.vkey": f"{vkey}\n".encode(),
        "cursor.key": secrets.token_bytes(32),
    }
    write_keys(folder, files)
    return settings


def write_keys(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files of keys/, which only their owner may read. Raises InputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        keys = folder / "keys"
        keys.mkdir(mode=0o700)
        for name, data in files.items():
            _write_private(keys / name, data)
        sync_folder(keys)
        sync_folder(folder)
    except OSError as error:
        raise InputError(
            f"cannot write there ({plainly(error)})", where=str(folder), mend="give another folder with --dir"
        ) from None


def read_settings(folder: Path) -> Settings:
    """Read hub.json. Raises InputError where there is none, or it makes no sense."""
    path = folder / "hub.json"
    try:
        said = json.loads(path.read_text("utf-8"))
        found = Settings(said["id"], said["url"], said["collection"], said.get("database"))
        uuid.UUID(found.id)
    except FileNotFoundError:
        raise InputError(
            "there is no hub", where=str(folder), mend="make one with `stillwatch hub init --dir DIR`"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"hub.json can't be read ({plainly(error) if isinstance(error, OSError) else 'damaged'})",
            where=str(path),
            mend="restore it from a backup",
        ) from None
    return found


def write_settings(folder: Path, settings: Settings) -> None:
    """Put hub.json there in one step; only its owner may read it, since a URL may hold a password."""
    aside = folder / ".hub.json"
    aside.unlink(missing_ok=True)
    _write_private(aside, (json.dumps(asdict(settings), indent=2) + "\n").encode())
    aside.replace(folder / "hub.json")
    sync_folder(folder)


def with_database(folder: Path, settings: Settings, database: str | None) -> Settings:
    """Record where the database is from now on."""
    changed = replace(settings, database=database)
    write_settings(folder, changed)
    return changed


def read_keys(folder: Path) -> Keys:
    """Load the keys. Raises InputError where one is missing or damaged."""
    keys = folder / "keys"
    try:
        return Keys(
            _load(keys / "log.key"),
            _load(keys / "rules.key"),
            (keys / "rules.vkey").read_text("ascii").strip(),
            (keys / "cursor.key").read_bytes(),
        )
    except (OSError, ValueError) as error:
        raise InputError(
            f"the keys can't be read ({plainly(error)})", where=str(keys), mend="restore them from a backup"
        ) from None


def key_files(folder: Path) -> dict[str, bytes]:
    """The files of keys/, for a backup."""
    return {name: (folder / "keys" / name).read_bytes() for name in KEY_FILES}


def _pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _load(path: Path) -> Ed25519PrivateKey:
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{path.name} is no Ed25519 key")
    return key


def _write_private(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
