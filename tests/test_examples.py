"""The examples of what may leave and what may not are what the code says."""

import json
from pathlib import Path

import pytest
from stix2validator import ValidationOptions, validate_instance

from stillwatch.intelligence.checking import Accepted, Checker
from stillwatch.intelligence.rules import Rules
from stillwatch.transparency.canonical import canonical

EXAMPLES = Path(__file__).resolve().parent.parent / "docs/examples"
ACCEPTED = sorted((EXAMPLES / "accepted").glob("*.json"))
REFUSED = sorted((EXAMPLES / "refused").glob("*.json"))
CHECKER = Checker()


def name_of(path):
    return path.stem


@pytest.mark.parametrize("path", ACCEPTED, ids=name_of)
def test_what_may_leave(path):
    bundle = json.loads(path.read_text("utf-8"))
    for item in bundle["objects"]:
        assert isinstance(CHECKER.check(canonical(item)), Accepted), item["id"]
    result = validate_instance(bundle, ValidationOptions(version="2.1", strict_properties=True))
    assert (result.is_valid, [str(error) for error in result.errors]) == (True, [])


@pytest.mark.parametrize("path", REFUSED, ids=name_of)
def test_what_may_not(path):
    example = json.loads(path.read_text("utf-8"))
    found = CHECKER.check(canonical(example["object"]))
    assert isinstance(found, list)
    assert [{"field": one.field, "rule": one.rule, "mend": one.mend} for one in found] == example["refused"]


def test_there_is_an_example_of_every_type_and_every_check():
    bundles = [json.loads(path.read_text("utf-8")) for path in ACCEPTED]
    types = {item["type"] for bundle in bundles for item in bundle["objects"]} | {"bundle"}
    assert types == set(Rules.default().types)
    kinds = {
        item["pattern_type"] for bundle in bundles for item in bundle["objects"] if "pattern_type" in item
    }
    assert kinds == {"stix", "sigma", "stillwatch-template"}


def test_pages_name_the_examples():
    page = (EXAMPLES.parent / "reference/disclosure.md").read_text("utf-8")
    for path in (*ACCEPTED, *REFUSED):
        assert f"](../examples/{path.parent.name}/{path.name})" in page, path
