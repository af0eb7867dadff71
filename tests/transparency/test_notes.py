import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.records.errors import InputError
from stillwatch.transparency import notes
from stillwatch.transparency.notes import Note, Signature, Verifier

# The example in the documentation of golang.org/x/mod/sumdb/note.
NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PUBLISHED = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def test_the_published_note_is_right():
    note = Note.parse(PUBLISHED)
    assert note.is_signed_by(Verifier.parse(NEUMANN))
    assert str(note) == PUBLISHED
    assert str(Verifier.parse(NEUMANN)) == NEUMANN


def test_a_note_that_was_changed_is_not_signed():
    key = Verifier.parse(NEUMANN)
    assert not Note.parse(PUBLISHED.replace("answer", "Answer")).is_signed_by(key)
    assert not Note.parse(PUBLISHED.replace("JnAM=", "JnAQ=")).is_signed_by(key)
    assert not Note.parse(PUBLISHED).is_signed_by(Verifier.of("PeterNeumann", KEY))


def test_signatures_of_others_are_kept_and_ignored():
    note = notes.sign("a\n", KEY, "one").with_signatures([Signature("two", b"1234", b"whatever")])
    again = Note.parse(str(note))
    assert again == note
    assert again.is_signed_by(Verifier.of("one", KEY))
    assert again.with_signatures(note.signatures) == again


def test_a_cosigning_key_signs_no_plain_note():
    note = notes.sign("a\n", KEY, "one")
    assert not note.is_signed_by(Verifier.of("one", KEY, notes.COSIGNATURE))


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "text\n",
        "text\n\n",
        "text\n\n— one\n",
        "text\n\n- one AAAAAAA=\n",
        "text\n\n— one AAAAAAA=",
        "text\n\n— o+ne AAAAAAA=\n",
        "text\n\n— one AAA\n",
        "te\rxt\n\n— one AAAAAAA=\n",
    ],
)
def test_what_is_no_note_is_refused(raw):
    with pytest.raises(InputError):
        Note.parse(raw)


@given(st.text(max_size=200))
def test_any_text_is_a_note_or_refused(raw):
    try:
        note = Note.parse(raw)
    except InputError:
        return
    assert str(note) == raw


@pytest.mark.parametrize(
    "text", ["", "a+b+c", NEUMANN[:-1], NEUMANN.replace("c74f", "c74e"), "a b+" + NEUMANN]
)
def test_what_is_no_key_is_refused(text):
    with pytest.raises(InputError):
        Verifier.parse(text)


def test_what_can_not_be_signed():
    with pytest.raises(ValueError, match="new line"):
        notes.sign("a", KEY, "one")
    with pytest.raises(ValueError, match="name"):
        Verifier.of("with space", KEY)


def test_halves_of_surrogate_pairs_are_no_text():
    published = "a\ud800\n\n— x/y " + base64.b64encode(bytes(68)).decode() + "\n"
    with pytest.raises(InputError):
        Note.parse(published)
