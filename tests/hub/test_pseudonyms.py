import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stillwatch.hub import times
from stillwatch.hub.errors import Refused
from stillwatch.hub.pseudonyms import CERTIFICATE
from stillwatch.transparency import dsse


def test_certificate(hub, anna, bert):
    made = hub.certify(anna.member, anna.request())
    payload = json.loads(dsse.verify(made["certificate"], CERTIFICATE, hub._log.verifier.key))
    public = anna.key.public_key().public_bytes_raw()
    assert payload.keys() == {"epoch", "not_after", "pseudonym", "public_key", "version"}
    assert payload["epoch"] == 1
    assert base64.b64decode(payload["public_key"]) == public
    assert times.parse(payload["not_after"]) > times.now()
    assert payload["pseudonym"] == hub.me(anna.member)["pseudonym"]
    assert hub.certificate(payload["pseudonym"]) == made
    assert hub.me(bert.member)["pseudonym"] is None


def test_the_same_key_has_the_same_certificate_and_another_is_refused(hub, anna):
    made = hub.certify(anna.member, anna.request())
    assert hub.certify(anna.member, anna.request()) == made
    with pytest.raises(Refused) as refused:
        hub.certify(anna.member, anna.request(key=Ed25519PrivateKey.generate()))
    assert refused.value.status == 409


def test_a_certificate_that_is_over_is_renewed(hub, anna):
    made = hub.certify(anna.member, anna.request())
    with hub.database.write() as tx:
        tx.execute("UPDATE pseudonyms SET not_after = 1")
    renewed = hub.certify(anna.member, anna.request())
    assert renewed != made
    assert len(hub.database.query("SELECT id FROM pseudonyms")) == 1
    assert hub.verify() is None


def test_requests_that_are_refused(hub, anna, bert):
    good = anna.request()
    other = Ed25519PrivateKey.generate()
    for request, status in (
        ({}, 422),
        ({**good, "epoch": True}, 422),
        ({**good, "epoch": 0}, 422),
        ({**good, "epoch": "1"}, 422),
        ({**good, "proof": "x"}, 422),
        ({**good, "proof": 1}, 422),
        ({**good, "public_key": base64.b64encode(b"short").decode()}, 422),
        ({**good, "proof": anna.request(key=other)["proof"]}, 422),
        (anna.request(epoch=2), 409),
        (bert.request(), 422),
    ):
        with pytest.raises(Refused) as refused:
            hub.certify(anna.member, request)
        assert refused.value.status == status, request
    assert hub.me(anna.member)["pseudonym"] is None
    with pytest.raises(Refused) as refused:
        hub.certificate("identity--x")
    assert refused.value.status == 404
