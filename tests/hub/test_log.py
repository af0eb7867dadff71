import base64
import hashlib
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stillwatch.hub import log as logs
from stillwatch.hub.errors import Refused
from stillwatch.transparency import checkpoint as checkpoints
from stillwatch.transparency import cosignature, merkle, tiles
from stillwatch.transparency.canonical import canonical
from stillwatch.transparency.checkpoint import Checkpoint
from stillwatch.transparency.notes import COSIGNATURE, Note, Verifier

NAME = "witness.example/anna"


def signed(hub):
    return checkpoints.opened(Note.parse(hub.checkpoint()), hub._log.verifier)


def all_entries(hub):
    size = signed(hub).size
    found = []
    for number in range(-(-size // 256)):
        width = min(256, size - number * 256)
        found += tiles.unbundle(hub.entries(number, width))
    return found


@given(st.binary(min_size=32, max_size=32), st.integers(1, 2**53 - 1))
def test_entries_are_canonical(committed, seq):
    said = {"commitment": base64.b64encode(committed).decode(), "kind": "object", "seq": seq, "v": 1}
    assert logs.object_entry(committed, seq) == canonical(said)
    assert logs.erasure_entry(seq) == canonical({"kind": "erasure", "seq": seq, "v": 1})


def test_commitment_is_that_of_the_specification():
    salt, collection, body = b"s" * 32, "6b1d9a1e-3f0c-4c8e-9d57-0b0d8a6c1f22", b'{"id":"x"}'
    text = b"stillwatch object commitment v1\n" + salt + collection.encode() + b"\n" + body
    assert logs.commitment(salt, collection, body) == hashlib.sha256(text).digest()


@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(sizes=st.lists(st.integers(1, 300), min_size=1, max_size=6))
def test_any_growth_gives_the_tree_of_its_entries(hub, sizes):
    """Tiles, bundles and checkpoint, whatever the sizes of the steps."""
    for size in sizes:
        with hub.database.write() as tx:
            before = hub._log.add(tx, [b"entry %d" % number for number in range(size)])
        assert before + size == signed(hub).size
    entries = all_entries(hub)
    leaves = [merkle.leaf_hash(entry) for entry in entries]
    assert signed(hub).root == merkle.root(leaves)
    assert hub.tile(0, 0, min(256, len(leaves))) == b"".join(leaves[:256])
    for level, index in ((0, 0), (0, len(leaves) // 256), (1, 0)):
        width = tiles.width_at(len(leaves), level, index)
        if width:
            assert len(hub.tile(level, index, width)) == 32 * width
        assert hub.tile(level, index, width + 1) is None


def test_earlier_widths_of_tiles_and_bundles_can_be_had(hub, anna, parts):
    before = signed(hub).size
    old = hub.tile(0, 0, before), hub.entries(0, before)
    anna.post(parts.indicator(), parts.indicator())
    assert (hub.tile(0, 0, before), hub.entries(0, before)) == old
    assert hub.tile(0, 0, before + 3) is None
    assert hub.entries(0, before + 3) is None
    for level, index, width in (
        (0, 0, None),
        (0, 0, 0),
        (0, 0, 257),
        (0, 1, 1),
        (9, 0, 1),
        (0, 2**70, 1),
        (-1, 0, 1),
    ):
        assert hub.tile(level, index, width) is None
    for index, width in ((0, None), (0, 0), (0, 257), (1, 1), (-1, 1), (2**70, 1)):
        assert hub.entries(index, width) is None


def test_the_log_says_what_happened(hub, anna, parts):
    pseudonym = anna.pseudonym()
    item = parts.indicator()
    anna.post(item)
    hub.new_epoch()
    hub.delete(anna.member, anna.collection, item["id"], parts.Query())
    kinds = [json.loads(entry) for entry in all_entries(hub)]
    assert [said["kind"] for said in kinds] == ["epoch", "pseudonym", "object", "epoch", "erasure"]
    assert kinds[0]["number"] == 1
    assert kinds[1]["pseudonym"] == pseudonym
    assert kinds[2]["seq"] == kinds[4]["seq"] == 1
    key = base64.b64decode(hub.epoch()["template_key"])
    assert kinds[3]["template_key"] == hashlib.sha256(key).hexdigest()


class Witness:
    def __init__(self, hub, provider, name=NAME):
        self.hub, self.member, self.name = hub, provider.member, name
        self.key = Ed25519PrivateKey.generate()
        self.vkey = str(Verifier.of(name, self.key, COSIGNATURE))

    def cosigned(self, text):
        note = Note.parse(text)
        return str(note.with_signatures([cosignature.cosign(note, self.key, self.name, 1_790_000_000)]))


def test_cosignatures(hub, anna, bert, parts):
    one, two = Witness(hub, anna), Witness(hub, bert, "witness.example/bert")
    hub.register_witness(anna.member, one.vkey)
    hub.register_witness(bert.member, two.vkey)
    assert hub.checkpoint(1) is None
    first = hub.checkpoint()
    hub.cosign(anna.member, one.cosigned(first))
    hub.cosign(bert.member, two.cosigned(first))
    anna.post(parts.indicator())
    second = hub.checkpoint()
    hub.cosign(anna.member, one.cosigned(second))
    hub.cosign(anna.member, one.cosigned(second))
    anna.post(parts.indicator())
    known = [Verifier.parse(one.vkey), Verifier.parse(two.vkey)]
    for wanted, size in ((0, 3), (1, 2), (2, 1)):
        note = Note.parse(hub.checkpoint(wanted))
        assert checkpoints.opened(note, hub._log.verifier).size == size
        assert len(cosignature.witnesses(note, known)) == wanted
    assert hub.checkpoint(3) is None


def test_cosignatures_that_are_refused(hub, anna, bert, parts, tmp_path):
    witness = Witness(hub, anna)
    text = hub.checkpoint()

    def status(note, member=anna.member):
        with pytest.raises(Refused) as refused:
            hub.cosign(member, note)
        return refused.value.status

    assert status(witness.cosigned(text)) == 403
    hub.register_witness(anna.member, witness.vkey)
    assert status("no note") == 400
    assert status(text) == 422
    assert status(Witness(hub, anna).cosigned(text)) == 422
    assert status(witness.cosigned(text), bert.member) == 403
    other = Checkpoint(hub.settings.origin, 1, b"x" * 32)
    assert status(witness.cosigned(str(other.signed(Ed25519PrivateKey.generate())))) == 400
    # The log's own key signed something that the log never was: a restored backup, or a thief.
    assert status(witness.cosigned(str(other.signed(hub._keys.log)))) == 409
    later = Checkpoint(hub.settings.origin, 99, b"x" * 32)
    assert status(witness.cosigned(str(later.signed(hub._keys.log)))) == 409
    for vkey in ("x", str(hub._log.verifier)):
        with pytest.raises(Refused) as refused:
            hub.register_witness(anna.member, vkey)
        assert refused.value.status == 422


def test_old_cosignatures_that_nobody_needs_are_forgotten(hub, anna, bert, parts):
    one, two = Witness(hub, anna), Witness(hub, bert, "witness.example/bert")
    hub.register_witness(anna.member, one.vkey)
    hub.register_witness(bert.member, two.vkey)
    hub.cosign(bert.member, two.cosigned(hub.checkpoint()))
    for _ in range(3):
        note = hub.checkpoint()
        hub.cosign(anna.member, one.cosigned(note))
        anna.post(parts.indicator())
    hub.sweep()
    assert len(hub.database.query("SELECT 1 FROM cosigned")) == 3
    with hub.database.write() as tx:
        tx.execute("UPDATE cosigned SET first_seen = 1")
    hub.sweep()
    assert hub.database.query("SELECT size FROM cosigned ORDER BY size") == [(1,), (3,)]
    assert hub.checkpoint(2) is not None
