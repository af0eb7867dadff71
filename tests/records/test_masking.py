"""No secret of a known shape is left in what is kept aside."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.records.masking import MASK, MAX_TEXT, mask, mask_text, passes_luhn

SECRETS = [
    "sk-proj-abcdEFGH1234567890",
    "sk-ant-api03-abcdefghijklmnop",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "xoxb-123456789012-abcdefGHIJ",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcDEF123-_",
    "hf_abcdefghijklmnopqrstuvwx",
    "4111 1111 1111 1111",
    "5555-5555-5555-4444",
    "378282246310005",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("around", ["{}", "the key is {}, keep it", '{{"a": "{}"}}', "x={};y"])
def test_secrets_of_known_shapes(secret: str, around: str) -> None:
    shown = mask_text(around.format(secret))
    assert secret not in shown
    assert MASK in shown


def test_headers_urls_and_private_keys() -> None:
    assert "c2VjcmV0c2VjcmV0" not in mask_text("Authorization: Basic c2VjcmV0c2VjcmV0")
    assert "opaque.token.123" not in mask_text("authorization=Bearer opaque.token.123")
    assert mask_text("postgres://bob:hunter2@db/x") == f"postgres://bob:{MASK}@db/x"
    pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc\n-----END RSA PRIVATE KEY-----"
    assert mask_text(f"a {pem} b") == f"a {MASK} b"
    assert "MIIEow" not in mask_text(pem[:40])
    assert "hunter2" not in mask_text('{"a": 1, "password": "hunter2", "b')


def test_fields_by_name_and_counts_of_tokens_stay() -> None:
    row = {
        "Authorization": "x",
        "x-api-key": "y",
        "client_secret": "z",
        "input_tokens": 5,
        "genai_tokens_input": 7,
    }
    assert mask(row) == {
        "Authorization": MASK,
        "x-api-key": MASK,
        "client_secret": MASK,
        "input_tokens": 5,
        "genai_tokens_input": 7,
    }
    assert mask({"token": None, "refresh_token": "abc"}) == {"token": None, "refresh_token": MASK}


def test_ordinary_values_stay_and_long_ones_are_cut() -> None:
    assert mask({"a": [1, 2.5, True, None, "text"]}) == {"a": [1, 2.5, True, None, "text"]}
    assert mask(1_760_000_000_000) == 1_760_000_000_000
    assert len(str(mask("x" * 100_000))) < MAX_TEXT + 40
    assert mask(float("nan")) == "nan"
    assert mask_text("4111 1111 1111 1112") == "4111 1111 1111 1112"


def test_luhn() -> None:
    assert passes_luhn("79927398713")
    assert not any(passes_luhn(f"7992739871{d}") for d in "012456789")


everything = st.recursive(
    st.one_of(
        st.none(), st.integers(), st.floats(), st.text(st.characters(codec=None)), st.binary(), st.datetimes()
    ),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(everything)
def test_anything_becomes_plain_json(value: object) -> None:
    json.dumps(mask(value), allow_nan=False, ensure_ascii=False).encode()


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40), st.sampled_from(SECRETS[:7]), st.text(max_size=40))
def test_a_secret_between_words_is_always_found(before: str, secret: str, after: str) -> None:
    assert secret not in mask_text(f"{before} {secret} {after}")
