import base64
import hashlib
import random
import string
import uuid

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stillwatch.intelligence.opaque import decodes_to_text, id_reads_as_text, reads_as_text


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
        "TH3-PR1C3-0F-0UR-M0D3L-1S-20-D0LLARS-P3R-M1LL10N-T0K3NS-4ND-W3-H4V3-5000-GPUS-F0R-1TAA",
        "tHe_pRiCe_oF_oUr_mOdEl_iS_tWeNtY_dOlLaRs_pEr_mIlLiOn_tOkEnS_aNd_wE_hAvE_gPuS_20000_okA",
    ],
)
def test_words_and_counts_are(text):
    assert reads_as_text(text)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=16, max_size=64))
def test_a_prompt_is_no_digest(text):
    assume(len(set(text)) >= 6)
    assert decodes_to_text(text.encode())
    assert not decodes_to_text(hashlib.sha256(text.encode()).digest())


def test_ids_that_nobody_chose_are_no_text():
    draw = random.Random(53)
    drawn = [f"indicator--{uuid.UUID(bytes=draw.randbytes(16), version=4)}" for _ in range(100_000)]
    assert not [one for one in drawn if id_reads_as_text(one)]
    # Nor are numbers in order, which some tools make.
    assert not [n for n in range(2000) if id_reads_as_text(f"indicator--00000000-0000-4000-8000-{n:012d}")]


def test_an_id_that_is_printable_by_chance_may_stand():
    """One in 700,000 is; a node could not draw another for what it derives from content."""
    assert not id_reads_as_text("indicator--6b654161-5666-4852-a35f-6c25533b315e")


@given(
    st.text(string.ascii_letters + string.digits + " ", min_size=16, max_size=16), st.sampled_from("$.,:%-")
)
def test_words_are_no_id(text, sign):
    text = sign + text[1:]
    assume(len(set(text[:6] + text[9:])) >= 6)
    made = uuid.UUID(bytes=text.encode(), version=4)
    assert id_reads_as_text(f"sighting--{made}")
    assert id_reads_as_text(f"handle-{made.hex}")
    assert id_reads_as_text(str(made))


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=32, max_size=64), st.booleans())
def test_a_prompt_is_no_key(text, safe):
    assume(len(set(text)) >= 6)
    code = base64.urlsafe_b64encode if safe else base64.b64encode
    assert reads_as_text(code(text.encode()).decode().rstrip("="))
