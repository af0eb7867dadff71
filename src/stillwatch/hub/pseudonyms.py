"""Pseudonyms: under which members share, one for each member and epoch, certified by the hub and logged.

Who is behind one is in the store and nowhere else: neither the certificate nor the log tells.
"""

import base64
import binascii
import json
import uuid
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from stillwatch.hub import times
from stillwatch.hub.database import Database
from stillwatch.hub.errors import Refused, conflict, not_found, unprocessable
from stillwatch.hub.limits import PSEUDONYM_SECONDS
from stillwatch.hub.log import Log, pseudonym_entry
from stillwatch.hub.model import Member
from stillwatch.transparency import dsse
from stillwatch.transparency.canonical import canonical

CERTIFICATE = "application/vnd.stillwatch.pseudonym+json"
_KEY_BYTES = 32


def proof_message(epoch: int, member_id: str, public_key: bytes) -> bytes:
    """What a member signs to show that it holds a pseudonym's key."""
    return b"stillwatch pseudonym v1\n%d\n%b\n%b" % (epoch, member_id.encode("ascii"), public_key)


class Pseudonyms:
    """The pseudonyms of one hub. Raises `Refused` (404, 409, 422)."""

    def __init__(self, database: Database, log: Log, key: Ed25519PrivateKey) -> None:
        self._database, self._log, self._key = database, log, key

    def certify(self, member: Member, number: int, request: dict[str, Any]) -> dict[str, Any]:
        """Give a member its pseudonym of the current epoch; the same one for the same key, while it lives."""
        epoch, public_key = _asked(member, request)
        now = times.now()
        with self._database.write() as tx:
            current = tx.one("SELECT MAX(number) FROM epochs")
            if current is None or current[0] != epoch:
                raise conflict("That is not the current epoch: ask for it, and sign the proof anew.")
            held = tx.one(
                "SELECT id, public_key, not_after, certificate FROM pseudonyms WHERE member = ? AND epoch = ?",
                (number, epoch),
            )
            if held is not None and held[1] != public_key:
                raise conflict("You have a pseudonym with another key in this epoch.")
            if held is not None and held[2] > now:
                return {"certificate": json.loads(held[3])}
            pseudonym = held[0] if held is not None else f"identity--{uuid.uuid4()}"
            not_after = now + PSEUDONYM_SECONDS * times.MICROSECONDS
            payload = canonical(
                {
                    "epoch": epoch,
                    "not_after": times.stamp(not_after),
                    "pseudonym": pseudonym,
                    "public_key": base64.b64encode(public_key).decode(),
                    "version": 1,
                }
            )
            envelope = dsse.sign(CERTIFICATE, payload, self._key, self._log.origin)
            index = self._log.add(tx, [pseudonym_entry(pseudonym, epoch, public_key, payload)])
            tx.execute(
                "INSERT INTO pseudonyms (id, member, epoch, public_key, not_after, certificate, log_index)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
                " not_after = excluded.not_after, certificate = excluded.certificate, log_index = excluded.log_index",
                (pseudonym, number, epoch, public_key, not_after, canonical(envelope), index),
            )
            tx.execute(
                "INSERT INTO authors (id, member) VALUES (?, ?) ON CONFLICT (id) DO NOTHING",
                (pseudonym, number),
            )
        return {"certificate": envelope}

    def certificate(self, pseudonym: str) -> dict[str, Any]:
        """The certificate of a pseudonym."""
        line = self._database.one("SELECT certificate FROM pseudonyms WHERE id = ?", (pseudonym,))
        if line is None:
            raise not_found("There is no such pseudonym.")
        return {"certificate": json.loads(line[0])}

    def own(self, number: int, epoch: int) -> str | None:
        """A member's pseudonym in an epoch."""
        line = self._database.one("SELECT id FROM pseudonyms WHERE member = ? AND epoch = ?", (number, epoch))
        return None if line is None else str(line[0])


def _asked(member: Member, request: dict[str, Any]) -> tuple[int, bytes]:
    """Epoch and public key of a request whose proof holds."""
    epoch = request.get("epoch")
    if not isinstance(epoch, int) or isinstance(epoch, bool) or not 0 < epoch < 1 << 53:
        raise _unprocessable("`epoch` is the number of the current epoch.")
    public_key, proof = _bytes(request, "public_key"), _bytes(request, "proof")
    try:
        if len(public_key) != _KEY_BYTES:
            raise ValueError
        Ed25519PublicKey.from_public_bytes(public_key).verify(
            proof, proof_message(epoch, member.member_id, public_key)
        )
    except (InvalidSignature, ValueError):
        raise _unprocessable("`proof` is no signature by `public_key` over epoch, member and key.") from None
    return epoch, public_key


def _bytes(request: dict[str, Any], name: str) -> bytes:
    text = request.get(name)
    try:
        return base64.b64decode(text if isinstance(text, str) else "-", validate=True)
    except (binascii.Error, ValueError):
        raise _unprocessable(f"`{name}` is bytes in base64.") from None


def _unprocessable(description: str) -> Refused:
    return unprocessable(description)
