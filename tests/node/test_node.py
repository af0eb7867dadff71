"""One look at the hub after the other: what is sent is there, what comes is here, and what the hub owes is asked for."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stillwatch.intelligence import objects
from stillwatch.node.client import TAXII, UnreachableError
from stillwatch.node.faults import KEY, MISSING, SIGNATURE, OpenFaultError
from stillwatch.node.node import _MOST_IDS, FaultError, Node
from stillwatch.node.publishing import handling, today
from stillwatch.node.receiving import catch_up
from stillwatch.records.errors import InputError
from stillwatch.transparency import cosignature
from stillwatch.transparency.notes import COSIGNATURE, Note, Verifier


@pytest.fixture
def author(joined):
    return joined()


def states(node):
    return {row["stix_id"]: row["state"] for row in node.store.all("SELECT stix_id, state FROM outbox")}


def erase(node, stix_id):
    path = f"/taxii2/api/collections/{node.folder.trust.collection}/objects/{stix_id}/"
    node.client.ask("DELETE", path, headers={"Accept": TAXII})


def test_what_one_publishes_others_have(author, joined, indicator, complete):
    readers = [joined(), joined()]
    items = [indicator() for _ in range(3)]
    done = author.say(items)
    assert (done.problem, [each["state"] for each in done.states]) == (None, ["sent"] * 3)
    synced = author.sync()
    assert (synced.sent.taken, synced.not_shown) == (0, 0)
    assert set(states(author).values()) == {"confirmed"}
    for reader in readers:
        reader.sync()
        ids = {
            row[0] for row in reader.store.all("SELECT stix_id FROM received WHERE settled = 1 AND own = 0")
        }
        assert {item["id"] for item in items} <= ids
        assert reader.sync().received == 0
        complete(reader)


def test_what_was_sent_has_to_be_in_the_log(between, victim, indicator, refused, complete):
    """A hub that says it took something, and forgets it."""
    victim.sync()

    item = indicator()
    between.pretend = "/taxii2/?pretended"
    between.change_json("pretended", lambda said: said.update(status="complete", failures=[]))
    assert victim.say([item]).states[0]["state"] == "sent"
    assert item["id"] in refused(victim, MISSING, "its log does not hold it")["object"]
    between.honest()
    complete(victim)
    assert states(victim)[item["id"]] == "confirmed"


def test_an_object_that_was_erased_before_it_was_seen_here_is_no_fault(author, joined, indicator):
    for _ in range(2):
        item = indicator()
        author.say([item])
        erase(author, item["id"])
        author.sync()
    assert author.faults.all() == []


def test_an_erased_object_excuses_no_other_one(between, victim, author, indicator, refused):
    """As many as were erased unseen may be missing, and not one more."""
    victim.sync()
    # What others erased came long ago.
    with victim.store.writing():
        victim.store.run("UPDATE received SET received = 0")
    items = [indicator(), indicator()]
    victim.say([items[0]])
    erase(victim, items[0]["id"])
    victim.sync()
    with victim.store.writing():
        victim.store.run(
            "INSERT INTO outbox (stix_id, version, draft, not_before, state, body, sent) SELECT ?, version, draft, 0,"
            " 'sent', body, sent FROM outbox WHERE stix_id = ?",
            (items[1]["id"], items[0]["id"]),
        )
    refused(victim, MISSING, "its log does not hold it")


def test_an_object_that_was_erased_while_it_was_read_is_no_fault(author, indicator):
    item = indicator()
    author.say([item])
    catch_up(author.client, author.receiver)
    erase(author, item["id"])
    author.sync()
    author.sync()
    assert states(author)[item["id"]] == "confirmed"
    assert author.faults.all() == []


def test_the_checkpoint_is_cosigned_by_every_member(author, joined, forum):
    nodes = [author, joined()]
    for node in nodes:
        node.renew()
        node.flush()
    for node in nodes:
        assert node.sync().cosigned
    note = Note.parse(nodes[0].client.ask("GET", "/log/checkpoint", cosignatures=2).text)
    witnesses = [
        Verifier.of(node.store.get("witness"), node.folder.key("witness"), COSIGNATURE) for node in nodes
    ]
    assert {str(one) for one in cosignature.witnesses(note, witnesses)} == {str(one) for one in witnesses}
    # The name that everybody sees says nothing of the member.
    for node, witness in zip(nodes, witnesses, strict=True):
        assert node.folder.member_id not in str(witness)
        assert node.store.get("witness_known")


def test_a_witness_that_is_not_heard_is_no_reason_to_stop(victim, author, indicator):
    author.sync()
    assert victim.sync().cosigned
    # The hub knows another key of this member than its own.
    other = Verifier.of("another", Ed25519PrivateKey.generate(), COSIGNATURE)
    victim.client.ask("POST", "/exchange/v1/witness", body={"key": str(other)})
    author.say([indicator()])
    done = victim.sync()
    assert (done.received, done.cosigned) == (1, False)
    assert victim.sync().cosigned


def test_corroboration_is_asked_for_in_steps(author, joined, indicator):
    reader, third = joined(), joined()
    items = [indicator() for _ in range(_MOST_IDS + 5)]
    author.say(items)
    third.say([objects.sighting(item["id"], handling(today())) for item in items])
    third.say([objects.false_positive(items[0]["id"], handling(today()))])
    reader.sync()
    rows = {row[0]: (row[1], row[2]) for row in reader.store.all("SELECT * FROM corroboration")}
    assert {rows[item["id"]] for item in items[1:]} == {("1", "0")}
    assert rows[items[0]["id"]] == ("1", "1")
    assert reader.store.number("SELECT COUNT(*) FROM stale") == 0


def test_another_template_key_than_the_one_that_was_logged(between, victim, refused, complete):
    between.change_json("/exchange/v1/epoch", lambda said: said.update(template_key="A" * 22 + "=="))
    assert refused(victim, SIGNATURE, "another template key")["logged"]
    between.honest()
    victim.faults.clear(victim.faults.all()[0].id)
    victim.sync()
    assert json.loads((victim.folder.path / "epoch.json").read_text()) == victim.forum.epochs()[0].document()


def test_rules_that_the_forum_did_not_sign(between, victim, refused, complete):
    def loosen(said):
        said["envelope"]["payload"] = "A" + said["envelope"]["payload"][1:]

    between.change_json("/exchange/v1/rules", loosen)
    assert refused(victim, SIGNATURE, "disclosure rules do not hold")["envelope"]
    between.honest()
    complete(victim)


def test_another_certificate_than_the_one_that_was_asked_for(between, victim, author, refused, complete):
    author.sync()
    theirs = author.client.json("GET", f"/exchange/v1/pseudonyms/{author.pseudonyms.latest_own().id}", dict)
    between.change_json("/exchange/v1/pseudonyms", lambda said: said.update(theirs))
    refused(victim, SIGNATURE, "certified another key than ours")
    between.honest()
    complete(victim)


def test_while_a_fault_is_open_bundles_are_queued_and_nothing_leaves(
    between, victim, indicator, entries, other_log, refused, complete
):
    victim.sync()
    between.change("/log/", other_log(entries(), key=Ed25519PrivateKey.generate()))
    refused(victim, KEY)
    between.asked.clear()
    item = indicator()
    with pytest.raises(OpenFaultError):
        victim.say([item])
    assert between.asked == []
    assert states(victim)[item["id"]] == "queued"
    between.honest()
    complete(victim)
    victim.sync()
    assert states(victim)[item["id"]] == "confirmed"


def test_a_hub_out_of_reach_is_told_and_what_waits_goes_later(forum, author, joined, indicator):
    author.sync()
    reader = joined()
    item = indicator()
    forum.stop()
    try:
        author.client.wait = reader.client.wait = lambda seconds: None
        done = author.say([item])
        assert done.problem
        assert done.states[0]["state"] in ("queued", "assigned")
        with pytest.raises(UnreachableError):
            reader.sync()
        # What is here already can be written all the same.
        assert reader.faults.all() == []
    finally:
        forum.start()
    assert author.sync().sent.taken == 1
    reader.sync()
    assert reader.store.number("SELECT COUNT(*) FROM received WHERE stix_id = ?", (item["id"],)) == 1


def test_a_fault_names_the_file_of_its_evidence(victim, between, author, indicator):
    author.say([indicator(), indicator()])
    between.change_receipts(lambda page: page["receipts"].reverse())
    with pytest.raises(
        FaultError, match="ALTERED: the hub gave objects out of order; the evidence is in"
    ) as caught:
        victim.sync()
    assert str(caught.value.file) in str(caught.value)


def test_false_positives_count_against_what_was_received_alone(author, joined, indicator):
    item = indicator()
    author.say([item])
    author.sync()
    author.false_positive(item["id"])
    author.false_positive("indicator--00000000-0000-4000-8000-000000000000")
    assert author.sources.counts() == {}
    reader = joined()
    reader.sync()
    reader.false_positive(item["id"])
    assert reader.sources.counts() == {author.pseudonyms.latest_own().id: (0, 1)}


def test_there_has_to_be_a_node(tmp_path):
    with pytest.raises(InputError, match="no node here"):
        Node(tmp_path)
