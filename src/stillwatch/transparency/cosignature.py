"""Cosignatures: witnesses say that a checkpoint continues what they saw, and when (C2SP tlog-cosignature, version 1)."""

from collections.abc import Iterable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stillwatch.transparency import notes
from stillwatch.transparency.notes import COSIGNATURE, Note, Signature, Verifier


def _message(time: int, text: str) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def cosign(note: Note, key: Ed25519PrivateKey, name: str, time: int) -> Signature:
    """A witness's line under a checkpoint's note; `time` in seconds since 1970."""
    signature = key.sign(_message(time, note.text))
    return Signature(name, Verifier.of(name, key, COSIGNATURE).id, time.to_bytes(8, "big") + signature)


def time_of(note: Note, witness: Verifier) -> int | None:
    """When this witness cosigned the note, in seconds since 1970; None where it did not, or not rightly."""
    one = note.of(witness)
    if one is None or witness.kind != COSIGNATURE or len(one.data) != 8 + 64:
        return None
    time = int.from_bytes(one.data[:8], "big")
    return (
        time if 0 < time < 1 << 63 and notes.is_by(witness, one.data[8:], _message(time, note.text)) else None
    )


def witnesses(note: Note, known: Iterable[Verifier]) -> list[Verifier]:
    """Those of the known witnesses that cosigned the note, each key once."""
    keys = {witness.public: witness for witness in known if time_of(note, witness) is not None}
    return list(keys.values())
