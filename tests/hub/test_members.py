import datetime
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding

from stillwatch.hub.limits import CACHED_SECONDS
from stillwatch.hub.model import Limits
from stillwatch.records.errors import InputError


def certificate() -> bytes:
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "node")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def test_basic(hub, anna):
    good = anna.credentials["basic"]
    assert hub.member_by_basic(**good) == anna.member
    assert hub.member_by_basic(**{**good, "password": good["password"][:-1]}) is None
    assert hub.member_by_basic(**{**good, "username": "nobody"}) is None
    assert hub.member_by_basic("", "") is None
    assert hub.member_by_basic("a\0b", "\ud800") is None
    assert hub.member_by_basic("\ud800", "x") is None
    client = anna.credentials["oauth2"]
    assert hub.member_by_basic(client["client_id"], client["client_secret"]) is None


def test_token(hub, anna):
    client = anna.credentials["oauth2"]
    token, seconds = hub.issue_token(client["client_id"], client["client_secret"])
    assert seconds == 3600
    assert hub.member_by_token(token) == anna.member
    assert hub.member_by_token(token + "x") is None
    assert hub.member_by_token("token") is None
    assert hub.member_by_token("a\0.b") is None
    assert hub.issue_token(client["client_id"], "wrong") is None
    with hub.database.write() as tx:
        tx.execute("UPDATE tokens SET expires = 1")
    time.sleep(CACHED_SECONDS)
    assert hub.member_by_token(token) is None


def test_certificate(hub, anna, bert):
    pem = certificate()
    fingerprint = hub.bind_certificate("anna", pem)
    assert hub.member_by_certificate(fingerprint.upper()) == anna.member
    assert hub.bind_certificate(anna.member.member_id, pem) == fingerprint
    assert hub.member_by_certificate("00" * 32) is None
    with pytest.raises(InputError, match="another member"):
        hub.bind_certificate("bert", pem)
    with pytest.raises(InputError, match="PEM"):
        hub.bind_certificate("bert", b"x")
    hub.revoke_member("anna")
    assert hub.member_by_certificate(fingerprint) is None


def test_revocation_bites_in_other_processes_within_a_second(hub, store, anna):
    other = store.open()
    client = anna.credentials["oauth2"]
    token, _ = hub.issue_token(client["client_id"], client["client_secret"])
    assert other.member_by_token(token)
    assert other.member_by_basic(**anna.credentials["basic"])
    hub.revoke_member("anna")
    assert hub.member_by_basic(**anna.credentials["basic"]) is None
    time.sleep(CACHED_SECONDS)
    assert other.member_by_token(token) is None
    assert other.member_by_basic(**anna.credentials["basic"]) is None
    assert other.issue_token(client["client_id"], client["client_secret"]) is None
    assert other.member(anna.member.member_id).revoked
    assert [member.revoked for member in other.members()] == [True]


def test_names(hub, anna):
    for bad in ("anna", "", " x", "x" * 101, "a\nb"):
        with pytest.raises(InputError):
            hub.add_member(bad)
    with pytest.raises(InputError, match="no member 'carla'"):
        hub.revoke_member("carla")
    assert hub.member("nobody") is None


def test_no_secret_is_stored(hub, store, anna):
    client = anna.credentials["oauth2"]
    token, _ = hub.issue_token(client["client_id"], client["client_secret"])
    secrets = (client["client_secret"], anna.credentials["basic"]["password"], token.partition(".")[2])
    kept = repr(
        [hub.database.query(f"SELECT * FROM {table}") for table in ("members", "credentials", "tokens")]
    )
    assert not any(secret in kept for secret in secrets)


def test_limits_of_one_member(hub, parts):
    carla = parts.Provider(hub, "carla", Limits(7, 8, 9))
    assert hub.member(carla.member.member_id).limits == Limits(7, 8, 9)
