"""Signed notes (C2SP signed-note): a text with signature lines under it, as transparency logs sign their checkpoints."""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from stillwatch.records.errors import InputError

ED25519, COSIGNATURE = 0x01, 0x04
"""Types of keys: of a plain signature, and of a witness's cosignature with a time (C2SP tlog-cosignature)."""

MOST_BYTES, MOST_SIGNATURES = 1 << 20, 256
_CONTROL = re.compile(
    "[\x00-\x09\x0b-\x1f\ud800-\udfff]"
)  # and halves of surrogate pairs, which UTF-8 does not have
_DASH = "\N{EM DASH} "


def is_name(name: str) -> bool:
    """Whether a key may have this name: something, without white space or a plus sign."""
    return bool(name) and "+" not in name and not re.search(r"\s", name) and name.isprintable()


def key_id(name: str, kind: int, public: bytes) -> bytes:
    """The four bytes that tell which key signed."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


@dataclass(frozen=True)
class Verifier:
    """A public key with its name and type; `str` gives it as it is written down (a vkey)."""

    name: str
    kind: int
    public: bytes

    @classmethod
    def parse(cls, text: str) -> "Verifier":
        """Read a vkey: name+id+key. Raises InputError."""
        try:
            name, number, encoded = text.strip().split("+", 2)
            data = base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error):
            raise _bad_key(text) from None
        if not is_name(name) or len(data) != 33 or data[0] not in (ED25519, COSIGNATURE):
            raise _bad_key(text)
        found = cls(name, data[0], data[1:])
        if found.id.hex() != number.lower():
            raise _bad_key(text)
        return found

    @classmethod
    def of(cls, name: str, key: Ed25519PrivateKey, kind: int = ED25519) -> "Verifier":
        """The public half of a key. Raises ValueError for a name that a key can't have."""
        if not is_name(name):
            raise ValueError(f"no name for a key: {name!r}")
        return cls(name, kind, key.public_key().public_bytes_raw())

    @property
    def id(self) -> bytes:
        """The four bytes that tell this key."""
        return key_id(self.name, self.kind, self.public)

    @property
    def key(self) -> Ed25519PublicKey:
        """To verify with."""
        return Ed25519PublicKey.from_public_bytes(self.public)

    def __str__(self) -> str:
        encoded = base64.b64encode(bytes([self.kind]) + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{encoded}"


@dataclass(frozen=True)
class Signature:
    """One line under a note: whose, and the bytes after the key's id."""

    name: str
    key_id: bytes
    data: bytes

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.data).decode()}"


@dataclass(frozen=True)
class Note:
    """A text, which ends with a new line, and its signatures, none of them verified."""

    text: str
    signatures: tuple[Signature, ...] = ()

    @classmethod
    def parse(cls, raw: str) -> "Note":
        """Read a note. Raises InputError for anything that is not one, to the letter."""
        if len(raw) > MOST_BYTES or _CONTROL.search(raw):
            raise _bad("too long, or with control characters")
        text, parted, lines = raw.rpartition("\n\n")
        if not parted or not lines.endswith("\n"):
            raise _bad("no signatures under it")
        listed = lines[:-1].split("\n")
        if len(listed) > MOST_SIGNATURES:
            raise _bad("too many signatures")
        return cls(text + "\n", tuple(map(_signature, listed)))

    def __str__(self) -> str:
        return self.text + "\n" + "".join(f"{one}\n" for one in self.signatures)

    def of(self, verifier: Verifier) -> Signature | None:
        """The signature that claims to be by this key."""
        for one in self.signatures:
            if one.name == verifier.name and one.key_id == verifier.id:
                return one
        return None

    def is_signed_by(self, verifier: Verifier) -> bool:
        """Whether a plain signature by this key is on it, and right."""
        one = self.of(verifier)
        return one is not None and verifier.kind == ED25519 and is_by(verifier, one.data, self.text.encode())

    def with_signatures(self, more: Sequence[Signature]) -> "Note":
        """The same note with more lines; one line for each key, the first one stays."""
        held = {(one.name, one.key_id) for one in self.signatures}
        new = []
        for one in more:
            if (one.name, one.key_id) not in held:
                held.add((one.name, one.key_id))
                new.append(one)
        return Note(self.text, (*self.signatures, *new))


def sign(text: str, key: Ed25519PrivateKey, name: str) -> Note:
    """A note with one signature. Raises ValueError for a text that does not end with a new line."""
    if not text.endswith("\n"):
        raise ValueError("a note's text ends with a new line")
    return Note(text, (Signature(name, Verifier.of(name, key).id, key.sign(text.encode())),))


def is_by(verifier: Verifier, signature: bytes, message: bytes) -> bool:
    """Whether an Ed25519 signature is right."""
    try:
        verifier.key.verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    try:
        data = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error):
        data = b""
    if not line.startswith(_DASH) or not is_name(name) or len(data) < 5:
        raise _bad("a line under it is no signature")
    return Signature(name, data[:4], data[4:])


def _bad(what: str) -> InputError:
    return InputError(f"this is no signed note: {what}", mend="give it as its signer made it")


def _bad_key(text: str) -> InputError:
    return InputError("this is no verifier key", where=text.strip()[:80], mend="write it as name+id+base64")
