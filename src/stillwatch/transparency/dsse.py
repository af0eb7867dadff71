"""Dead Simple Signing Envelopes (DSSE 1.0), signed with Ed25519."""

import base64
import binascii
import re
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from stillwatch.records.errors import InputError

MOST_SIGNATURES = 8
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")


def pae(kind: str, payload: bytes) -> bytes:
    """What is signed: the pre-authentication encoding (DSSE protocol, section Signature Definition)."""
    name = kind.encode()
    return b"DSSEv1 %d %b %d %b" % (len(name), name, len(payload), payload)


def sign(kind: str, payload: bytes, key: Ed25519PrivateKey, key_id: str) -> dict[str, Any]:
    """An envelope with one signature, as parsed JSON."""
    return {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": kind,
        "signatures": [{"keyid": key_id, "sig": base64.b64encode(key.sign(pae(kind, payload))).decode()}],
    }


def payload_of(envelope: object, kind: str) -> tuple[bytes, list[tuple[str, bytes]]]:
    """(payload, [(key id, signature)]) of an envelope of `kind`, nothing verified. Raises InputError for others."""
    if not isinstance(envelope, dict) or envelope.get("payloadType") != kind:
        raise _bad(f"no envelope of type {kind}")
    signatures = envelope.get("signatures")
    if not isinstance(signatures, list) or not 0 < len(signatures) <= MOST_SIGNATURES:
        raise _bad("no signatures, or too many")
    found = []
    for one in signatures:
        if not isinstance(one, dict) or not isinstance(one.get("keyid", ""), str):
            raise _bad("a signature that is none")
        found.append((one.get("keyid", ""), unbase64(one.get("sig"))))
    return unbase64(envelope.get("payload")), found


def verify(envelope: object, kind: str, key: Ed25519PublicKey) -> bytes:
    """The payload, when one of the signatures is by `key`. Raises InputError otherwise."""
    payload, signatures = payload_of(envelope, kind)
    signed = pae(kind, payload)
    for _, signature in signatures:
        try:
            key.verify(signature, signed)
        except InvalidSignature:
            continue
        return payload
    raise _bad("it is not signed by the key that should have signed it")


def unbase64(text: object) -> bytes:
    """Bytes of base64, standard or for URLs, as DSSE allows. Raises InputError."""
    if not isinstance(text, str) or _BASE64.fullmatch(text) is None:
        raise _bad("no base64")
    standard = text.replace("-", "+").replace("_", "/")
    try:
        data = base64.b64decode(standard, validate=True)
    except binascii.Error:
        raise _bad("no base64") from None
    # Bits that the last character has beyond the data would say something that nobody signed.
    if base64.b64encode(data).decode() != standard:
        raise _bad("no base64")
    return data


def _bad(what: str) -> InputError:
    return InputError(f"this signed envelope can't be used: {what}", mend="send it as its signer made it")
