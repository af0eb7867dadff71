"""The one list of shapes that masking, recognition of raw keys and redaction share."""

import base64
import uuid

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.records.secret_shapes import (
    ANYWHERE,
    STARTS_LIKE_KEY,
    decoded_text,
    is_key,
    is_random,
    starts_like_key,
)

BASE62 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def test_the_filter_says_the_same_in_arrow_as_here() -> None:
    values = [
        "sk-1",
        " sk-1",
        "SG.x",
        "ya29.a",
        "ya29a",
        "token x",
        "tokens",
        "AIza1",
        "hvs.CA",
        "npm_1",
        "x",
    ]
    by_arrow = pc.match_substring_regex(pa.array(values), STARTS_LIKE_KEY).to_pylist()
    assert by_arrow == [starts_like_key(value) for value in values]


@pytest.mark.parametrize("before", ["", "=", "/", "_", "\\n", "%3D", '"', "é"])
def test_a_key_is_found_behind_anything_that_ends_a_word(before: str) -> None:
    key = "gsk_abcdefghij0123456789abcdefghij0123456789"
    assert ANYWHERE.sub("", f"{before}{key}") == before


@pytest.mark.parametrize(
    "name", ["task-force-of-the-north", "disk-0123456789abcdef", "whisk_abcdefghijklmnop"]
)
def test_a_word_that_only_ends_as_a_key_begins_is_none(name: str) -> None:
    assert ANYWHERE.search(name) is None


@given(
    st.lists(st.sampled_from(["acme", "Team", "EuWest", "prod", "Sales", "2024", "01", "Alpha"]), max_size=9)
)
def test_names_are_no_random_tokens(words: list[str]) -> None:
    assert not is_random("-".join(words))


def test_random_tokens_are_told_from_ids() -> None:
    assert is_random("WHQ5L0fnJ8Q9xZ0fabcdeQ")
    assert not is_random(str(uuid.UUID(int=2**127 + 12345)))
    assert not is_random("6f1ed002ab5595859014ebf0951522d9")
    assert not is_random("aB3")


def test_base64_of_text_is_read() -> None:
    assert decoded_text(base64.b64encode(b"user:secret").decode()) == "user:secret"
    assert decoded_text("dXNlcjpzZWNyZXQ") == "user:secret"
    assert decoded_text("\u00e9") is None
    assert decoded_text("////") is None


def test_whole_values_only() -> None:
    assert is_key("xai-" + BASE62)
    assert not is_key("our key xai-" + BASE62)
