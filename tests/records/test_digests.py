"""Digests of credentials."""

import hashlib

import pyarrow as pa
import pytest

from stillwatch.records.digests import credential_digest, looks_like_credential
from stillwatch.records.schema import USAGE
from stillwatch.records.validation import convert


def test_it_is_blake2b_keyed_with_the_salt() -> None:
    assert credential_digest("sk-1") == hashlib.blake2b(b"sk-1", digest_size=16).hexdigest()
    assert credential_digest("sk-1", b"s") == hashlib.blake2b(b"sk-1", digest_size=16, key=b"s").hexdigest()


def test_one_key_has_one_digest_whatever_carries_it() -> None:
    assert credential_digest("Bearer sk-1") == credential_digest(" sk-1 ") == credential_digest("sk-1")
    assert len({credential_digest("sk-1", b"x" * n) for n in (0, 1, 64, 65, 200)}) == 5


RAW_KEYS = [
    "sk-" + "a1B2c3D4" * 6,
    "sk-proj-abcDEF1234567890abcDEF1234567890",
    "sk-WHQ5L0fnJ8Q9xZ0f_abcdeQ",  # LiteLLM's virtual keys: 22 characters of URL-safe base64
    "sk-" + "0af1" * 8,
    "gsk_RAWKEY0123456789abcdefghij",
    "xai-" + "abcD1234" * 10,
    "hf_" + "abcdefGHIJ" * 3 + "klmn",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "xoxb-123456789012-abcdefGHIJ",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcDEF123-_",
    "Bearer opaque.token.123",
    "Basic dXNlcjpzZWNyZXQ=",
]
NAMES = [
    "acct-1",
    "skier",
    "user@example.org",
    "6f1ed002ab5595859014ebf0951522d9",
    "basically",
    "ASI-1",
    "sk-abc",
    "sk-bratislava-stare-mesto-oddelenie-uctov",
    "sk-Bratislava-Stare-Mesto-2024-01",
    "sk-6f1ed002ab5595859014ebf0",  # any id of ours with the country in front
    "hf_research_group",
    "basic plan",
    "basic user 12",
    "Bearer bonds",
    "token-holders",
    "npm_mirror",
]


@pytest.mark.parametrize("raw", RAW_KEYS)
def test_raw_keys_are_told_by_shape_and_length(raw: str) -> None:
    assert looks_like_credential(raw)
    assert looks_like_credential(f"  {raw} ")
    assert looks_like_credential(raw, key_field=True)


@pytest.mark.parametrize("name", NAMES)
def test_names_that_begin_as_keys_do_stay(name: str) -> None:
    assert not looks_like_credential(name)


def test_in_a_field_for_keys_the_beginning_is_enough() -> None:
    for raw in ("sk-1234", "Bearer abc", "AKIA1234567890", "ghp_abc", "xoxb-1", "eyJhbGciOiJI.eyJ"):
        assert looks_like_credential(raw, key_field=True)
    for name in ("acct-1", "skier", "6f1ed002ab5595859014ebf0951522d9", "basically"):
        assert not looks_like_credential(name, key_field=True)


@pytest.mark.parametrize("column", ["account_id", "credential_id"])
def test_values_and_arrays_are_judged_alike(column: str) -> None:
    values = RAW_KEYS + NAMES
    one_by_one = convert(USAGE[column], values, b"s").array
    assert convert(USAGE[column], pa.array(values), b"s").array.equals(one_by_one)
    if column == "account_id":
        assert one_by_one.to_pylist() == [credential_digest(raw, b"s") for raw in RAW_KEYS] + NAMES
