"""What two runs must have in common so that their rows can lie in one state."""

import hashlib

import pyarrow as pa

from stillwatch.detection.intake import KEPT, NUMBERS
from stillwatch.detection.state.manifest import Manifest
from stillwatch.records.errors import InputError
from stillwatch.records.schema import USAGE
from stillwatch.records.sketches import MARKS_VERSION, SKETCH_SCHEMA, Key, luck, sketch

PROBES = (
    "Explain, step by step, how a river finds its way to the sea; then grade the answer from 1 to 10.",
    "Erkläre Schritt für Schritt, warum Brücken schwingen. 数字を三つ挙げてください。 def f(x): return x + 1",
)
"""Texts of which the sketches tell whether this program draws them as the one before did."""


def intake_id() -> str:
    """A name for how this program turns rows into what a state holds: columns, sketches, marks and their word lists."""
    digest = hashlib.blake2b(digest_size=8, person=b"stillwatch-state")
    fields = [*NUMBERS, *(pa.field(name, USAGE[name].type) for name in KEPT), *SKETCH_SCHEMA]
    digest.update("\n".join(f"{field.name} {field.type}" for field in fields).encode())
    digest.update(f"marks {MARKS_VERSION}".encode())
    texts = pa.array(PROBES)
    drawn = sketch(texts, texts, Key(bytes(16)), 1)
    digest.update(repr(drawn.to_pydict()).encode())
    digest.update(repr(luck(texts).tolist()).encode())
    return digest.hexdigest()


def salt_id(salt: bytes, key: Key) -> str:
    """A name for the salt of account ids that tells nothing else about it; empty where there is none."""
    if not salt:
        return ""
    return hashlib.blake2b(salt, digest_size=8, key=key.secret, person=b"stillwatch-salt").hexdigest()


def check(manifest: Manifest, *, key: Key, salt: bytes, where: str) -> None:
    """Raise InputError when rows of this run would not be comparable with those of the state."""
    anew = "or scan all logs once more into a new folder (--state)"
    if manifest.key != key.id:
        raise InputError(
            f"this state stands under the sketch key {manifest.key}, and this run has {key.id}",
            where=where,
            mend=f"give its key with --key, {anew}",
        )
    if manifest.intake != intake_id():
        raise InputError(
            "this state was made by a program that sketches otherwise",
            where=where,
            mend=f"use the version that made it, {anew}",
        )
    if manifest.salt != salt_id(salt, key):
        raise InputError(
            "the salt of the account ids is not the one that this state was made with",
            where=where,
            mend=f"give the mapping file that it was made with (--mapping), {anew}",
        )
