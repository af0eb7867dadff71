"""Digests of credentials."""

import hashlib

from stillwatch.records.digests import credential_digest, looks_like_credential


def test_it_is_blake2b_keyed_with_the_salt() -> None:
    assert credential_digest("sk-1") == hashlib.blake2b(b"sk-1", digest_size=16).hexdigest()
    assert credential_digest("sk-1", b"s") == hashlib.blake2b(b"sk-1", digest_size=16, key=b"s").hexdigest()


def test_one_key_has_one_digest_whatever_carries_it() -> None:
    assert credential_digest("Bearer sk-1") == credential_digest(" sk-1 ") == credential_digest("sk-1")
    assert len({credential_digest("sk-1", b"x" * n) for n in (0, 1, 64, 65, 200)}) == 5


def test_what_looks_like_a_credential() -> None:
    for raw in ("sk-abc", "Bearer abc", "AKIA1234567890", "ghp_abc", "xoxb-1", "eyJhbGciOiJI.eyJ"):
        assert looks_like_credential(raw)
    for name in (
        "acct-1",
        "skier",
        "user@example.org",
        "6f1ed002ab5595859014ebf0951522d9",
        "basically",
        "ASI-1",
    ):
        assert not looks_like_credential(name)
