import json
import subprocess
import sys

import pytest


def hub(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "stillwatch", "hub", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def forum(tmp_path):
    done = hub("init", "--dir", tmp_path / "forum", "--url", "http://127.0.0.1:8611")
    assert done.returncode == 0, done.stderr
    return tmp_path / "forum"


def test_a_member_s_credentials_are_printed_once_and_kept_as_digests(forum):
    done = hub("member", "add", "--dir", forum, "anna")
    told = json.loads(done.stdout)
    assert set(told["basic"]) == {"username", "password"}
    assert set(told["oauth2"]) == {"client_id", "client_secret", "token_url"}
    assert told["oauth2"]["token_url"].startswith("http://127.0.0.1:8611/")
    assert {"url", "log_key", "rules_key", "collection"} <= set(told["hub"])
    kept = b"".join(path.read_bytes() for path in forum.rglob("*") if path.is_file())
    for secret in (told["basic"]["password"], told["oauth2"]["client_secret"]):
        assert secret.encode() not in kept


def test_members_are_listed_and_revoked(forum):
    hub("member", "add", "--dir", forum, "anna")
    assert hub("member", "revoke", "--dir", forum, "anna").returncode == 0
    listed = json.loads(hub("member", "list", "--dir", forum, "--json").stdout)
    assert "anna" in json.dumps(listed)
    again = hub("member", "revoke", "--dir", forum, "nobody")
    assert again.returncode == 2
    assert len(again.stderr.splitlines()) == 1


def test_an_epoch_is_begun(forum):
    first = json.loads(hub("epoch", "new", "--dir", forum, "--json").stdout)
    second = json.loads(hub("epoch", "new", "--dir", forum, "--json").stdout)
    assert first != second


def test_a_log_is_verified(forum):
    done = hub("verify", "--dir", forum)
    assert done.returncode == 0, done.stderr


def test_a_backup_is_restored_elsewhere(forum, tmp_path):
    hub("member", "add", "--dir", forum, "anna")
    assert hub("backup", "--dir", forum, "--out", tmp_path / "kept").returncode == 0
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0
    other = tmp_path / "other"
    assert hub("restore", "--dir", other, "--from", tmp_path / "kept").returncode == 0
    assert "anna" in hub("member", "list", "--dir", other).stdout
    # Reading it leaves nothing beside it.
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("kept")] == ["kept"]
    assert hub("restore", "--dir", other, "--from", tmp_path / "kept").returncode == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("init",),
        ("init", "--dir", "{forum}"),
        ("serve", "--dir", "{absent}"),
        ("verify", "--dir", "{absent}"),
        ("member", "add", "--dir", "{forum}"),
        ("member", "add", "--dir", "{forum}", ""),
        ("serve", "--dir", "{forum}", "--host", "0.0.0.0"),
        ("serve", "--dir", "{forum}", "--database", "mysql://x"),
        ("restore", "--dir", "{absent}", "--from", "{forum}"),
    ],
)
def test_what_is_wrong_is_one_line(forum, tmp_path, arguments):
    done = hub(*(part.format(forum=forum, absent=tmp_path / "absent") for part in arguments))
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("stillwatch: ")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("member", "add", "--dir", "{forum}", ""), "the argument NAME is empty; give a value"),
        (("backup", "--dir", "{forum}", "--out", "{absent}/kept"), "{absent}: there is no such folder"),
        (("member", "certificate", "--dir", "{forum}", "anna", "{odd}"), "{odd}: no certificate in PEM form"),
        (
            ("serve", "--dir", "{forum}", "--tls-cert", "{odd}"),
            "--tls-cert {odd}: the certificate and its key can't",
        ),
        (("serve", "--dir", "{forum}"), "{forum}/rules.yaml: the disclosure rules can't be used"),
    ],
)
def test_a_slip_is_named_where_it_is(forum, tmp_path, arguments, says):
    hub("member", "add", "--dir", forum, "anna")
    places = {"forum": forum, "absent": tmp_path / "absent", "odd": tmp_path / "odd"}
    places["odd"].write_bytes(b"\x80\xff")
    if arguments == ("serve", "--dir", "{forum}"):
        (forum / "rules.yaml").write_text("a: [")
    done = hub(*(part.format(**places) for part in arguments))
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"stillwatch: {says.format(**places)}")
    assert "unknown error" not in done.stderr


@pytest.mark.parametrize("words", [(), ("member",), ("collection",), ("epoch",)])
def test_every_group_has_help(words):
    done = hub(*words, "--help")
    assert done.returncode == 0
    assert "Usage: " in done.stdout
