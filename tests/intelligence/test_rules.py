import json

import pytest
import yaml

from stillwatch.intelligence import rules
from stillwatch.intelligence.rules import Rules
from stillwatch.records.errors import InputError

DEFAULT = Rules.default()


def changed(**parts):
    return yaml.safe_dump(yaml.safe_load(DEFAULT.text) | parts).encode()


def test_the_rules_of_the_package_can_be_read():
    assert DEFAULT.k == 5
    assert len(DEFAULT.digest) == 64
    assert Rules.parse(DEFAULT.text) == DEFAULT
    assert json.dumps(dict(DEFAULT.types))


def test_another_text_has_another_number():
    """Nodes take no older version: whoever changes the rules gives them the next number, and says so here."""
    assert (DEFAULT.version, DEFAULT.digest[:16]) == (4, "ce8b84e2c0e77b29")


def test_another_text_is_another_version():
    other = Rules.parse(changed(k=7))
    assert other.digest != DEFAULT.digest
    assert other.k == 7


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"\xff", "no YAML"),
        (b"a: [", "no YAML"),
        (b"[]", "other parts"),
        (changed(more=1), "other parts"),
        (changed(k=0), "k is no number"),
        (changed(k=True), "k is no number"),
        (changed(embargo_days=-1), "embargo_days"),
        (changed(types=[]), "no mapping"),
        (changed(also={"campaign": ["magic"]}), "also.campaign"),
        (changed(also={"x-other": ["k"]}), "also.x-other"),
        (changed(also={}, types={"x": {"a": {"is": 1, "one_of": [1]}}}), "types.x.a is not one rule"),
        (changed(also={}, types={"x": {"a": {"is": 1, "least": 2}}}), "a part that it can't have"),
        (changed(also={}, types={"x": {"a": {"list": {"flag": True}, "most": "many"}}}), "limit"),
        (changed(also={}, types={"x": {"a": {"time": "noon"}}}), "a time that is none"),
        (changed(also={}, types={"x": {"a": {"one_of": []}}}), "lists nothing"),
        (changed(also={}, types={"x": {"a": {"matches": "("}}}), "no regular expression"),
        (changed(also={}, types={"x": "y"}), "types.x is no mapping"),
    ],
)
def test_what_is_wrong_is_named(text, said):
    with pytest.raises(InputError, match=said):
        Rules.parse(text)


def test_kinds_and_forms():
    assert rules.kind_of({"list": {"flag": True}, "most": 3}) == ("list", {"flag": True})
    assert rules.pattern_of({"flag": True}) is None
    assert rules.pattern_of({"id": ["campaign"]}).fullmatch("campaign--8b1d6f70-3c2e-4e9b-a5d4-0c7f2e914b63")
    assert rules.required({"a": {"is": 1}, "b?": {"is": 2}}) == {
        "a": ({"is": 1}, True),
        "b": ({"is": 2}, False),
    }
