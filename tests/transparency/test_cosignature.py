from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stillwatch.transparency import cosignature, notes
from stillwatch.transparency.checkpoint import Checkpoint
from stillwatch.transparency.notes import Note, Verifier

LOG, ONE, TWO = (Ed25519PrivateKey.from_private_bytes(bytes([n] * 32)) for n in (1, 2, 3))
NOTE = Checkpoint("log", 7, bytes(32)).signed(LOG)


def witness(key, name):
    return Verifier.of(name, key, notes.COSIGNATURE)


def test_a_cosignature_says_when():
    note = NOTE.with_signatures([cosignature.cosign(NOTE, ONE, "w1", 1_700_000_000)])
    again = Note.parse(str(note))
    assert cosignature.time_of(again, witness(ONE, "w1")) == 1_700_000_000
    assert cosignature.time_of(again, witness(TWO, "w1")) is None
    assert cosignature.time_of(NOTE, witness(ONE, "w1")) is None


def test_time_and_text_are_signed():
    line = cosignature.cosign(NOTE, ONE, "w1", 5)
    later = notes.Signature(line.name, line.key_id, (6).to_bytes(8, "big") + line.data[8:])
    assert cosignature.time_of(NOTE.with_signatures([later]), witness(ONE, "w1")) is None
    other = Checkpoint("log", 8, bytes(32)).signed(LOG).with_signatures([line])
    assert cosignature.time_of(other, witness(ONE, "w1")) is None


def test_a_plain_signature_is_no_cosignature():
    plain = notes.sign(NOTE.text, ONE, "w1").signatures
    note = NOTE.with_signatures(plain)
    assert cosignature.time_of(note, Verifier.of("w1", ONE)) is None


def test_each_key_is_one_witness():
    lines = [cosignature.cosign(NOTE, ONE, name, 5) for name in ("a", "b")]
    note = NOTE.with_signatures([*lines, cosignature.cosign(NOTE, TWO, "c", 5)])
    known = [witness(ONE, "a"), witness(ONE, "b"), witness(TWO, "c"), witness(LOG, "d")]
    assert len(cosignature.witnesses(note, known)) == 2


def test_a_time_beyond_63_bits_is_none():
    """C2SP tlog-cosignature: it must not exceed 2^63 - 1."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    witness, note = Verifier.of("w", key, notes.COSIGNATURE), notes.sign("o\n0\n\n", key, "o")
    for time, found in ((0, None), (1, 1), ((1 << 63) - 1, (1 << 63) - 1), (1 << 63, None)):
        assert (
            cosignature.time_of(note.with_signatures([cosignature.cosign(note, key, "w", time)]), witness)
            == found
        )
