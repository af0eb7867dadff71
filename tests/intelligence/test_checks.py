from datetime import UTC, datetime

import pytest

from stillwatch.intelligence.checks import CHECKS, RELATIONS, Setting, checked
from stillwatch.intelligence.extension import LINEAGE

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


@pytest.mark.parametrize("kind", RELATIONS)
def test_relations_are_those_on_the_list(kind):
    for source, target in RELATIONS[kind]:
        item = {"relationship_type": kind, "source_ref": f"{source}--1", "target_ref": f"{target}--2"}
        assert found("relation", item) is None
        assert (found("relation", item | {"extensions": [LINEAGE]}) is None) == (kind == "derived-from")
    assert found("relation", item | {"source_ref": "user-account--1"}) == "relationship_type"


def test_related_to_ties_anything_together():
    item = {"relationship_type": "related-to", "source_ref": "grouping--1", "target_ref": "software--2"}
    assert found("relation", item) is None


def test_pattern_types_have_their_own_languages():
    stix = "[ipv4-addr:value = '198.51.100.7']"
    assert found("pattern", {"pattern_type": "stix", "pattern": stix}) is None
    for kind in ("sigma", "stillwatch-template"):
        assert found("pattern", {"pattern_type": kind, "pattern": stix}) == "pattern"


def test_the_first_refusal_is_told():
    item = {"object_refs": ["a"], "created": "2026-09-02T00:00:00Z", "modified": "2026-09-01T00:00:00Z"}
    assert checked(["versions", "k"], item.get, SETTING)[0] == "modified"
    assert checked([], item.get, SETTING) is None
    assert set(CHECKS) == {"embargo", "k", "pattern", "relation", "versions"}
