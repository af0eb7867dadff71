"""Disclosure rules as the forum's counsel signs them for members. Apart from the rules themselves, which need no key: a scan
checks what it writes without the packages of the exchange.
"""

from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stillwatch.intelligence.rules import Rules
from stillwatch.transparency import dsse
from stillwatch.transparency.notes import Verifier

RULES = "application/vnd.stillwatch.rules+yaml"
"""Type of the payload."""


def sign(text: bytes, key: Ed25519PrivateKey, name: str) -> dict[str, Any]:
    """The envelope in which rules go to members; `name` is that of the rules key."""
    return dsse.sign(RULES, text, key, name)


def open_signed(envelope: object, key: Verifier) -> Rules:
    """The rules in an envelope. Raises InputError unless this key signed them and they can be read."""
    return Rules.parse(dsse.verify(envelope, RULES, key.key))
