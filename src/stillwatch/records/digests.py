"""Digests of credentials: a key that shows up in a log is never kept as it is."""

import hashlib
import re

DIGEST_BYTES = 16
_SCHEME = re.compile(r"^\s*(?:bearer|basic|token|apikey)\s+", re.IGNORECASE)

# What a raw credential looks like at the start of an identifier. Anchored, so that an ordinary identifier
# fails at its first character; the syntax is common to Python's `re` and to RE2, which Arrow uses.
CREDENTIAL_PATTERN = (
    r"^\s*(?:[Bb]earer\s|[Bb]asic\s|sk-|sk_live_|rk_live_|AKIA|ASIA|gh[pousr]_|github_pat_|glpat-|xox[a-z]-|hf_|AIza"
    r"|eyJ[A-Za-z0-9_-]{8,}\.)"
)
_CREDENTIAL = re.compile(CREDENTIAL_PATTERN)


def looks_like_credential(value: str) -> bool:
    """Whether an identifier has the shape of a raw key, token or authorization header."""
    return _CREDENTIAL.match(value) is not None


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
