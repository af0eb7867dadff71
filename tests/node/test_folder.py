import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stillwatch.node.folder import CONFIG, KEYS, Folder
from stillwatch.node.folder import CREDENTIALS as CREDENTIALS_FILE
from stillwatch.records.errors import InputError
from stillwatch.transparency.notes import Verifier

KEY = str(Verifier.of("hub", Ed25519PrivateKey.from_private_bytes(bytes(range(32)))))
HUB = {"collection": "c", "log_key": KEY, "rules_key": KEY}
CREDENTIALS = {"member_id": "m1", "basic": {"username": "u", "password": "p"}, "hub": HUB}


@pytest.fixture
def folder(tmp_path):
    return Folder.create(tmp_path / "node", "http://127.0.0.1:8600/", CREDENTIALS, accounts=500)


def test_what_was_pinned_is_read_again(folder):
    again = Folder.open(folder.path)
    assert again.trust == folder.trust
    assert again.trust.url == "http://127.0.0.1:8600"
    assert (again.member_id, again.accounts, again.credentials) == ("m1", 500, CREDENTIALS)


def test_nobody_else_may_read_it(folder):
    folder.key("pseudonym-1")
    for path in (folder.path, *folder.path.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_key_is_made_once(folder):
    first = folder.key("witness").private_bytes_raw()
    assert Folder.open(folder.path).key("witness").private_bytes_raw() == first
    assert folder.key("pseudonym-1").private_bytes_raw() != first


def test_one_process_writes_at_a_time(folder):
    with (
        folder.working(),
        pytest.raises(InputError, match="another process"),
        Folder.open(folder.path).working(0.1),
    ):
        pass
    # Given back, and taken twice by who has it.
    with folder.working(), folder.working():
        pass


@pytest.mark.parametrize(
    "credentials",
    [
        {},
        [1, 2],
        5,
        None,
        {"member_id": "m"},
        {"basic": {}},
        CREDENTIALS | {"basic": {"username": "u", "password": 7}},
        CREDENTIALS | {"hub": None},
        *(CREDENTIALS | {"hub": HUB | {name: None}} for name in HUB),
        CREDENTIALS | {"hub": HUB | {"log_key": "no key"}},
    ],
)
def test_other_credentials_are_refused(tmp_path, credentials):
    with pytest.raises(InputError, match=r"no credentials of a member|log_key is no key"):
        Folder.create(tmp_path / "node", "http://127.0.0.1:1", credentials)
    assert not (tmp_path / "node").exists()


def test_what_is_no_node_is_told(tmp_path, folder):
    with pytest.raises(InputError, match="no node here"):
        Folder.open(tmp_path)
    with pytest.raises(InputError, match="a node here already"):
        Folder.create(folder.path, "http://127.0.0.1:1", CREDENTIALS)
    (folder.path / "node.json").write_text(json.dumps({"version": 99}))
    with pytest.raises(InputError, match="another version"):
        Folder.open(folder.path)
    (folder.path / "node.json").write_text("{")
    with pytest.raises(InputError, match="can't be read"):
        Folder.open(folder.path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"basic":{}}', '{"basic":{"username":"a"}}'])
def test_credentials_that_are_broken_are_told(folder, text):
    path = folder.path / CREDENTIALS_FILE
    path.write_text(text)
    with pytest.raises(InputError, match="no credentials of a member") as caught:
        _ = folder.credentials
    assert str(path) in str(caught.value)


def test_files_that_lack_something_are_told(folder):
    folder.key("witness")
    (folder.path / KEYS / "witness.key").write_text("12")
    with pytest.raises(InputError, match="this is no key"):
        folder.key("witness")
    (folder.path / CONFIG).write_text('{"version": 1}')
    with pytest.raises(InputError, match="the node's file has no"):
        Folder.open(folder.path)


def test_a_folder_that_others_could_read_is_closed(tmp_path):
    tmp_path.chmod(0o755)
    Folder.create(tmp_path, "http://127.0.0.1:1", CREDENTIALS)
    assert tmp_path.stat().st_mode & 0o077 == 0
