from hypothesis import given
from hypothesis import strategies as st

from stillwatch.hub.credentials import NOBODY, new_name, new_secret


def test_a_secret_fits_what_was_kept_of_it():
    secret, kept = new_secret()
    other, _ = new_secret()
    assert kept.fits(secret)
    assert not kept.fits(other)
    assert len(secret) == 43  # 256 bits in base64url
    assert secret.encode() not in kept.digest + kept.salt


@given(st.text(st.characters(codec=None)))
def test_nothing_fits_nobody(secret):
    assert not NOBODY.fits(secret)


def test_salts_and_names_differ():
    drawn = [new_secret()[1].salt for _ in range(10)]
    assert len(set(drawn)) == 10
    assert new_name("client") != new_name("client")
    assert new_name("client").startswith("client-")
