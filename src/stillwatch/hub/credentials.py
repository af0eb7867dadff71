"""Secrets of members: 256 random bits each, of which only a salted SHA-256 is kept.

A slow hash (argon2, scrypt) makes guessing dear where people choose secrets. These are drawn by the hub: nobody tries 2^256
of them however fast the hash is, so a fast one is enough (NIST SP 800-63B, section 5.1.2.2, asks a salted hash only for
secrets of less than 112 bits), and a request does not pay for it. The salt keeps two digests of one secret apart.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

_SALT_BYTES = 16
_SECRET_BYTES = 32
_NAME_BYTES = 9


@dataclass(frozen=True)
class Kept:
    """What the hub keeps of a secret."""

    salt: bytes
    digest: bytes

    def fits(self, secret: str) -> bool:
        """Whether this is the secret. Takes as long for a wrong one as for the right one."""
        return hmac.compare_digest(_digest(self.salt, secret), self.digest)


NOBODY = Kept(bytes(_SALT_BYTES), bytes(32))
"""What an unknown name is held against, so that it takes as long as a known one with a wrong secret."""


def new_secret() -> tuple[str, Kept]:
    """Draw a secret; itself, which is shown once, and what to keep of it."""
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    salt = secrets.token_bytes(_SALT_BYTES)
    return secret, Kept(salt, _digest(salt, secret))


def new_name(kind: str) -> str:
    """Draw a name for a credential, which tells nothing of the member: `<kind>-<random>`."""
    return f"{kind}-{secrets.token_hex(_NAME_BYTES)}"


def _digest(salt: bytes, secret: str) -> bytes:
    return hashlib.sha256(salt + secret.encode("utf-8", "surrogatepass")).digest()
