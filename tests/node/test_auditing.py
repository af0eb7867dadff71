"""Following a hub's log: forks, rollbacks, other entries and keys are found, told with evidence, and got over."""

import json
import shutil

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stillwatch.node.client import TAXII
from stillwatch.node.faults import ALTERED, KEY, MISSING, SIGNATURE
from stillwatch.node.folder import CONFIG, Folder
from stillwatch.node.node import FaultError, Node
from stillwatch.node.receiving import of_page
from stillwatch.records.errors import InputError
from stillwatch.transparency import checkpoint as checkpoints
from stillwatch.transparency import tiles
from stillwatch.transparency.canonical import canonical
from stillwatch.transparency.follower import ENTRIES, FORK, ROLLBACK
from stillwatch.transparency.notes import Note, Verifier


@pytest.fixture
def author(joined, indicator):
    """A member that published three objects; its node."""
    node = joined()
    node.say([indicator() for _ in range(3)])
    return node


@pytest.fixture
def follower(victim, author):
    """A node that follows the log by way of `between`."""
    victim.sync()
    assert victim.auditor.follower().size > 3
    return victim


def both_signed(node, evidence):
    """Two notes by the log's own key, which others can hold side by side."""
    log = Verifier.parse(node.folder.trust.log_key)
    for name in ("before", "now"):
        assert Note.parse(evidence[name]).is_signed_by(log)
    assert evidence["before"] != evidence["now"]


def changed(entries, index):
    """A log in which one object is another."""
    said = json.loads(entries[index])
    said["commitment"] = "A" * 43 + "="
    return [*entries[:index], canonical(said), *entries[index + 1 :]]


def of_objects(entries):
    return [index for index, entry in enumerate(entries) if json.loads(entry)["kind"] == "object"]


def test_two_trees_of_one_size(between, follower, entries, other_log, refused, complete):
    there = entries()
    between.change("/log/", other_log(changed(there, of_objects(there)[0])))
    both_signed(follower, refused(follower, FORK, "two roots are signed"))
    between.honest()
    complete(follower)


def test_a_longer_log_with_another_beginning(
    between, follower, author, indicator, entries, other_log, refused, complete
):
    author.say([indicator()])
    there = entries()
    between.change("/log/", other_log(changed(there, of_objects(there)[0])))
    evidence = refused(follower, FORK, "has another root now than the one that it signed before")
    both_signed(follower, evidence)
    assert evidence["root_now"]
    between.honest()
    complete(follower)


def test_a_shorter_log(between, follower, author, indicator, entries, other_log, refused, complete):
    old = other_log(entries()[:-2])
    author.say([indicator()])
    between.change("/log/", old)
    both_signed(follower, refused(follower, ROLLBACK, "and is signed now with"))
    between.honest()
    complete(follower)


def test_a_cache_with_an_older_checkpoint_is_no_fault(
    between, follower, author, indicator, entries, other_log, complete
):
    """It is asked again past caches before anybody is blamed."""
    old = other_log(entries()[:-2])
    answers = iter([old.note.encode()])
    between.change("/log/checkpoint", lambda path, raw: next(answers, raw))
    author.say([indicator()])
    assert follower.sync().received == 1
    assert next(answers, None) is None
    assert follower.faults.all() == []
    complete(follower)


def test_entries_that_are_not_those_of_the_tree(between, follower, author, indicator, refused, complete):
    author.say([indicator()])

    def other(path, raw):
        found = tiles.unbundle(raw)
        said = json.loads(found[-1])
        return tiles.bundle([*found[:-1], canonical(said | {"commitment": "A" * 43 + "="})])

    between.change("/log/tile/entries", other)
    both_signed(follower, refused(follower, ENTRIES, "do not continue the log"))
    between.honest()
    complete(follower)


def test_numbers_that_leave_one_out(between, victim, author, entries, other_log, refused, complete):
    victim.flush()
    there = entries()
    first = of_objects(there)[0]
    between.change("/log/", other_log([*there[:first], *there[first + 1 :], b'{"kind":"of tomorrow"}']))
    assert refused(victim, ENTRIES, "after object 0")["entry"]
    between.honest()
    complete(victim)


@pytest.mark.parametrize(
    "entry", [b'{"kind":"erasure","seq":"one","v":1}', b'{"kind":"pseudonym","v":1}', b"[", b"\xff"]
)
def test_entries_that_cannot_be_read(entry, between, victim, author, entries, other_log, refused, complete):
    victim.flush()
    between.change("/log/", other_log([*entries(), entry]))
    refused(victim, ENTRIES, "can't be read")
    between.honest()
    complete(victim)


@pytest.mark.parametrize("entry", [b'{"kind":"of tomorrow","v":2}', b"{}", b"[]", b"1"])
def test_entries_of_kinds_that_are_not_known_are_passed_over(
    entry, between, victim, author, entries, other_log
):
    # What is sent makes the log grow, so that nothing may be left to send when it is copied.
    victim.flush()
    between.change("/log/", other_log([*entries(), *[entry] * 300]))
    victim.sync()
    assert victim.auditor.follower().size == len(entries()) + 300


def test_a_checkpoint_by_another_key(between, follower, entries, other_log, refused, complete):
    between.change("/log/", other_log(entries(), key=Ed25519PrivateKey.generate()))
    evidence = refused(follower, KEY, "not signed by the key that was pinned")
    assert evidence["pinned"] == follower.folder.trust.log_key
    between.honest()
    complete(follower)


@pytest.mark.parametrize("raw", [b"", b"\xff", b"no note\n", b"a\n\nb\n"])
def test_what_is_no_checkpoint_is_told_and_is_no_fault(raw, between, follower, complete):
    between.change("/log/checkpoint", lambda path, given: raw)
    with pytest.raises(InputError):
        follower.sync()
    assert follower.faults.all() == []
    between.honest()
    complete(follower)


def test_a_bundle_that_breaks_off_is_told_and_is_no_fault(between, follower, author, indicator, complete):
    author.say([indicator()])
    between.change("/log/tile/entries", lambda path, raw: raw[:-5])
    with pytest.raises(InputError):
        follower.sync()
    assert follower.faults.all() == []
    between.honest()
    complete(follower)


def test_an_object_that_the_log_does_not_hold(
    between, follower, author, indicator, entries, other_log, refused, complete
):
    """The hub gives an object, and signs a log in which it is not."""
    follower.sync()
    old = other_log(entries())
    author.say([indicator()])
    between.change("/log/", old)
    assert refused(follower, MISSING, "is said to be entry")["log_index"] == old.size
    between.honest()
    complete(follower)


def test_a_certificate_that_was_not_logged(between, victim, author, entries, other_log, refused, complete):
    """Somebody else could sign in the name of that pseudonym: its key would be known to who asks alone."""
    name = author.pseudonyms.latest_own().id
    victim.flush()
    there = [entry for entry in entries() if json.loads(entry).get("pseudonym") != name]
    gone = next(i for i, entry in enumerate(entries()) if json.loads(entry).get("pseudonym") == name)

    def moved(page):
        for receipt in page["receipts"]:
            receipt["log_index"] -= receipt["log_index"] > gone

    between.change("/log/", other_log(there))
    between.change_receipts(moved)
    evidence = refused(victim, SIGNATURE, f"the certificate of {name}")
    assert evidence["certificate"]
    between.honest()
    complete(victim)


def erase(node, stix_id):
    path = f"/taxii2/api/collections/{node.folder.trust.collection}/objects/{stix_id}/"
    node.client.ask("DELETE", path, headers={"Accept": TAXII})


def newest(node):
    return node.store.one("SELECT stix_id FROM outbox ORDER BY number DESC LIMIT 1")[0]


def bodies(node, stix_id):
    return [
        tuple(row)
        for row in node.store.all("SELECT body, salt, erased FROM received WHERE stix_id = ?", (stix_id,))
    ]


def test_what_was_erased_is_gone_here(follower, author, complete):
    stix_id = newest(author)
    assert bodies(follower, stix_id)[0][2] == 0
    erase(author, stix_id)
    follower.sync()
    assert bodies(follower, stix_id) == [(None, None, 1)]
    complete(follower)


def test_what_was_erased_before_it_came_is_known_as_such(victim, author, complete):
    stix_id = newest(author)
    erase(author, stix_id)
    victim.sync()
    assert bodies(victim, stix_id) == []
    assert victim.store.number("SELECT COUNT(*) FROM received WHERE erased = 1 AND settled = 1") >= 1
    complete(victim)


def test_what_was_on_its_way_while_its_erasure_was_read_is_gone_too(follower, author, indicator, complete):
    author.say([indicator()])
    stix_id = newest(author)
    raw = follower.client.ask("GET", "/exchange/v1/receipts", after=follower.receiver.cursor, limit=9).content
    erase(author, stix_id)
    follower.audit()
    follower.receiver.take(of_page(raw)[0], follower.receiver.generation)
    assert bodies(follower, stix_id)[0][2] == 0
    follower.audit()
    assert bodies(follower, stix_id) == [(None, None, 1)]
    complete(follower)


def test_an_altered_object_is_not_hidden_by_its_erasure(between, follower, author, indicator, refused):
    author.say([indicator()])

    def alter(page):
        page["receipts"][-1]["salt"] = "A" * 43 + "="

    raw = follower.client.ask("GET", "/exchange/v1/receipts", after=follower.receiver.cursor, limit=9).content
    page = json.loads(raw)
    alter(page)
    erase(author, newest(author))
    follower.receiver.take(of_page(json.dumps(page).encode())[0], follower.receiver.generation)
    # A hub could give content that was never said, and erase it afterwards.
    refused(follower, ALTERED, "is not the one that was logged")


def test_a_log_of_many_bundles_is_read_in_steps(victim, author, indicator, entries, complete):
    author.say([indicator() for _ in range(400)])
    size = len(entries())
    assert size > tiles.WIDTH
    victim.sync()
    author.say([indicator() for _ in range(200)])
    done = victim.sync()
    assert (done.received, done.log_size) == (200, len(entries()))
    assert victim.audit()[1].new == 0
    rows = victim.store.all("SELECT data FROM entries ORDER BY log_index")
    assert [row[0] for row in rows] == entries()
    complete(victim)


def test_without_a_key_nothing_is_believed(member):
    config = json.loads((member.path / CONFIG).read_text())
    (member.path / CONFIG).write_text(json.dumps(config | {"log_key": None}))
    with pytest.raises(InputError, match="the node's file has no 'log_key'"):
        Node(member.path)


# Two hubs, and one whose disk somebody has.


def others_said(node):
    rows = node.store.all(
        "SELECT stix_id FROM received WHERE settled = 1 AND own = 0 AND erased = 0 ORDER BY seq"
    )
    return [row[0] for row in rows]


def post(node, item):
    """Send an object as any tool does, unsigned."""
    path = f"/taxii2/api/collections/{node.sender.collection}/objects/"
    raw = json.dumps({"objects": [item]}).encode()
    node.client.ask("POST", path, raw=raw, headers={"Content-Type": TAXII, "Accept": TAXII})


def kind_of_fault(node):
    with pytest.raises(FaultError) as caught:
        node.sync()
    return caught.value.fault.kind


@pytest.fixture
def histories(forum, tmp_path, indicator):
    """A hub that was copied, with its keys, before it went on: two histories of one log, and how to serve each of them."""
    forum_class = type(forum)
    first = forum_class(tmp_path / "first")
    first.start()
    nodes = []

    def node_of(name):
        node = Node(Folder.create(tmp_path / name, first.url, first.member(name)).path)
        nodes.append(node)
        return node

    author = node_of("author")
    assert not author.say([indicator()]).problem
    victim = node_of("victim")
    victim.sync()
    author.sync()
    first.stop()
    shutil.copytree(tmp_path / "first", tmp_path / "second")
    yield first, author, victim, tmp_path
    for node in nodes:
        node.close()
    first.stop()


def swap(tmp_path):
    """Serve the other copy from now on, in the same place."""
    (tmp_path / "first").rename(tmp_path / "aside")
    (tmp_path / "second").rename(tmp_path / "first")


def test_another_history_under_the_same_key_is_a_fork(histories, indicator):
    hub, author, victim, tmp_path = histories
    hub.start()
    for _ in range(3):
        assert not author.say([indicator()]).problem
    victim.sync()
    seen = victim.auditor.follower().size
    hub.stop()
    swap(tmp_path)
    hub.start()
    # The other history grows past what the victim saw, so that its size tells nothing. Its author has lost nothing there.
    other = Node(shutil.copytree(author.folder.path, tmp_path / "other"))
    other.store.run("DELETE FROM faults")
    for _ in range(6):
        post(other, indicator("198.51.100.9"))
    other.close()
    with pytest.raises(FaultError) as caught:
        victim.sync()
    fault = caught.value.fault
    assert fault.kind == FORK
    # Both signed checkpoints are kept: anybody can see that the hub signed two trees.
    evidence = victim.faults.evidence(fault.id)["evidence"]
    log = victim.auditor.verifier()
    before, now = (checkpoints.opened(Note.parse(evidence[name]), log) for name in ("before", "now"))
    assert before.size == seen <= now.size
    assert evidence["root_now"] != before.root


def test_a_hub_put_back_is_a_rollback_and_gets_back_what_it_lost(histories, indicator):
    hub, author, victim, tmp_path = histories
    hub.start()
    lost = indicator()
    assert not author.say([lost]).problem
    author.sync()
    victim.sync()
    hub.stop()
    swap(tmp_path)
    hub.start()
    for node in (victim, author):
        assert kind_of_fault(node) == ROLLBACK
        (fault,) = node.faults.all()
        node.faults.clear(fault.id)
    author.sync()
    author.sync()
    victim.sync()
    assert others_said(victim).count(lost["id"]) == 1
    assert len(others_said(victim)) == len(set(others_said(victim)))
    assert (author.verify().bad, victim.verify().bad) == (None, None)
    assert author.queue.waiting() == 0


def test_an_epoch_that_the_hub_lost_leaves_nothing_that_it_refuses(histories, indicator):
    """An identity of it can't be sent again: nothing certifies its pseudonym. When the epoch comes again, it goes anew."""
    hub, author, _, tmp_path = histories
    hub.start()
    hub.new_epoch()
    lost = indicator()
    assert not author.say([lost]).problem
    author.sync()
    gone = author.pseudonyms.latest_own()
    hub.stop()
    swap(tmp_path)
    hub.start()
    assert kind_of_fault(author) in (ROLLBACK, FORK)
    author.faults.clear(author.faults.all()[0].id)
    done = author.sync()
    assert (done.sent.refused, author.queue.refused(), author.queue.waiting()) == ([], [], 0)
    assert author.pseudonyms.latest_own().epoch == gone.epoch - 1
    author.sync()
    hub.new_epoch()
    assert not author.say([indicator()]).problem
    author.sync()
    assert author.queue.refused() == []
    now = author.pseudonyms.latest_own()
    assert now.epoch == gone.epoch
    state = "SELECT state FROM outbox WHERE stix_id = ?"
    assert [author.store.one(state, (name,))["state"] for name in (now.id, lost["id"])] == ["confirmed"] * 2
    assert author.verify().bad is None


def test_what_waits_makes_no_fork_of_a_rollback(histories, indicator):
    """Sent first, it would make the log as long as it was, with another root: signed evidence against an honest operator."""
    hub, author, victim, tmp_path = histories
    hub.start()
    assert not author.say([indicator()]).problem
    victim.sync()
    author.sync()
    hub.stop()
    for node in (victim, author):
        assert node.say([indicator()]).problem
    swap(tmp_path)
    hub.start()
    for node in (victim, author):
        assert kind_of_fault(node) == ROLLBACK
        assert node.queue.waiting() == 1


def test_a_hub_that_altered_its_own_rows_is_found_out(forum, joined, indicator):
    """Whoever has the hub's disk, but signs nothing new, can't have an object read otherwise than it was logged."""
    author, reader = joined(), joined()
    item = indicator("192.0.2.10")
    post(author, item)
    reader.sync()
    assert item["id"] in others_said(reader)
    with forum.database() as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = {t: [row[1] for row in db.execute(f"PRAGMA table_info({t})")] for t in tables}
        table = next(t for t, names in columns.items() if "body" in names)
        changed = db.execute(
            f"UPDATE {table} SET body = CAST(replace(CAST(body AS TEXT), '192.0.2.10', '192.0.2.11') AS BLOB)"
            " WHERE CAST(body AS TEXT) LIKE '%192.0.2.10%'"
        ).rowcount
        assert changed == 1
    later = joined()
    with pytest.raises(FaultError) as caught:
        later.sync()
    assert caught.value.fault.kind == "altered"
    # Mended, so that the hub may serve other tests.
    with forum.database() as db:
        db.execute(
            f"UPDATE {table} SET body = CAST(replace(CAST(body AS TEXT), '192.0.2.11', '192.0.2.10') AS BLOB)"
            " WHERE CAST(body AS TEXT) LIKE '%192.0.2.11%'"
        )
