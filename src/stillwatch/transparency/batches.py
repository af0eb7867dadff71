"""One signature for many objects: an envelope over the Merkle root of their canonical forms, and a proof for each."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from stillwatch.records.errors import InputError
from stillwatch.transparency import dsse, merkle
from stillwatch.transparency.canonical import canonical, parse

BATCH = "application/vnd.stillwatch.batch+json"
MOST_OBJECTS = 1000
VERSION = 1
SIGNATURE = 64
"""Bytes of an Ed25519 signature."""
_FIELDS = {"collection": str, "count": int, "epoch": int, "pseudonym": str, "root": str, "version": int}


@dataclass(frozen=True)
class Batch:
    """What a member signs: `count` objects for one collection, by the root over their leaf hashes."""

    collection: str
    count: int
    epoch: int
    pseudonym: str
    root: bytes

    @property
    def payload(self) -> bytes:
        """The bytes that are signed."""
        return canonical(
            {
                "collection": self.collection,
                "count": self.count,
                "epoch": self.epoch,
                "pseudonym": self.pseudonym,
                "root": base64.b64encode(self.root).decode(),
                "version": VERSION,
            }
        )

    @classmethod
    def of_payload(cls, payload: bytes) -> "Batch":
        """Read what was signed. Raises InputError for other fields or values, or when not in canonical form."""
        said = parse(payload)
        if not isinstance(said, dict) or {k: type(v) for k, v in said.items()} != _FIELDS:
            raise _bad("its payload has other fields")
        root = dsse.unbase64(said["root"])
        found = cls(said["collection"], said["count"], said["epoch"], said["pseudonym"], root)
        if (
            found.epoch < 0
            or not 0 < found.count <= MOST_OBJECTS
            or len(root) != merkle.SIZE
            or found.payload != payload
        ):
            raise _bad("its payload can't be read")
        return found


def leaves_of(objects: Sequence[bytes]) -> list[bytes]:
    """Leaf hashes of objects in their canonical form."""
    return [merkle.leaf_hash(item) for item in objects]


def sign(
    objects: Sequence[bytes], collection: str, epoch: int, pseudonym: str, key: Ed25519PrivateKey
) -> dict[str, Any]:
    """The envelope for these objects (canonical forms, in the order in which they are sent). ValueError for too many."""
    if not 0 < len(objects) <= MOST_OBJECTS:
        raise ValueError(f"a batch has 1 to {MOST_OBJECTS} objects")
    batch = Batch(collection, len(objects), epoch, pseudonym, merkle.root(leaves_of(objects)))
    return dsse.sign(BATCH, batch.payload, key, pseudonym)


def claimed(envelope: object) -> Batch:
    """What an envelope says, nothing verified: to find the key that it should be verified with. Raises InputError."""
    payload, _ = dsse.payload_of(envelope, BATCH)
    batch = Batch.of_payload(payload)
    _require_bare(envelope, batch)
    return batch


def opened(envelope: object, key: Ed25519PublicKey) -> Batch:
    """What was signed with this key. Raises InputError."""
    batch = Batch.of_payload(dsse.verify(envelope, BATCH, key))
    _require_bare(envelope, batch)
    return batch


def require(batch: Batch, leaves: Sequence[bytes]) -> None:
    """Raise InputError unless these leaf hashes are those that were signed."""
    if len(leaves) != batch.count or merkle.root(leaves) != batch.root:
        raise _bad("the objects are not those that were signed, or in another order")


def is_signed(batch: Batch, item: bytes, index: int, path: Sequence[bytes]) -> bool:
    """Whether a proof shows that an object (its canonical form) was signed at this place of the batch."""
    return merkle.is_included(merkle.leaf_hash(item), index, batch.count, path, batch.root)


def _require_bare(envelope: Any, batch: Batch) -> None:
    """Raise InputError unless an envelope holds what a batch needs and nothing else.

    DSSE lets envelopes have more fields, and key ids are not signed. But a hub passes envelopes on to other members, so
    whatever else they could hold would leave without being held against the disclosure rules.
    """
    signatures = envelope["signatures"]
    if (
        set(envelope) != {"payload", "payloadType", "signatures"}
        or len(signatures) != 1
        or set(signatures[0]) != {"keyid", "sig"}
        or signatures[0]["keyid"] != batch.pseudonym
        or len(dsse.unbase64(signatures[0]["sig"])) != SIGNATURE
    ):
        raise _bad("its envelope has more or less than one signature by its pseudonym")


def _bad(what: str) -> InputError:
    return InputError(f"this batch signature can't be used: {what}", mend="sign the objects as they are sent")
