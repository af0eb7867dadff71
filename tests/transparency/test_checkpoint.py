import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stillwatch.records.errors import InputError
from stillwatch.transparency import checkpoint, notes
from stillwatch.transparency.checkpoint import Checkpoint
from stillwatch.transparency.notes import Note, Verifier

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ROOT = bytes(range(32))


def test_a_checkpoint_goes_through_its_note():
    made = Checkpoint("log.example/1", 20_852_163, ROOT)
    note = Note.parse(str(made.signed(KEY)))
    assert note.text == "log.example/1\n20852163\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    assert checkpoint.opened(note, Verifier.of("log.example/1", KEY)) == made


def test_lines_of_extensions_are_ignored():
    text = Checkpoint("log", 0, ROOT).text + "more\n"
    assert Checkpoint.parse(text).size == 0


def test_only_the_log_s_own_signature_counts():
    other = Ed25519PrivateKey.generate()
    note = Checkpoint("log", 3, ROOT).signed(other)
    with pytest.raises(InputError, match="not signed"):
        checkpoint.opened(note, Verifier.of("log", KEY))


def test_a_checkpoint_of_another_log_is_refused():
    note = notes.sign(Checkpoint("other", 3, ROOT).text, KEY, "log")
    with pytest.raises(InputError, match="'other'"):
        checkpoint.opened(note, Verifier.of("log", KEY))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "log\n",
        "log\n1\n",
        "log\n01\nAAAA\n",
        "log\n-1\nAAAA\n",
        "log\n1\nAAAA\n",
        "\n1\nAAAA\n",
        "log\n1\n!\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text):
    with pytest.raises(InputError):
        Checkpoint.parse(text)


def test_a_tree_has_one_text():
    said = Checkpoint("o", 5, bytes(32)).text
    assert Checkpoint.parse(said).size == 5
    for other in (said + "more", said.replace("A=", "B="), said.replace("\n5\n", f"\n{1 << 63}\n")):
        with pytest.raises(InputError):
            Checkpoint.parse(other)
