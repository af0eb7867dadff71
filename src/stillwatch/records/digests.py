"""Digests of credentials: a key that shows up in a log is never kept as it is."""

import hashlib
import re

from stillwatch.records.secret_shapes import is_key, starts_like_key

DIGEST_BYTES = 16
_SCHEME = re.compile(r"^\s*(?:bearer|basic|token|api-?key)\s+", re.IGNORECASE)


def looks_like_credential(value: str, *, key_field: bool = False) -> bool:
    """Whether an identifier is a raw key, token or authorization header.

    Only at the shape and length of a real one: an account named `sk-bratislava` keeps its name, by which the
    provider knows it. In a field that is there for keys (`key_field`) the beginning of one is enough.
    """
    return starts_like_key(value) and (key_field or is_key(value))


def credential_digest(value: str, salt: bytes = b"") -> str:
    """32 hexadecimal digits of BLAKE2b (RFC 7693) of a credential, keyed with `salt` when there is one.

    An authorization scheme in front ("Bearer ") is left off, so that one key has one digest whichever header
    carried it. A salt longer than the 64 bytes that BLAKE2b takes as key is itself digested first.
    """
    key = salt if len(salt) <= hashlib.blake2b.MAX_KEY_SIZE else hashlib.blake2b(salt).digest()
    bare = _SCHEME.sub("", value).strip()
    return hashlib.blake2b(
        bare.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES, key=key
    ).hexdigest()
