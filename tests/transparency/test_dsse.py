import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.records.errors import InputError
from stillwatch.transparency import dsse

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
HELLO = "http://example.com/HelloWorld"


def test_the_encoding_is_that_of_the_specification():
    # secure-systems-lab/dsse, protocol.md, test vectors.
    assert dsse.pae(HELLO, b"hello world") == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


@given(st.binary(max_size=200))
def test_what_was_signed_comes_back(payload):
    envelope = dsse.sign(HELLO, payload, KEY, "one")
    assert dsse.verify(envelope, HELLO, KEY.public_key()) == payload
    assert dsse.payload_of(envelope, HELLO)[1][0][0] == "one"


def test_base64_for_urls_is_taken_as_well():
    envelope = dsse.sign(HELLO, b"\xfb\xff\xfe", KEY, "one")
    envelope["payload"] = envelope["payload"].replace("+", "-").replace("/", "_")
    assert dsse.verify(envelope, HELLO, KEY.public_key()) == b"\xfb\xff\xfe"


def test_type_and_payload_are_signed():
    envelope = dsse.sign(HELLO, b"a", KEY, "one")
    with pytest.raises(InputError, match="no envelope of type"):
        dsse.verify(envelope, "other", KEY.public_key())
    with pytest.raises(InputError, match="not signed"):
        dsse.verify(envelope | {"payload": "Yg=="}, HELLO, KEY.public_key())
    with pytest.raises(InputError, match="not signed"):
        dsse.verify(envelope, HELLO, Ed25519PrivateKey.generate().public_key())


def test_one_of_several_signatures_is_enough():
    other = dsse.sign(HELLO, b"a", Ed25519PrivateKey.generate(), "two")
    mine = dsse.sign(HELLO, b"a", KEY, "one")
    both = other | {"signatures": other["signatures"] + mine["signatures"]}
    assert dsse.verify(both, HELLO, KEY.public_key()) == b"a"


@pytest.mark.parametrize(
    "change",
    [
        {"signatures": []},
        {"signatures": "x"},
        {"signatures": ["x"]},
        {"signatures": [{"sig": 3}]},
        {"signatures": [{"sig": "a"}]},
        {"signatures": [{"keyid": 1, "sig": ""}]},
        {"payload": "*"},
        {"payload": None},
        {"signatures": [{"sig": ""}] * 9},
    ],
)
def test_what_is_no_envelope_is_refused(change):
    with pytest.raises(InputError):
        dsse.verify(dsse.sign(HELLO, b"a", KEY, "one") | change, HELLO, KEY.public_key())


def test_other_values_are_no_envelopes():
    for value in (None, 1, "x", [], {}):
        with pytest.raises(InputError):
            dsse.payload_of(value, HELLO)


@pytest.mark.parametrize("text", ["QQ", "QR==", "Q Q=", "QQ==\n", "é", 5, None])
def test_base64_has_one_form(text):
    """Neither without its padding, nor with bits beyond the data that nobody signed."""
    with pytest.raises(InputError):
        dsse.unbase64(text)
