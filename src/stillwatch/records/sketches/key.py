"""The local key that sketches are stored under."""

import hashlib
import os
import secrets
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from stillwatch.records.errors import InputError

BYTES = 16


@dataclass(frozen=True)
class Key:
    """Sixteen secret bytes.

    Which values are equal does not depend on the key; what the values are does. Who holds stored sketches
    without the key cannot test a guessed text against them.
    """

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != BYTES:
            raise InputError(
                f"a sketch key has {BYTES} bytes, this one has {len(self.secret)}",
                mend="name the file that stillwatch made, or remove it to get a new key",
            )

    @classmethod
    def default_path(cls) -> Path:
        """Where the key is kept: `stillwatch/sketch.key` under $XDG_CONFIG_HOME, or under ~/.config."""
        base = os.environ.get("XDG_CONFIG_HOME", "")
        # The XDG specification says that a relative path in the variable is to be ignored.
        folder = Path(base) if base and Path(base).is_absolute() else Path.home() / ".config"
        return folder / "stillwatch" / "sketch.key"

    @classmethod
    def load(cls, path: Path | str) -> "Key":
        """Read the key at `path` (its sixteen bytes as they are); InputError when there is none or it is not one."""
        try:
            secret = Path(path).read_bytes()
        except OSError as error:
            raise InputError(
                f"cannot read the sketch key ({error.strerror})",
                where=str(path),
                mend="name another file, or mend its rights",
            ) from error
        try:
            return cls(secret)
        except InputError as error:
            raise InputError(
                f"this is no sketch key: {len(secret)} bytes instead of {BYTES}",
                where=str(path),
                mend="name the file that holds the key (--key), or restore it from a copy",
            ) from error

    @classmethod
    def load_or_create(cls, path: Path | str | None = None) -> "Key":
        """Read the key at `path` (default: `default_path()`), or make one there that only its owner may read.

        Two processes that start at once end with the same key: the file appears whole, and the first one stays.
        """
        target = Path(path) if path is not None else cls.default_path()
        if target.exists():
            return cls.load(target)
        try:
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, aside = tempfile.mkstemp(dir=target.parent, prefix=".sketch-key-")  # mode 0600
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(secrets.token_bytes(BYTES))
                    file.flush()
                    os.fsync(file.fileno())
                try:
                    os.link(aside, target)  # unlike a rename, it never replaces a key that is already there
                except FileExistsError:
                    pass
                except OSError:  # a file system without hard links
                    if not target.exists():
                        Path(aside).rename(target)
            finally:
                Path(aside).unlink(missing_ok=True)
        except OSError as error:
            raise InputError(
                f"cannot make a sketch key ({error.strerror})",
                where=str(target),
                mend="set XDG_CONFIG_HOME to a folder that you may write to",
            ) from error
        return cls.load(target)

    @property
    def id(self) -> str:
        """Sixteen hex digits that name the key and tell nothing else about it."""
        return hashlib.blake2b(self.secret, digest_size=8, person=b"stillwatch key").hexdigest()

    @property
    def words(self) -> tuple[np.uint64, np.uint64]:
        """The key as SipHash reads it: two words, least significant byte first."""
        low, high = np.frombuffer(self.secret, dtype="<u8")
        return np.uint64(low), np.uint64(high)
