import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stillwatch.intelligence.rules import Rules
from stillwatch.intelligence.signed_rules import open_signed, sign
from stillwatch.records.errors import InputError
from stillwatch.transparency.notes import Verifier

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def test_rules_go_signed():
    rules = Rules.default()
    envelope = json.loads(json.dumps(sign(rules.text, KEY, "counsel")))
    assert open_signed(envelope, Verifier.of("counsel", KEY)) == rules
    with pytest.raises(InputError, match="not signed"):
        open_signed(envelope, Verifier.of("counsel", Ed25519PrivateKey.generate()))
