"""The text form: one spelling for each signature, and nothing else is read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.records.signatures.form import (
    BYTES,
    LEAST_PAIRS,
    MOST_EPOCH,
    PARTS,
    WORDS,
    Signature,
    bucket,
    packed,
)

SIGNATURES = st.builds(
    Signature,
    st.integers(1, MOST_EPOCH),
    st.sampled_from(PARTS),
    st.sampled_from(WORDS),
    st.binary(min_size=BYTES, max_size=BYTES),
)


@given(SIGNATURES)
def test_what_is_written_is_read(signature: Signature) -> None:
    assert Signature.parse(str(signature)) == signature
    assert packed(signature.places) == signature.sketch


@given(SIGNATURES, st.integers(0, 200), st.characters())
def test_another_spelling_is_another_signature_or_none(signature: Signature, at: int, other: str) -> None:
    text = str(signature)
    changed = text[:at] + other + text[at + 1 :]
    try:
        found = Signature.parse(changed)
    except ValueError:
        return
    assert str(found) == changed


@given(st.text())
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not of the form"):
        Signature.parse(text)


def test_bits_to_spare_are_zero() -> None:
    text = str(Signature(7, "input", "16-31", bytes(BYTES)))
    assert text.endswith("A")
    with pytest.raises(ValueError, match="spare"):
        Signature.parse(text[:-1] + "B")


@pytest.mark.parametrize(
    "values",
    [
        (0, "input", "16-31", bytes(BYTES)),
        (1, "output", "16-31", bytes(BYTES)),
        (1, "input", "17-31", bytes(BYTES)),
        (1, "input", "16-31", bytes(BYTES - 1)),
    ],
)
def test_values_outside_the_form_are_refused(values: tuple[int, str, str, bytes]) -> None:
    with pytest.raises(ValueError, match=r"is not from|none of|has 64"):
        Signature(*values)


def test_buckets_follow_each_other() -> None:
    assert [bucket(n) for n in (12, 15, 16, 31, 32, 64, 127, 128, 5000)] == [
        *("12-15", "12-15", "16-31", "16-31", "32-63", "64-127", "64-127", "128+", "128+")
    ]
    with pytest.raises(ValueError, match="least"):
        bucket(LEAST_PAIRS - 1)


def test_the_low_half_of_a_byte_is_the_earlier_place() -> None:
    places = np.zeros(2 * BYTES, np.uint8)
    places[0], places[3] = 1, 2
    assert packed(places)[:2] == bytes([0x01, 0x20])
