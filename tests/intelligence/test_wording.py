import json
import runpy
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given

from stillwatch.intelligence.checking import Accepted, Checker
from stillwatch.intelligence.extension import published
from stillwatch.intelligence.markings import USES
from stillwatch.intelligence.rules import Rules
from stillwatch.intelligence.wording import reasons, worded

OBJECTS = runpy.run_path(str(Path(__file__).with_name("objects.py")))["OBJECTS"]
RULES = Rules.default()
CHECKER = Checker(RULES, now=lambda: datetime(2026, 10, 1, tzinfo=UTC))


def leaves(value, path=""):
    """Paths of everything in a JSON value that is neither a mapping nor a list of mappings."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from leaves(each, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
        for place, each in enumerate(value):
            yield from leaves(each, f"{path}[{place}]")
    else:
        yield path


@given(OBJECTS)
def test_everything_that_leaves_has_its_reason(item):
    assert isinstance(CHECKER.check(json.dumps(item).encode()), Accepted)
    told = reasons(item, RULES)
    assert all(one.rule for one in told)
    # References to other standards are one value of a vocabulary each, though they have fields.
    others = {path for path in leaves(item) if not path.startswith("external_references")}
    assert others <= {one.field for one in told}


@pytest.mark.parametrize("item", published(), ids=lambda item: item["id"])
def test_what_is_the_same_for_everybody_leaves_as_a_whole(item):
    """The author of the extensions is an identity, and has a name that no member's identity may have."""
    assert reasons(item, RULES) == []


def test_markings_are_told_by_their_names():
    (use,) = (each for name, each in USES.items() if name == "detection only")
    markings = RULES.types["indicator"]["object_marking_refs?"]
    assert use["name"] in worded(markings)
    assert "TLP:AMBER+STRICT" in worded(markings)


def test_rules_in_words():
    assert worded({"is": 1}) == "always 1"
    assert worded({"one_of": ["a", "b"]}, "`{}`".format) == "one of: `a`, `b`"
    assert worded({"list": {"id": ["campaign", "indicator"]}}) == "list, an id of type campaign or indicator"
    assert worded({"flag": True}) == "true or false"
    assert worded({"time": "day"}) == "midnight UTC of a day"
    assert worded({"matches": "[a-z]|x"}) == "a text of the form [a-z]|x"


def test_what_the_rules_do_not_know_has_none():
    assert reasons({"type": "note", "content": "x"}, RULES) == []
