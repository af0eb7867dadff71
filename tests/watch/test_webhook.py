"""Webhooks: signatures as others check them, and what counts as delivered."""

import base64

import pytest

from stillwatch.records.errors import InputError
from stillwatch.watch.webhook import Webhook, check_url, read_secret, sign


def test_the_signature_of_the_specification():
    # The example that the reference libraries of Standard Webhooks are tested with.
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    signed = sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_is_sent(receiver):
    secret = bytes(range(32))
    status, wrong = Webhook(receiver.url, secret).post("ab-1", 1_700_000_000, b'{"a":1}')
    assert (status, wrong) == (204, "")
    ((headers, body),) = receiver.got
    headers = {name.lower(): value for name, value in headers.items()}
    assert body == b'{"a":1}'
    assert headers["webhook-id"] == "ab-1"
    assert headers["webhook-signature"] == sign(secret, "ab-1", int(headers["webhook-timestamp"]), body)
    assert headers["content-type"] == "application/json"


def test_a_redirect_is_not_followed(receiver):
    receiver.answers += [302]
    assert Webhook(receiver.url, bytes(32)).post("ab-1", 1, b"{}") == (302, "status 302")
    assert len(receiver.got) == 1


def test_nobody_there():
    status, wrong = Webhook("http://127.0.0.1:9/", bytes(32)).post("ab-1", 1, b"{}")
    assert status is None
    assert wrong


def test_secrets(tmp_path):
    path = tmp_path / "secret"
    path.write_text("whsec_" + base64.b64encode(bytes(range(32))).decode() + "\n")
    assert read_secret(path) == bytes(range(32))
    assert "whsec" not in repr(Webhook("https://x", read_secret(path)))
    for bad in ("", "hunter2", "whsec_", "whsec_" + base64.b64encode(bytes(8)).decode(), "whsec_%%%", "é"):
        path.write_text(bad)
        with pytest.raises(InputError, match="this is no secret of a webhook"):
            read_secret(path)
    with pytest.raises(InputError, match="cannot read the secret"):
        read_secret(tmp_path / "absent")


@pytest.mark.parametrize(
    "url", ["https://example.org/x", "http://127.0.0.1:80/", "http://[::1]/", "http://localhost/"]
)
def test_addresses(url):
    check_url(url)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://example.org/x", "unencrypted"),
        ("http://10.0.0.1/x", "unencrypted"),
        ("ftp://example.org", "not an address"),
        ("example.org", "not an address"),
        ("https://", "not an address"),
        ("https://host:port/", "not an address"),
        ("http://[::1", "not an address"),
        ("https://example.org/a b", "not an address"),
        ("https://example.org/a\nb", "not an address"),
        ("https://example.org/\u00e9", "not an address"),
        ("https://me:hunter2@example.org/", "name or password"),
    ],
)
def test_addresses_that_are_refused(url, says):
    with pytest.raises(InputError, match=says) as told:
        check_url(url)
    assert "hunter2" not in str(told.value)


def test_an_answer_that_is_no_http_is_a_failure(garbler):
    assert Webhook(garbler, bytes(32)).post("ab-1", 1, b"{}") == (None, "BadStatusLine")


def test_an_address_that_cannot_be_asked_is_not_told():
    assert Webhook("http://127.0.0.1/hunter2 x", bytes(32)).post("ab-1", 1, b"{}") == (None, "InvalidURL")


def test_no_proxy_is_asked_for_a_receiver_on_this_machine(receiver, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9/")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert Webhook(receiver.url, bytes(32)).post("ab-1", 1, b"{}") == (204, "")
