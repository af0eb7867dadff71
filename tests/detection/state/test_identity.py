"""Rows of two runs lie in one state only where they are comparable."""

import pytest

from stillwatch.detection.state import identity
from stillwatch.detection.state.manifest import Manifest
from stillwatch.records.errors import InputError
from stillwatch.records.sketches import Key

KEY, OTHER = Key(bytes(16)), Key(bytes(range(16)))


def made(**changes):
    named = {"key": KEY.id, "intake": identity.intake_id(), "salt": identity.salt_id(b"pepper", KEY)}
    return Manifest(**named | changes)


def test_the_same_is_accepted():
    identity.check(made(), key=KEY, salt=b"pepper", where="state")
    identity.check(made(salt=""), key=KEY, salt=b"", where="state")


@pytest.mark.parametrize(
    ("changes", "key", "salt", "says"),
    [
        ({}, OTHER, b"pepper", f"sketch key {KEY.id}, and this run has {OTHER.id}"),
        ({}, KEY, b"salt", "the salt of the account ids is not the one"),
        ({}, KEY, b"", "the salt of the account ids is not the one"),
        ({"intake": "older"}, KEY, b"pepper", "sketches otherwise"),
    ],
)
def test_what_differs_is_named(changes, key, salt, says):
    with pytest.raises(InputError, match=says):
        identity.check(made(**changes), key=key, salt=salt, where="state")


def test_names_tell_nothing_of_the_salt():
    assert identity.salt_id(b"pepper", KEY) != identity.salt_id(b"pepper", OTHER)
    assert b"pepper".hex() not in identity.salt_id(b"pepper", KEY)
    assert identity.intake_id() == identity.intake_id()
