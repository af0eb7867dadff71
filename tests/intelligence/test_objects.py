"""Every object that is made here is valid STIX 2.1, keeps the rules, and says no more than it has to."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any

import pytest
import stix2
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from stix2validator import ValidationOptions, validate_instance

from stillwatch.intelligence import objects, vocabulary
from stillwatch.intelligence.checking import Checker
from stillwatch.intelligence.disclosure import DisclosureError
from stillwatch.intelligence.extension import EXTENSIONS, published
from stillwatch.intelligence.markings import TLP, USES
from stillwatch.intelligence.objects import Handling, Lineage
from stillwatch.records.errors import InputError
from stillwatch.records.signatures import Signature
from stillwatch.transparency.canonical import canonical

NOW = datetime(2026, 9, 1, 13, 37, 42, 123456, tzinfo=UTC)
AUTHOR = "identity--11111111-1111-4111-8111-111111111111"
HANDLING = Handling(AUTHOR, NOW)
SIGNATURE = str(Signature(3, "input", "16-31", hashlib.sha512(b"one").digest()))
CHECKER = Checker()


def evidence(**more):
    said = {
        "grade": "keyed",
        "p_value": 1e-7,
        "p_floor": 1e-9,
        "e_value": 1e5,
        "correction": vocabulary.CORRECTIONS[0],
        "prompt_set_sha256": "a" * 64,
        "references": 98,
    }
    return Lineage(**(said | more))


def everything(handling=HANDLING) -> Iterator[dict[str, Any]]:
    """One of each thing that can be made, tied as findings tie them."""
    yield objects.pseudonym(AUTHOR, 3, bytes(range(32)), NOW)
    yield from objects.cluster(412, handling, 85)
    template = objects.template_indicator(SIGNATURE, 412, handling, NOW + timedelta(days=30), 85)
    yield template
    yield objects.infrastructure_indicator("[ipv4-addr:value = '203.0.113.7']", handling)
    suspect = objects.suspect_model(handling, weights_sha256="b" * 64, endpoint="API.Example.com.")
    teacher = objects.teacher_model(handling)
    yield suspect
    yield teacher
    yield objects.derived_from(suspect["id"], teacher["id"], evidence(), handling)
    yield objects.relationship(template["id"], "indicates", f"campaign--{AUTHOR[10:]}", handling)
    yield objects.sighting(
        template["id"], handling, count=1234, first=NOW - timedelta(days=3), last=NOW, confidence=50
    )
    for agrees in vocabulary.OPINIONS:
        yield objects.opinion([template["id"]], agrees, handling, vocabulary.EXPLANATIONS[0])
    yield objects.false_positive(template["id"], handling)
    for action in vocabulary.ACTIONS:
        response = objects.course_of_action(action, handling)
        yield response
    yield objects.relationship(response["id"], "mitigates", f"campaign--{AUTHOR[10:]}", handling)


MADE = list(everything())


NAMED = [pytest.param(item, id=f"{n}-{item['type']}") for n, item in enumerate(MADE)]
# What the standard advises and we do not: docs/reference/stix.md says why.
ADVICE = {
    "103": "user-account and software ids that are derived from values",
    "202": "a course of action that mitigates a campaign",
    "245": "pattern types that the standard does not list",
    "303": "a description, which is free text",
}


def codes(result):
    """Numbers of the validator's warnings."""
    return {str(warning).split("{")[1].split("}")[0] for warning in result.warnings}


@pytest.mark.parametrize("item", NAMED)
def test_the_validator_finds_no_error(item):
    result = validate_instance(item, ValidationOptions(version="2.1", strict_properties=True))
    assert (result.is_valid, [str(error) for error in result.errors]) == (True, [])
    assert codes(result) <= ADVICE.keys()


@pytest.mark.parametrize("item", NAMED)
def test_the_rules_take_it_and_other_tools_read_it(item):
    assert not isinstance(CHECKER.check(canonical(item)), list)
    read = stix2.parse(json.dumps(item), allow_custom=True)
    assert read["id"] == item["id"]


def test_all_of_it_is_one_valid_bundle():
    whole = {
        "type": "bundle",
        "id": "bundle--11111111-1111-4111-8111-111111111111",
        "objects": [*published(), *MADE],
    }
    result = validate_instance(whole, ValidationOptions(version="2.1", strict_properties=True))
    assert (result.is_valid, [str(error) for error in result.errors]) == (True, [])
    # And each of them is needed.
    assert codes(result) == ADVICE.keys()


def test_extensions_are_what_their_schemas_say():
    schemas = {name: json.loads(definition["schema"]) for name, definition in _definitions().items()}
    assert set(schemas) == set(EXTENSIONS)
    seen = set()
    for item in MADE:
        for name, said in item.get("extensions", {}).items():
            Draft202012Validator(schemas[name]).validate(said)
            seen.add(name)
    files = {entry.name for entry in resources.files("stillwatch.intelligence.schemas").iterdir()}
    assert len([name for name in files if name.endswith(".json")]) == len(EXTENSIONS)
    # Campaigns are made elsewhere, and have theirs tested there.
    assert len(seen) == len(EXTENSIONS) - 1


def _definitions():
    return {item["id"]: item for item in published() if item["type"] == "extension-definition"}


def test_ids_tell_nothing_of_values():
    """Derived from values, as STIX proposes for observables, they could be guessed by trying values."""
    again = list(everything())
    ids = {item["id"] for item in MADE} - {AUTHOR}
    assert not ids & ({item["id"] for item in again} - {AUTHOR})
    assert all(identifier.split("--")[1][14] == "4" for identifier in ids)
    handles = {item["user_id"] for item in MADE if item["type"] == "user-account"}
    assert len(handles) == len([item for item in MADE if item["type"] == "user-account"])


def test_what_an_endpoint_is_can_be_compared_however_it_is_written():
    def digest(endpoint):
        made = objects.suspect_model(HANDLING, endpoint=endpoint)
        (said,) = made["extensions"].values()
        return said["endpoint_sha256"]

    assert digest("API.Example.com.") == digest(" api.example.com") != digest("api2.example.com")


def test_a_model_of_which_nothing_is_known_is_not_made():
    with pytest.raises((InputError, DisclosureError)):
        objects.suspect_model(HANDLING)


@pytest.mark.parametrize("level", [*TLP, "purple"])
def test_levels_that_may_leave(level):
    handling = Handling(AUTHOR, NOW, level)
    if level in ("red", "purple"):
        with pytest.raises((DisclosureError, InputError)):
            objects.teacher_model(handling)
    else:
        made = objects.teacher_model(handling)
        assert made["object_marking_refs"] == [TLP[level]["id"]]


@pytest.mark.parametrize("use", USES)
def test_what_may_be_done_with_it_is_a_marking(use):
    made = objects.teacher_model(Handling(AUTHOR, NOW, use=use))
    assert USES[use]["id"] in made["object_marking_refs"]
    with pytest.raises(InputError, match="unknown permitted use"):
        objects.teacher_model(Handling(AUTHOR, NOW, use="anything"))


@given(st.integers(-5, 10**7))
def test_no_number_leaves_as_it_was(accounts):
    if accounts < vocabulary.LEAST_ACCOUNTS:
        with pytest.raises(InputError):
            objects.template_indicator(SIGNATURE, accounts, HANDLING)
        return
    made = objects.template_indicator(SIGNATURE, accounts, HANDLING)
    (said,) = made["extensions"].values()
    assert said["accounts"] in vocabulary.SIZE_BUCKETS
    others = [n for n in (accounts - 1, accounts + 1) if n >= vocabulary.LEAST_ACCOUNTS]
    # Its neighbours are mostly in the same bucket: nothing distinguishes them but at its edges.
    assert any(vocabulary.size_bucket(n) == said["accounts"] for n in others)


@given(st.integers(vocabulary.LEAST_ACCOUNTS, 200_000))
def test_a_cluster_has_as_many_handles_as_its_bucket_begins_with(accounts):
    accounts = min(accounts, 3000)
    *handles, group = sorted(objects.cluster(accounts, HANDLING), key=lambda item: item["type"] == "grouping")
    assert len(handles) in (5, 10, 100, 1000)
    assert len(handles) <= max(accounts, 5)
    assert sorted(group["object_refs"]) == sorted(item["id"] for item in handles)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)))
def test_times_leave_as_days(moment):
    made = objects.teacher_model(Handling(AUTHOR, moment))
    assert "created" not in made
    made = objects.course_of_action(vocabulary.ACTIONS[0], Handling(AUTHOR, moment))
    assert made["created"] == made["modified"] == f"{moment:%Y-%m-%d}T00:00:00.000Z"


@given(st.timedeltas(timedelta(seconds=-86_400 * 3), timedelta(days=400)))
def test_what_is_valid_is_so_for_a_time(life):
    """STIX 2.1, section 4.7: valid_until is later than valid_from."""
    end = NOW + life
    try:
        made = objects.template_indicator(SIGNATURE, 12, HANDLING, end)
    except InputError:
        assert end <= NOW.replace(hour=0, minute=0, second=0, microsecond=0)
        return
    begins, ends = (datetime.fromisoformat(made[name]) for name in ("valid_from", "valid_until"))
    assert ends > begins
    assert end <= ends < end + timedelta(days=1)
    assert stix2.parse(json.dumps(made), allow_custom=True)["valid_until"]


def test_a_sighting_s_times_are_in_their_order():
    with pytest.raises(InputError, match="swap"):
        objects.sighting(MADE[0]["id"], HANDLING, first=NOW, last=NOW - timedelta(days=2))
    one_day = objects.sighting("campaign--" + AUTHOR[10:], HANDLING, first=NOW - timedelta(hours=1), last=NOW)
    assert one_day["first_seen"] == one_day["last_seen"]


@given(st.integers(-3, 10**9))
def test_a_count_leaves_as_the_least_of_its_bucket(count):
    made = objects.sighting("campaign--" + AUTHOR[10:], HANDLING, count=count)
    left = made["count"]
    assert left == 10 ** (len(str(left)) - 1)
    assert left <= max(count, 1)


@given(
    st.none() | st.floats(0, 1),
    st.none() | st.floats(0, 1),
    st.none() | st.floats(-1, 1e12),
    st.sampled_from(["keyed", "similarity"]),
    st.integers(0, 5000),
)
def test_evidence_of_lineage_leaves_in_grades(p_value, p_floor, e_value, grade, references):
    made = objects.derived_from(
        f"software--{AUTHOR[10:]}",
        f"software--{AUTHOR[10:-1]}2",
        evidence(p_value=p_value, p_floor=p_floor, e_value=e_value, grade=grade, references=references),
        HANDLING,
    )
    (said,) = made["extensions"].values()
    assert said["p_value"] in vocabulary.P_VALUE_BUCKETS
    assert said["strength"] in vocabulary.STRENGTHS
    assert (said["test"] == "keyed marks") == (grade == "keyed")
    # Nothing that is a fraction: what is measured exactly stays at home.
    assert not any(isinstance(value, float) for value in said.values())


@pytest.mark.parametrize(
    "make",
    [
        lambda: objects.template_indicator("stillwatch-template/1 our prompt", 12, HANDLING),
        lambda: objects.infrastructure_indicator("[user-account:display_name = 'Anna']", HANDLING),
        lambda: objects.behaviour_indicator("title: Acme Corp\n", HANDLING),
        lambda: objects.course_of_action("raise prices", HANDLING),
        lambda: objects.opinion(["campaign--" + AUTHOR[10:]], "agree", HANDLING, "Acme is a bad company"),
        lambda: objects.relationship(AUTHOR, "competes-with", AUTHOR, HANDLING),
        lambda: objects.suspect_model(HANDLING, weights_sha256="the weights"),
        lambda: objects.derived_from("software--x", "software--y", evidence(), HANDLING),
    ],
)
def test_what_the_rules_forbid_is_not_even_made(make):
    with pytest.raises(DisclosureError):
        make()
