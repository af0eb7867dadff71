"""One look at the hub after the other: what is sent is there, what comes is here, and what the hub owes is asked for."""

import json
import threading
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stillwatch.hub.exchange import Exchange
from stillwatch.hub.limits import CACHED_SECONDS
from stillwatch.intelligence import objects
from stillwatch.node.client import TAXII, RefusedError, UnreachableError
from stillwatch.node.faults import KEY, MISSING, SIGNATURE, OpenFaultError
from stillwatch.node.folder import Folder
from stillwatch.node.node import _MOST_IDS, FaultError, Node
from stillwatch.node.publishing import AUTHOR, handling, today
from stillwatch.node.receiving import catch_up
from stillwatch.node.store import now_us
from stillwatch.records.errors import InputError
from stillwatch.transparency import cosignature
from stillwatch.transparency.canonical import canonical
from stillwatch.transparency.follower import FORK, LogFaultError
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


@pytest.mark.parametrize(
    "told", ["nothing", "the erased one", "the erased one, without its salt", "none yet"]
)
def test_an_erased_object_excuses_no_other_one(between, victim, author, indicator, refused, told):
    """A hub that drops what it took, and has something else erased in its place."""
    victim.sync()
    decoy, item = indicator(), indicator()
    author.say([decoy])
    row = author.store.one("SELECT seq, log_index FROM outbox WHERE stix_id = ?", (decoy["id"],))
    erase(author, decoy["id"])
    said = {"id": item["id"], "seq": row["seq"], "log_index": row["log_index"], "salt": "A" * 43 + "="}
    if told == "the erased one, without its salt":
        said |= {"seq": row["seq"] - 1, "log_index": row["log_index"] - 1, "salt": None}
    if told == "none yet":
        said |= {"seq": row["seq"] + 99, "log_index": row["log_index"] + 99}
    between.pretend = "/taxii2/?pretended"
    between.change_json(
        "pretended",
        lambda document: document.update(
            status="complete", failures=[], x_stillwatch_receipts=[] if told == "nothing" else [said]
        ),
    )
    assert victim.say([item]).states[0]["state"] == "sent"
    assert item["id"] in refused(victim, MISSING, "its log does not hold it")["object"]


def test_what_the_hub_says_was_erased_as_soon_as_it_came_is_told(between, victim, author, indicator):
    """The author sees that it is not there, and knows whether it had it erased."""
    victim.sync()
    decoy, item = indicator(), indicator()
    author.say([decoy])
    row = author.store.one("SELECT seq, log_index FROM outbox WHERE stix_id = ?", (decoy["id"],))
    erase(author, decoy["id"])
    said = {"id": item["id"], "seq": row["seq"], "log_index": row["log_index"], "salt": None}
    between.pretend = "/taxii2/?pretended"
    between.change_json(
        "pretended",
        lambda document: document.update(status="complete", failures=[], x_stillwatch_receipts=[said]),
    )
    victim.say([item])
    victim.sync()
    assert states(victim)[item["id"]] == "erased"
    assert victim.queue.erased() == [item["id"]]


def test_who_may_not_read_is_told_all_the_same_that_the_log_holds_what_it_sent(joined, forum, indicator):
    node = joined()
    with Exchange.open(forum.folder) as hub:
        hub.grant(
            hub.member(node.folder.member_id), node.folder.trust.collection, can_read=False, can_write=True
        )
    item = indicator()
    node.say([item])
    node.sync()
    assert states(node)[item["id"]] == "confirmed"
    assert node.faults.all() == []


def test_an_object_that_was_erased_while_it_was_read_is_no_fault(author, indicator):
    item = indicator()
    author.say([item])
    catch_up(author.client, author.receiver)
    erase(author, item["id"])
    author.sync()
    author.sync()
    assert states(author)[item["id"]] == "erased"
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


# What a member decides before something left, and what happens to it afterwards.

TOMORROW_US = 86_400_000_000


def test_what_waits_for_its_time_is_taken_back_by_its_withdrawal(author, indicator):
    author.sync()
    held, later, said = indicator(), indicator(), indicator()
    author.say([said])
    author.publish({"type": "bundle", "objects": [held, later]}, now_us() + TOMORROW_US)
    author.publish(
        {"type": "bundle", "objects": [said | {"modified": "2026-03-02T00:00:00.000Z"}]},
        now_us() + TOMORROW_US,
    )
    assert author.withdraw(held["id"]) is None
    assert author.withdraw(said["id"]).states[0]["state"] == "sent"
    assert author.queue.waiting() == 1
    with author.store.writing():
        author.store.run("UPDATE outbox SET not_before = 0")
    author.flush()
    author.sync()
    found = author.store.all(
        "SELECT stix_id, revoked FROM received WHERE own = 1 AND type = 'indicator' ORDER BY seq"
    )
    assert [tuple(row) for row in found] == [(said["id"], 0), (said["id"], 1), (later["id"], 0)]
    with pytest.raises(InputError, match="not published from here"):
        author.withdraw(held["id"])


def test_what_is_published_is_queued_before_anything_else(author, indicator, monkeypatch):
    author.sync()
    monkeypatch.setattr("stillwatch.node.node._PATIENCE_S", 0.1)
    items = [indicator() for _ in range(3)]
    with Folder.open(author.folder.path).working():
        done = author.say(items[:1])
    assert done.states[0]["state"] == "queued"
    assert "another process" in done.problem
    # Credentials that the forum took back are for a person to mend; what was published stays.
    author.client._credentials["basic"]["password"], kept = (
        "wrong",
        author.client._credentials["basic"]["password"],
    )
    with pytest.raises(RefusedError, match="check the credentials"):
        author.say(items[1:2])
    author.client._credentials["basic"]["password"] = kept
    author.say(items[2:])
    assert {states(author)[item["id"]] for item in items} == {"sent"}


def test_who_may_not_post_still_takes(forum, author, joined, indicator):
    node = joined()
    node.sync()
    with Exchange.open(forum.folder) as hub:
        collection = node.folder.trust.collection
        hub.grant(hub.member(node.folder.member_id), collection, can_read=True, can_write=False)
    time.sleep(CACHED_SECONDS * 2)
    author.say([indicator()])
    node.queue.add([indicator()])
    done = node.sync()
    assert done.received >= 1
    assert "403" in done.problem
    assert node.queue.waiting() >= 1


def test_the_node_is_free_while_everything_is_verified(between, victim, author, indicator):
    author.say([indicator()])
    victim.sync()
    reached, go = threading.Event(), threading.Event()

    def wait(path, raw):
        reached.set()
        go.wait(30)
        return raw

    between.change("/exchange/v1/receipts", wait)
    found = []
    thread = threading.Thread(target=lambda: found.append(victim.verify()))
    thread.start()
    try:
        assert reached.wait(30)
        with Folder.open(victim.folder.path).working(1.0):
            pass
        # What comes meanwhile is no fault of the hub's.
        author.say([indicator()])
    finally:
        go.set()
        thread.join()
    assert (found[0].bad, found[0].problem) == (None, None)


@pytest.mark.parametrize("kind", [FORK, MISSING])
def test_after_a_new_epoch_and_a_fault_ones_own_objects_are_still_ones_own(forum, author, indicator, kind):
    item = indicator(created_by_ref=AUTHOR)
    author.say([item])
    author.sync()
    forum.new_epoch()
    author.faults.clear(author.faults.record(LogFaultError(kind, "as if", {})).id)
    author.sync()
    assert states(author)[item["id"]] == "confirmed"
    assert author.withdraw(item["id"]).states[0]["state"] == "sent"


def test_what_was_erased_is_not_sent_again_after_a_fault(author, indicator):
    item = indicator()
    author.say([item])
    author.sync()
    erase(author, item["id"])
    author.sync()
    assert states(author)[item["id"]] == "erased"
    author.faults.clear(author.faults.record(LogFaultError(FORK, "as if", {})).id)
    author.sync()
    assert states(author)[item["id"]] == "erased"
    assert author.queue.waiting() == 0


def test_versions_that_did_not_leave_from_here_are_told(author, indicator):
    item = indicator()
    author.say([item])
    raw = canonical({"objects": [item | {"modified": "2026-03-02T00:00:00.000Z"}]})
    path = f"/taxii2/api/collections/{author.folder.trust.collection}/objects/"
    author.client.ask("POST", path, raw=raw, headers={"Content-Type": TAXII, "Accept": TAXII})
    author.sync()
    assert author.queue.not_from_here() == [item["id"]]
