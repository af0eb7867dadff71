"""What nodes ask of a hub, over HTTP and on both stores."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stillwatch.intelligence.rules import Rules
from stillwatch.intelligence.signed_rules import open_signed
from stillwatch.transparency import batches, cosignature, dsse, merkle, notes, tiles
from stillwatch.transparency import checkpoint as checkpoints
from stillwatch.transparency.follower import Follower
from stillwatch.transparency.notes import Note, Verifier

JSON = "application/json"


@pytest.fixture
def log_key(anna):
    return Verifier.parse(anna.credentials["hub"]["log_key"])


def bundles(running):
    return lambda number, width: running.call("GET", f"/log/{tiles.tile_path(None, number, width)}").body


def test_a_member_learns_who_it_is_and_which_rules_hold(running, anna):
    me = running.call("GET", "/exchange/v1/me").json
    assert me["member_id"] == anna.member.member_id
    assert me["pseudonym"] is None
    assert me["rules"] == Rules.default().digest
    envelope = running.call("GET", "/exchange/v1/rules").json["envelope"]
    assert (
        open_signed(envelope, Verifier.parse(anna.credentials["hub"]["rules_key"])).text
        == Rules.default().text
    )


def test_a_pseudonym_is_certified_once(running, anna, log_key):
    request = anna.request()
    answer = running.post("/exchange/v1/pseudonyms", request, JSON)
    again = running.post("/exchange/v1/pseudonyms", request, JSON)
    assert answer.json == again.json
    certificate = answer.json["certificate"]
    said = json.loads(dsse.verify(certificate, certificate["payloadType"], log_key.key))
    assert said["public_key"] == request["public_key"]
    assert (
        running.call("GET", f"/exchange/v1/pseudonyms/{said['pseudonym']}").json["certificate"] == certificate
    )
    other = running.post("/exchange/v1/pseudonyms", anna.request(key=Ed25519PrivateKey.generate()), JSON)
    assert other.status == 409
    wrong = running.post(
        "/exchange/v1/pseudonyms", request | {"proof": base64.b64encode(bytes(64)).decode()}, JSON
    )
    assert wrong.status in (403, 422)


def test_receipts_hold_what_a_node_verifies(running, anna, parts, log_key):
    by = anna.pseudonym()
    made = [parts.indicator(created_by_ref=by) for _ in range(5)]
    anna.post_signed(*made)
    page = running.call("GET", "/exchange/v1/receipts?after=0&limit=1000").json
    assert [r["seq"] for r in page["receipts"]] == [1, 2, 3, 4, 5]
    assert [r["object"] for r in page["receipts"]] == made
    (batch,) = page["batches"].values()
    signed = batches.opened(batch["envelope"], anna.key.public_key())
    raw = base64.b64decode(batch["leaves"])
    batches.require(signed, [raw[k : k + 32] for k in range(0, len(raw), 32)])
    rest = running.call("GET", "/exchange/v1/receipts?after=2&limit=2").json
    assert [r["seq"] for r in rest["receipts"]] == [3, 4]
    assert rest["more"]


def test_the_log_is_followed_from_tiles(running, anna, parts, log_key):
    member = Follower.new(log_key)
    for count in (3, 300, 1):
        anna.post(*(parts.indicator() for _ in range(count)))
        note = running.call("GET", "/log/checkpoint").body.decode()
        entries = member.advance(note, bundles(running))
        assert len(entries) >= count
    size = member.size
    tile = running.call("GET", f"/log/{tiles.tile_path(0, 0)}")
    assert len(tile.body) == 256 * 32
    assert "immutable" in tile.header("Cache-Control")

    def reader(level, index):
        width = tiles.width_at(size, level, index)
        return running.call("GET", f"/log/{tiles.tile_path(level, index, width)}").body

    assert tiles.frontier(size, reader).root() == member.frontier.root()
    path = merkle.inclusion_proof(7, size, tiles.subtrees(reader))
    assert merkle.is_included(tiles.hashes(tile.body)[7], 7, size, path, member.frontier.root())


def test_witnesses_cosign(running, anna, parts, log_key):
    anna.post(parts.indicator())
    key = Ed25519PrivateKey.generate()
    witness = Verifier.of("witness", key, notes.COSIGNATURE)
    assert running.post("/exchange/v1/witness", {"key": str(witness)}, JSON).status == 204
    note = Note.parse(running.call("GET", "/log/checkpoint").body.decode())
    assert running.call("GET", "/log/checkpoint?cosignatures=1").status == 404
    signed = Note(note.text, (*note.signatures, cosignature.cosign(note, key, "witness", 1_790_000_000)))
    assert running.post("/log/cosignatures", str(signed).encode(), "text/plain").status == 204
    told = Note.parse(running.call("GET", "/log/checkpoint?cosignatures=1").body.decode())
    assert cosignature.time_of(told, witness) == 1_790_000_000
    assert checkpoints.opened(told, log_key).text == note.text
    unknown = note.with_signatures([cosignature.cosign(note, Ed25519PrivateKey.generate(), "x", 5)])
    assert running.post("/log/cosignatures", str(unknown).encode(), "text/plain").status in (403, 409, 422)


def test_corroboration_has_buckets_and_no_names(running, anna, bert, hub, parts):
    item = parts.indicator()
    anna.post(item)
    said = {parts.Provider(hub, f"m{n}"): n for n in range(2)}
    ask = f"/exchange/v1/corroboration?id={item['id']}"
    assert running.call("GET", ask).json["items"][0]["sightings"] == "0"
    bert.post(parts.sighting(item["id"]))
    assert running.call("GET", ask).json["items"][0]["sightings"] == "1"
    for member in said:
        member.post(parts.sighting(item["id"]), parts.opinion(item["id"], explanation="false-positive"))
    (found,) = running.call("GET", ask).json["items"]
    assert found == {"id": item["id"], "sightings": "2 or more", "false_positives": "2 or more"}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/exchange/v1/receipts?after=x", 400),
        ("/exchange/v1/receipts?after=-1", 400),
        ("/exchange/v1/receipts?limit=0", 400),
        ("/exchange/v1/corroboration", 400),
        ("/exchange/v1/corroboration?id=x", 400),
        ("/exchange/v1/pseudonyms/identity--8b1d6f70-3c2e-4e9b-a5d4-0c7f2e914b63", 404),
        ("/log/tile/0/x000/001", 404),
        ("/log/tile/0/001.p/256", 404),
        ("/log/tile/99/000", 404),
        ("/log/tile/0/999", 404),
        ("/log/checkpoint?cosignatures=x", 400),
    ],
)
def test_other_questions_are_refused(shared, path, status):
    assert shared.call("GET", path).status in (status, 404)
