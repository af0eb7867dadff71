import json
import math
from datetime import UTC, datetime, timedelta, timezone
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.detection.behaviours import REGISTRY
from stillwatch.intelligence import vocabulary
from stillwatch.intelligence.extension import EXTENSION
from stillwatch.intelligence.rules import Rules
from stillwatch.records.findings import FAMILIES


@given(st.integers(1, 10**12))
def test_a_count_is_inside_its_bucket(count):
    bucket = vocabulary.count_bucket(count)
    low, _, high = bucket.rstrip("+").partition("-")
    assert int(low) <= count
    assert count <= int(high) if high else bucket.endswith("+")


def test_counts_of_nothing_are_in_the_first_bucket():
    assert vocabulary.count_bucket(0) == vocabulary.count_bucket(-5) == "1-9"


@pytest.mark.parametrize(
    ("p_value", "bucket"),
    [
        (None, "none"),
        (math.nan, "none"),
        (2.0, "none"),
        (1.0, "above 0.05"),
        (0.05, "0.001 to 0.05"),
        (1e-3, "0.000001 to 0.001"),
        (1e-6, "below 0.000001"),
        (0.0, "below 0.000001"),
    ],
)
def test_p_values(p_value, bucket):
    assert vocabulary.p_value_bucket(p_value) == bucket


def test_grades_rise_with_the_evidence():
    assert [vocabulary.strength(b) for b in (-3, 0.5, 0.7, 1.5, 2.5, math.inf)] == [
        "bare",
        "bare",
        "substantial",
        "strong",
        "decisive",
        "decisive",
    ]
    assert [vocabulary.confidence(p) for p in (0, 0.3, 0.69, 0.7, 1, math.nan)] == [15, 50, 50, 85, 85, 15]


@given(st.datetimes(timezones=st.sampled_from([None, UTC, timezone(timedelta(hours=13))])))
def test_times_are_rounded_to_the_day_and_never_overflow(time):
    for rounded in (vocabulary.day(time), vocabulary.day_after(time)):
        assert rounded.tzinfo is UTC
        assert vocabulary.stamp(rounded).endswith("T00:00:00.000Z")
        assert len(vocabulary.stamp(rounded)) == 24


def test_a_day_is_utc():
    late = datetime(2026, 9, 1, 23, 30, tzinfo=timezone(timedelta(hours=-5)))
    assert vocabulary.stamp(late) == "2026-09-02T00:00:00.000Z"


def test_the_vocabulary_holds_every_behaviour_and_family():
    assert set(REGISTRY) <= set(vocabulary.BEHAVIOURS)
    assert set(vocabulary.ELICITATION) <= set(vocabulary.BEHAVIOURS)
    assert {b.family for b in REGISTRY.values()} <= set(FAMILIES)


def test_rules_schema_and_code_agree():
    """The same words stand in the rules (for counsel), the schema (for other tools) and the code."""
    schema = json.loads(
        (resources.files("stillwatch.intelligence") / "schemas/extraction-campaign-1.json").read_text("utf-8")
    )
    properties = schema["properties"]
    fields = Rules.default().types["campaign"]["extensions"]["fields"][EXTENSION]["fields"]
    assert {name.removesuffix("?") for name in fields} == set(properties)
    assert {name for name in fields if not name.endswith("?")} == set(schema["required"])
    evidence, item = fields["evidence?"]["list"]["fields"], properties["evidence"]["items"]["properties"]
    listed = {
        "sizes": (fields["accounts"], properties["accounts"], vocabulary.SIZE_BUCKETS),
        "counts": (fields["exchanges"], schema["$defs"]["count"], vocabulary.COUNT_BUCKETS),
        "strength": (fields["strength"], properties["strength"], vocabulary.STRENGTHS),
        "legal": (fields["legal_basis"], properties["legal_basis"], vocabulary.LEGAL_BASES),
        "elicitation": (
            fields["elicitation?"]["list"],
            properties["elicitation"]["items"],
            vocabulary.ELICITATION.values(),
        ),
        "behaviour": (
            evidence["behaviour"],
            item["behaviour"],
            (*vocabulary.BEHAVIOURS, vocabulary.UNLISTED),
        ),
        "family": (evidence["family"], item["family"], (*FAMILIES, vocabulary.UNLISTED)),
        "p_value": (evidence["p_value"], item["p_value"], vocabulary.P_VALUE_BUCKETS),
        "basis": (evidence["basis"], item["basis"], vocabulary.BASES),
    }
    for name, (rule, in_schema, in_code) in listed.items():
        assert set(rule["one_of"]) == set(in_schema["enum"]) == set(in_code), name
    assert set(Rules.default().types["campaign"]["confidence"]["one_of"]) == set(vocabulary.CONFIDENCES)
