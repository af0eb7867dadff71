"""What the forum decides: rules and epochs, as a node takes them from its hub."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from stillwatch.intelligence.rules import Rules
from stillwatch.intelligence.signed_rules import sign
from stillwatch.node.forum import EPOCH_FILE, Epoch
from stillwatch.node.node import FaultError
from stillwatch.records.errors import InputError
from stillwatch.transparency.follower import LogFaultError


@pytest.fixture
def rules_key(forum):
    return load_pem_private_key((forum.folder / "keys" / "rules.key").read_bytes(), None)


def of_version(version):
    """The default rules with another version."""
    before = Rules.default()
    text = before.text.replace(b"version: %d" % before.version, b"version: %d" % version, 1)
    assert Rules.parse(text).version == version
    return text


def giving(envelope):
    def changed(method, path, body):
        return json.dumps({"envelope": envelope}).encode() if path == "/exchange/v1/rules" else body

    return changed


def key_name(node):
    return node.folder.trust.rules_key.split("+")[0]


def test_the_rules_of_the_forum_are_those_that_it_signed(joined):
    node = joined()
    assert not node.forum.has_rules
    # Until a hub was asked, those of the package hold.
    assert node.forum.rules().digest == Rules.default().digest
    epoch = node.forum.refresh(node.client)
    assert node.forum.has_rules
    assert node.forum.rules().digest == node.client.json("GET", "/exchange/v1/me", dict)["rules"]
    assert (epoch.number, len(epoch.template_key)) == (1, 16)


def test_rules_of_another_key_are_a_fault(wire, joined):
    node = joined(wire.url)
    node.forum.refresh(node.client)
    wrong = sign(of_version(99), Ed25519PrivateKey.generate(), key_name(node))
    wire.change = giving(wrong)
    with pytest.raises(FaultError) as caught:
        node.sync()
    assert caught.value.fault.kind == "signature"
    assert node.faults.evidence(caught.value.fault.id)["evidence"]["envelope"] == wrong
    assert node.forum.rules().version != 99


def test_rules_whose_text_was_changed_are_a_fault(wire, joined):
    node = joined(wire.url)
    envelope = node.client.json("GET", "/exchange/v1/rules", dict)["envelope"]
    text = base64.b64decode(envelope["payload"]).replace(b"k: 5", b"k: 1", 1)
    assert Rules.parse(text).k == 1
    wire.change = giving(envelope | {"payload": base64.b64encode(text).decode()})
    with pytest.raises(LogFaultError, match="disclosure rules do not hold"):
        node.forum.refresh(node.client)


def test_an_older_version_is_not_taken_again(wire, joined, rules_key):
    node = joined(wire.url)
    node.forum.refresh(node.client)
    wire.change = giving(sign(of_version(90), rules_key, key_name(node)))
    node.forum.refresh(node.client)
    assert node.forum.rules().version == 90
    wire.change = None
    node.forum.refresh(node.client)
    # Signed, and older: a replay could allow what was forbidden since.
    assert node.forum.rules().version == 90


def test_stricter_rules_hold_for_what_waits(wire, joined, rules_key, indicator):
    node = joined(wire.url)
    node.sync()
    text = of_version(91).replace(b"extract a model", b"extract models")
    assert text.count(b"extract models") >= 1
    item = indicator()
    node.queue.add([item])
    wire.change = giving(sign(text, rules_key, key_name(node)))
    sent = node.flush()
    assert [each["id"] for each in sent.refused] == [item["id"]]
    assert node.queue.refused()[0]["id"] == item["id"]
    assert "name" in node.queue.refused()[0]["reason"]


@pytest.mark.parametrize(
    "said", [{}, {"number": "x", "template_key": "AA=="}, {"number": 1, "template_key": "!"}]
)
def test_an_epoch_that_cannot_be_read_is_one_clear_error(wire, joined, said):
    node = joined(wire.url)
    wire.change = lambda method, path, body: (
        json.dumps(said).encode() if path == "/exchange/v1/epoch" else body
    )
    with pytest.raises(InputError, match="epoch can't be read"):
        node.forum.refresh(node.client)


def test_another_key_than_the_one_that_was_logged_is_a_fault(wire, joined):
    """A member with a key of its own could be told apart by its signatures."""
    node = joined(wire.url)
    given = base64.b64encode(b"k" * 16).decode()

    def other(method, path, body):
        if path != "/exchange/v1/epoch":
            return body
        return json.dumps(json.loads(body) | {"template_key": given}).encode()

    wire.change = other
    with pytest.raises(FaultError, match="another template key"):
        node.sync()
    assert not (node.folder.path / EPOCH_FILE).exists()


def test_an_epoch_that_the_log_does_not_know_is_forgotten(wire, joined):
    """Or a wrong number, given once, would keep all later keys from being looked at."""
    node = joined(wire.url)
    node.sync()
    known = node.forum.epochs()
    wire.change = lambda method, path, body: (
        json.dumps(json.loads(body) | {"number": 999}).encode() if path == "/exchange/v1/epoch" else body
    )
    assert node.forum.refresh(node.client).number == 999
    assert node.forum.epochs()[0].number == 999
    node.forum.check_epoch()
    assert node.forum.epochs() == known
    assert json.loads((node.folder.path / EPOCH_FILE).read_text()) == known[0].document()
    # Another key for the one that the log knows is a fault, whatever else was said before.
    with node.store.writing():
        node.store.put("epochs", node.store.get("epochs") | {str(known[0].number): "A" * 22 + "=="})
    with pytest.raises(LogFaultError, match="another template key"):
        node.forum.check_epoch()


def test_the_key_of_the_epoch_is_written_for_scans(joined):
    node = joined()
    node.sync()
    path = node.folder.path / EPOCH_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    said = json.loads(path.read_text())
    assert said == node.forum.epochs()[0].document()
    before = path.stat().st_mtime_ns
    node.sync()
    assert path.stat().st_mtime_ns == before


def test_old_epochs_keep_their_keys(joined):
    node = joined()
    node.forum.refresh(node.client)
    (current,) = node.forum.epochs()
    node.store.put("epochs", {"0": base64.b64encode(b"o" * 16).decode(), "1": node.store.get("epochs")["1"]})
    assert node.forum.epochs() == [current, Epoch(0, b"o" * 16)]


def test_rules_of_a_newer_kind_are_no_fault(wire, joined, rules_key):
    node = joined(wire.url)
    node.forum.refresh(node.client)
    before = node.forum.rules().digest
    text = of_version(92) + b"\nanother_part: 1\n"
    wire.change = giving(sign(text, rules_key, key_name(node)))
    with pytest.raises(InputError, match="use the version of stillwatch"):
        node.sync()
    assert node.faults.all() == []
    assert node.forum.rules().digest == before
