import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.records.errors import InputError
from stillwatch.transparency import batches, dsse, merkle
from stillwatch.transparency.canonical import canonical

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OBJECTS = [canonical({"id": f"indicator--{n}", "n": n}) for n in range(7)]
WHO, WHERE = "identity--0", "collection"


def signed(objects=OBJECTS):
    return batches.sign(objects, WHERE, 3, WHO, KEY)


def test_a_batch_says_what_was_signed():
    batch = batches.opened(signed(), KEY.public_key())
    assert (batch.collection, batch.count, batch.epoch, batch.pseudonym) == (WHERE, 7, 3, WHO)
    assert batches.claimed(signed()) == batch
    batches.require(batch, batches.leaves_of(OBJECTS))


@given(st.lists(st.integers(0, 99), min_size=1, max_size=40))
def test_every_object_has_its_proof(numbers):
    objects = [canonical({"n": n}) for n in numbers]
    leaves = batches.leaves_of(objects)
    batch = batches.opened(signed(objects), KEY.public_key())
    for index, item in enumerate(objects):
        path = merkle.path(merkle.levels(leaves), index)
        assert batches.is_signed(batch, item, index, path)
        assert not batches.is_signed(batch, item + b" ", index, path)


def test_order_and_number_are_signed():
    batch = batches.opened(signed(), KEY.public_key())
    for other in (OBJECTS[::-1], OBJECTS[:-1], [*OBJECTS, OBJECTS[0]]):
        with pytest.raises(InputError, match="not those that were signed"):
            batches.require(batch, batches.leaves_of(other))


def test_another_key_has_not_signed():
    with pytest.raises(InputError, match="not signed"):
        batches.opened(signed(), Ed25519PrivateKey.generate().public_key())


@pytest.mark.parametrize(
    "payload",
    [
        b"[]",
        b"{}",
        b'{"collection":"c","count":0,"epoch":1,"pseudonym":"p","root":"","version":1}',
        b'{"collection":"c","count":true,"epoch":1,"pseudonym":"p","root":"","version":1}',
        b"not json",
    ],
)
def test_other_payloads_are_refused(payload):
    with pytest.raises(InputError):
        batches.opened(dsse.sign(batches.BATCH, payload, KEY, WHO), KEY.public_key())


def test_a_payload_in_another_form_is_refused():
    good, _ = dsse.payload_of(signed(), batches.BATCH)
    with pytest.raises(InputError, match="can't be read"):
        batches.Batch.of_payload(b" " + good)


def test_how_many_a_batch_may_have():
    for objects in ([], [b"{}"] * (batches.MOST_OBJECTS + 1)):
        with pytest.raises(ValueError, match="1 to 1000"):
            batches.sign(objects, WHERE, 3, WHO, KEY)


@pytest.mark.parametrize(
    "change",
    [
        lambda e: e.update(roadmap="words that no rule has seen"),
        lambda e: e["signatures"][0].update(note="words that no rule has seen"),
        lambda e: e["signatures"][0].update(keyid="words that no rule has seen"),
        lambda e: e["signatures"][0].pop("keyid"),
        lambda e: e["signatures"].append({"keyid": WHO, "sig": "d29yZHM="}),
        lambda e: e["signatures"].insert(0, {"keyid": WHO, "sig": "d29yZHM="}),
    ],
)
def test_an_envelope_carries_nothing_that_is_not_signed(change):
    """A hub hands envelopes on: whatever else they hold would get past the disclosure rules."""
    envelope = signed()
    change(envelope)
    with pytest.raises(InputError):
        batches.opened(envelope, KEY.public_key())
    with pytest.raises(InputError):
        batches.claimed(envelope)


def test_an_epoch_is_no_negative_number():
    with pytest.raises(InputError):
        batches.Batch.of_payload(batches.Batch(WHERE, 1, -1, WHO, bytes(32)).payload)
