import base64
import hashlib
import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stillwatch.intelligence.opaque import decodes_to_text, reads_as_text


def coded(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@pytest.mark.parametrize("size", [32, 64])
def test_what_nobody_chose_is_no_text(size):
    draw = random.Random(52)
    drawn = [draw.randbytes(size) for _ in range(20_000)]
    assert not [data for data in drawn if reads_as_text(coded(data)) or decodes_to_text(data)]


@pytest.mark.parametrize(
    "text",
    [
        "CustomerAcmeBankPays3DollarsPerMillionToken",
        "customer_acmebank_pays_three_dollars_per_million",
        "CUSTOMERACMEBANKPAYSTHREEDOLLARSPERMILLIONTOKENS",
        "Customer-AcmeBank-pays-three-dollars-per-Mtok-and-the-roadmap-has-a-launch-in-the-spring-of",
        "4821377748213777482137774821377748213777482",
    ],
)
def test_words_and_counts_are(text):
    assert reads_as_text(text)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=16, max_size=64))
def test_a_prompt_is_no_digest(text):
    assume(len(set(text)) >= 6)
    assert decodes_to_text(text.encode())
    assert not decodes_to_text(hashlib.sha256(text.encode()).digest())
