"""Files of TLS that can't be used are one line. What works is tried in test_connection.py and test_access.py."""

import ssl

import pytest

from stillwatch.hub import tls
from stillwatch.records.errors import InputError


def test_files_that_are_none_are_one_line(tmp_path):
    with pytest.raises(InputError, match=r"--tls-cert .*absent.pem: .*no such file"):
        tls.context(tmp_path / "absent.pem", None, None)
    (tmp_path / "bad.pem").write_text("nothing")
    with pytest.raises(InputError, match="give PEM files that belong together"):
        tls.context(tmp_path / "bad.pem", None, None)


def test_authorities_are_asked_for(certificates):
    made = tls.context(certificates.server, certificates.server_key, certificates.authority)
    assert made.verify_mode == ssl.CERT_OPTIONAL
    assert made.minimum_version == ssl.TLSVersion.TLSv1_2
    assert tls.context(certificates.server, certificates.server_key, None).verify_mode == ssl.CERT_NONE


def test_a_key_of_another_certificate_is_one_line(certificates):
    with pytest.raises(InputError, match="give PEM files that belong together"):
        tls.context(certificates.server, certificates.member_key, None)


def test_a_key_with_a_password_is_not_asked_for(certificates):
    with pytest.raises(InputError, match="without a password"):
        tls.context(certificates.server, certificates.locked_key, None)


def test_authorities_that_are_none_are_one_line(certificates, tmp_path):
    (tmp_path / "bad.pem").write_text("nothing")
    with pytest.raises(InputError, match="--client-ca"):
        tls.context(certificates.server, certificates.server_key, tmp_path / "bad.pem")
