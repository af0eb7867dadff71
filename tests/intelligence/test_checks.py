import os
import re
from datetime import UTC, datetime

import pytest

from stillwatch.intelligence import checks
from stillwatch.intelligence.checks import CHECKS, RELATIONS, TEMPLATE_FORM, Setting, checked
from stillwatch.intelligence.extension import LINEAGE, PSEUDONYM, SUSPECT, TEMPLATE
from stillwatch.intelligence.markings import TLP, USES
from stillwatch.intelligence.rules import Rules, required
from stillwatch.intelligence.vocabulary import SUSPECT_NAME, TEACHER_NAME
from stillwatch.records.signatures import Signature
from stillwatch.records.signatures.form import PARTS, WORDS

NOW = datetime(2026, 9, 3, tzinfo=UTC)
SETTING = Setting(k=5, embargo_days=0, now=NOW)


def found(name, item, setting=SETTING):
    outcome = checked([name], item.get, setting)
    return None if outcome is None else outcome[0]


@pytest.mark.parametrize(
    ("day", "days", "field"),
    [
        ("2026-09-02T00:00:00.000Z", 0, None),
        ("2026-09-03T00:00:00.000Z", 0, "last_seen"),
        ("2027-09-03T00:00:00.000Z", 0, "last_seen"),
        ("2026-09-02T00:00:00.000Z", 1, "last_seen"),
        ("2026-09-01T00:00:00.000Z", 1, None),
    ],
)
def test_a_day_leaves_when_it_is_over(day, days, field):
    assert found("embargo", {"last_seen": day}, Setting(5, days, NOW)) == field
    assert found("embargo", {"last_seen": day}, Setting(5, days, None)) is None


def test_a_group_has_at_least_k_accounts():
    few = {"object_refs": ["a", "b", "c", "d", "d"]}
    assert found("k", few) == "object_refs"
    assert found("k", {"object_refs": list("abcde")}) is None
    # The number of handles is a count, and leaves as the least of its bucket.
    assert found("k", {"object_refs": list("abcdef")}) == "object_refs"
    assert found("k", {"object_refs": list("abcdefghij")}) is None
    assert found("k", {"object_refs": [*"abcdefghi", "i"]}) == "object_refs"


def test_a_version_is_not_older_than_its_object():
    later, earlier = "2026-09-01T00:00:00.001Z", "2026-09-01T00:00:00.000Z"
    assert found("versions", {"created": earlier, "modified": later}) is None
    assert found("versions", {"created": later, "modified": earlier}) == "modified"


def tied(kind, source, target, **more):
    return {"relationship_type": kind, "source_ref": f"{source}--1", "target_ref": f"{target}--2", **more}


EVIDENCE = {"extensions": [LINEAGE], f"{LINEAGE}.test": "similarity", f"{LINEAGE}.grade": "similarity"}


@pytest.mark.parametrize("kind", RELATIONS)
def test_relations_are_those_on_the_list(kind):
    for source, target in RELATIONS[kind]:
        tested = kind == "derived-from" and source == "software"
        assert found("relation", tied(kind, source, target)) == ("extensions" if tested else None)
        assert found("relation", tied(kind, source, target, **EVIDENCE)) == (None if tested else "extensions")
    # Single accounts are tied to nothing.
    for ends in (
        ("user-account", "campaign"),
        ("campaign", "user-account"),
        ("course-of-action", "software"),
    ):
        assert found("relation", tied(kind, *ends)) == "relationship_type"


def test_keyed_evidence_comes_of_keyed_marks():
    for test in ("similarity", "keyed marks"):
        for grade in ("similarity", "keyed"):
            said = EVIDENCE | {f"{LINEAGE}.test": test, f"{LINEAGE}.grade": grade}
            right = (test == "keyed marks") == (grade == "keyed")
            expected = None if right else f"extensions.{LINEAGE}.grade"
            assert found("relation", tied("derived-from", "software", "software", **said)) == expected


def test_a_suspect_has_a_digest_and_no_other_model_has_one():
    digest = {f"{SUSPECT}.weights_sha256": "0" * 64, "extensions": [SUSPECT]}
    assert found("suspect", {"name": SUSPECT_NAME, **digest}) is None
    assert found("suspect", {"name": SUSPECT_NAME, "extensions": [SUSPECT]}) == "extensions"
    assert found("suspect", {"name": SUSPECT_NAME}) == "extensions"
    assert found("suspect", {"name": TEACHER_NAME}) is None
    assert found("suspect", {"name": TEACHER_NAME, **digest}) == "extensions"


ONE, TWO = "2026-09-01T00:00:00.000Z", "2026-09-02T00:00:00Z"


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ({"first_seen": ONE, "last_seen": TWO}, None),
        ({"first_seen": ONE, "last_seen": ONE}, None),
        ({"first_seen": TWO, "last_seen": ONE}, "last_seen"),
        ({"last_seen": ONE}, None),
        ({"valid_from": ONE, "valid_until": TWO}, None),
        ({"valid_from": ONE, "valid_until": ONE}, "valid_until"),
        ({"valid_from": TWO, "valid_until": ONE}, "valid_until"),
        ({"valid_from": TWO}, None),
    ],
)
def test_what_ends_has_begun(item, field):
    assert found("spans", item) == field


CLEAR, AMBER, STRICT = (TLP[level]["id"] for level in ("clear", "amber", "amber+strict"))
OLD_WHITE, OLD_AMBER = (
    "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9",
    "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82",
)
FIRST_USE, SECOND_USE = (use["id"] for use in USES.values())


@pytest.mark.parametrize(
    ("marks", "right"),
    [
        ([AMBER], True),
        ([AMBER, FIRST_USE], True),
        # As tools write both versions beside each other.
        ([OLD_AMBER, AMBER], True),
        ([OLD_AMBER, STRICT], True),
        ([OLD_WHITE, CLEAR], True),
        ([AMBER, AMBER], False),
        ([CLEAR, AMBER], False),
        ([AMBER, STRICT], False),
        ([OLD_WHITE, STRICT], False),
        ([FIRST_USE, SECOND_USE], False),
    ],
)
def test_an_object_is_handled_in_one_way(marks, right):
    assert found("lists", {"object_marking_refs": marks}) == (None if right else "object_marking_refs")


def test_nothing_stands_twice_in_a_list():
    reference = {"source_name": "mitre-atlas", "external_id": "AML.CS0056"}
    turned = dict(reversed(reference.items()))
    assert found("lists", {"external_references": [reference, {"source_name": "x"}]}) is None
    assert found("lists", {"external_references": [reference, turned]}) == "external_references"
    assert found("lists", {"object_refs": ["a", "b"]}) is None
    assert found("lists", {"object_refs": ["a", "b", "a"]}) == "object_refs"


def test_pattern_types_have_their_own_languages():
    stix = "[ipv4-addr:value = '198.51.100.7']"
    assert found("pattern", {"pattern_type": "stix", "pattern": stix}) is None
    for kind in ("sigma", "stillwatch-template"):
        assert found("pattern", {"pattern_type": kind, "pattern": stix}) == "pattern"


def test_the_first_refusal_is_told():
    item = {"object_refs": ["a"], "created": "2026-09-02T00:00:00Z", "modified": "2026-09-01T00:00:00Z"}
    assert checked(["versions", "k"], item.get, SETTING)[0] == "modified"
    assert checked([], item.get, SETTING) is None
    assert set(CHECKS) == {
        "embargo",
        "k",
        "lists",
        "opaque",
        "pattern",
        "relation",
        "spans",
        "suspect",
        "versions",
    }


def test_the_form_of_a_template_is_the_one_that_scans_read():
    for words in WORDS:
        for part in PARTS:
            text = str(Signature(9_999, part, words, os.urandom(64)))
            assert re.fullmatch(TEMPLATE_FORM, text)
            assert not re.fullmatch(TEMPLATE_FORM, text[:-1] + "B")
            assert not re.fullmatch(TEMPLATE_FORM, text.replace(f"words={words}", "words=48213-48213"))


def test_no_text_where_bits_belong():
    sketch = "Customer-AcmeBank-pays-three-dollars-per-Mtok-roadmap-launch-GPU-capacity-in-spring-AA"
    assert len(sketch) == 86
    shared = {"pattern_type": "stillwatch-template", "extensions": [TEMPLATE]}
    form = "stillwatch-template/1 epoch=1 part=input words=16-31 sketch="
    assert found("pattern", shared | {"pattern": form + sketch}) == "pattern"
    key = {
        "type": "identity",
        f"{PSEUDONYM}.public_key": "CustomerAcmeBankPays3DollarsPerMillionToken=",
    }
    assert found("opaque", key) == f"extensions.{PSEUDONYM}.public_key"
    digest = b"Please write a poem about spring".hex()
    for kind, field in (
        ("software", f"{SUSPECT}.weights_sha256"),
        ("software", f"{SUSPECT}.endpoint_sha256"),
        ("relationship", f"{LINEAGE}.prompt_set_sha256"),
    ):
        assert found("opaque", {"type": kind, field: digest}) == f"extensions.{field}"


def test_every_field_that_takes_bits_is_looked_at():
    """Rules that come to allow another digest, key or id have to name where it is checked."""
    for kind, fields in Rules.default().types.items():
        if kind == "bundle":
            continue
        assert "opaque" in Rules.default().also[kind]
        drawn, listed = set(), set()
        for path, rule in flat(fields):
            form = rule.get("matches", "")
            if re.search(r"\[0-9a-f\]\{(?:32|64)\}|\[A-Za-z0-9\+/\]", form):
                drawn.add(path)
            if "id" in rule:
                listed.add(path)
        looked = {*checks._NAMES, *checks._REFERENCES.get(kind, ()), *checks._BITS.get(kind, ())}
        assert drawn | listed <= looked, kind


def flat(fields, extension=""):
    """The fields of a type as checks name them, with their rules."""
    for name, (rule, _) in required(fields).items():
        if name == "extensions":
            for of, (inner, _) in required(rule["fields"]).items():
                yield from flat(inner["fields"], f"{of}.")
        elif "list" in rule and isinstance(rule["list"], dict):
            yield f"{extension}{name}", rule["list"]
        else:
            yield f"{extension}{name}", rule
