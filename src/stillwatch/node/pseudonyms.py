"""Pseudonyms: this member's own, one for each epoch, and the certificates of others'."""

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from stillwatch.node.client import Client, RefusedError
from stillwatch.node.faults import SIGNATURE
from stillwatch.node.folder import Folder
from stillwatch.node.store import Store, now_us
from stillwatch.records.errors import InputError
from stillwatch.transparency import dsse
from stillwatch.transparency.canonical import parse
from stillwatch.transparency.follower import LogFaultError
from stillwatch.transparency.notes import Verifier

CERTIFICATE = "application/vnd.stillwatch.pseudonym+json"
_FIELDS = {"epoch": int, "not_after": str, "pseudonym": str, "public_key": str, "version": int}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Pseudonym:
    """A certified pseudonym. `digest`: of the certificate's payload, as the log has it; `not_after` in microseconds."""

    id: str
    epoch: int
    public_key: bytes
    digest: bytes
    not_after: int

    @property
    def key(self) -> Ed25519PublicKey:
        """To verify with."""
        return Ed25519PublicKey.from_public_bytes(self.public_key)


def opened(envelope: object, log: Verifier) -> Pseudonym:
    """The pseudonym in a certificate by the hub's log key. Raises InputError."""
    payload = dsse.verify(envelope, CERTIFICATE, log.key)
    said = parse(payload)
    if not isinstance(said, dict) or {k: type(v) for k, v in said.items()} != _FIELDS or said["version"] != 1:
        raise InputError("this certificate has other fields", mend="ask the forum what its hub gives")
    key = dsse.unbase64(said["public_key"])
    try:
        Ed25519PublicKey.from_public_bytes(key)
        not_after = microseconds(said["not_after"])
    except ValueError:
        raise InputError("this certificate can't be read", mend="ask the forum what its hub gives") from None
    return Pseudonym(said["pseudonym"], said["epoch"], key, hashlib.sha256(payload).digest(), not_after)


def microseconds(text: str) -> int:
    """A time of RFC 3339 as microseconds since 1970. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    span = moment - _EPOCH
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


class Pseudonyms:
    """Certificates that this node knows, and its own keys."""

    def __init__(self, folder: Folder, store: Store, client: Client) -> None:
        self._folder, self._store, self._client = folder, store, client
        self._known: dict[str, Pseudonym] = {}

    def forget(self) -> None:
        """Take nothing from memory."""
        self._known.clear()

    def of(self, identifier: str) -> Pseudonym:
        """Anybody's, asked for where it is new. Raises LogFaultError where the hub's certificate for it does not hold."""
        found = self._known.get(identifier) or self._stored(identifier)
        if found is None:
            try:
                said = self._client.json("GET", f"/exchange/v1/pseudonyms/{identifier}", dict[str, Any])
            except RefusedError as error:
                if error.status != 404:
                    raise
                raise LogFaultError(
                    SIGNATURE, f"the hub has no certificate for {identifier[:80]}", {"pseudonym": identifier}
                ) from None
            found = self._take(said, own=False)
            if found.id != identifier:
                raise LogFaultError(
                    SIGNATURE, f"the hub gave a certificate of another pseudonym than {identifier[:80]}", said
                )
        self._known[identifier] = found
        return found

    def own(self, epoch: int) -> Pseudonym:
        """This member's in the current epoch, certified where it is new. The key is made before the hub is asked."""
        row = self._store.one(
            "SELECT id FROM certificates WHERE own = 1 AND epoch = ? AND not_after > ?", (epoch, now_us())
        )
        if row is not None:
            return self.of(row[0])
        key = self._folder.key(f"epoch-{epoch}")
        public = key.public_key().public_bytes_raw()
        proof = key.sign(
            b"stillwatch pseudonym v1\n%d\n%b\n%b" % (epoch, self._folder.member_id.encode(), public)
        )
        said = self._client.json(
            "POST",
            "/exchange/v1/pseudonyms",
            dict[str, Any],
            body={
                "epoch": epoch,
                "public_key": base64.b64encode(public).decode(),
                "proof": base64.b64encode(proof).decode(),
            },
        )
        found = self._take(said, own=True, key=public, epoch=epoch)
        self._known[found.id] = found
        return found

    def latest_own(self) -> Pseudonym | None:
        """The newest of this member's own that is known here."""
        row = self._store.one("SELECT id FROM certificates WHERE own = 1 ORDER BY epoch DESC LIMIT 1")
        return None if row is None else self._stored(row[0])

    def all_own(self) -> set[str]:
        """Ids of all that this member ever had, as far as this node knows."""
        return {row[0] for row in self._store.all("SELECT id FROM certificates WHERE own = 1")}

    def is_own(self, identifier: str | None) -> bool:
        """Whether it is this member's."""
        return identifier is not None and bool(
            self._store.number("SELECT own FROM certificates WHERE id = ?", (identifier,))
        )

    def _stored(self, identifier: str) -> Pseudonym | None:
        row = self._store.one(
            "SELECT id, epoch, public_key, digest, not_after FROM certificates WHERE id = ?", (identifier,)
        )
        return None if row is None else Pseudonym(*row)

    def _take(
        self, said: dict[str, Any], *, own: bool, key: bytes | None = None, epoch: int | None = None
    ) -> Pseudonym:
        envelope = said.get("certificate")
        try:
            found = opened(envelope, Verifier.parse(self._folder.trust.log_key))
        except InputError as error:
            raise LogFaultError(
                SIGNATURE, f"a certificate does not hold: {error.what}", {"said": said}
            ) from None
        if key is not None and (found.public_key, found.epoch) != (key, epoch):
            raise LogFaultError(SIGNATURE, "the hub certified another key than ours", {"said": said})
        with self._store.writing():
            self._store.run(
                "INSERT INTO certificates VALUES (?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET digest = excluded.digest, not_after = excluded.not_after,"
                " own = MAX(own, excluded.own), envelope = excluded.envelope",
                (
                    found.id,
                    found.epoch,
                    found.public_key,
                    found.digest,
                    found.not_after,
                    # Ours may first be met among others', as after a fault that was cleared.
                    int(own or self._folder.public_key(f"epoch-{found.epoch}") == found.public_key),
                    json.dumps(envelope),
                ),
            )
        return found
