import copy
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.intelligence import DisclosureError, bundle, refusals
from stillwatch.intelligence.disclosure import require
from stillwatch.intelligence.extension import EXTENSION, published
from stillwatch.records.errors import InputError
from stillwatch.records.findings import Campaign, Reason


@pytest.fixture(scope="module")
def whole():
    time = datetime(2026, 9, 1, tzinfo=UTC)
    reasons = (Reason("shared_payment", "identity and infrastructure", "s", 1.0, 0.001, True),)
    reasons += (Reason("rubric_grading", "content", "s", 1.0, None, True),)
    campaign = Campaign(
        "c", "extraction", "extraction", "sufficient", 0.9, 3.0, 40, 9_000, time, time, None, reasons
    )
    return bundle([campaign], [])


def places(item, path=()):
    """The path of every dictionary, list and value inside the item."""
    yield path
    children = item.items() if isinstance(item, dict) else enumerate(item) if isinstance(item, list) else ()
    for key, value in children:
        yield from places(value, (*path, key))


def put(item, path, value):
    changed = copy.deepcopy(item)
    target = changed
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return changed


def get(item, path):
    for key in path:
        item = item[key]
    return item


def campaign_of(whole):
    return next(i for i, item in enumerate(whole["objects"]) if item["type"] == "campaign")


def test_our_own_bundles_may_leave(whole):
    assert refusals(whole) == []
    require(whole)
    for item in published():
        assert refusals(item) == []


ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=8), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(data=st.data(), key=st.text(min_size=1, max_size=12), value=ANYTHING)
@settings(max_examples=200)
def test_a_new_field_is_refused_wherever_it_stands(whole, data, key, value):
    spots = [p for p in places(whole) if isinstance(get(whole, p), dict) and key not in get(whole, p)]
    path = data.draw(st.sampled_from(spots))
    found = refusals(put(whole, (*path, key), value))
    # `revoked` is the one field that may be there and is not.
    assert found or (key == "revoked" and isinstance(value, bool))


@given(data=st.data(), value=ANYTHING)
@settings(max_examples=300)
def test_another_value_is_refused_wherever_it_stands(whole, data, value):
    leaves = [p for p in places(whole) if p and not isinstance(get(whole, p), dict | list)]
    path = data.draw(st.sampled_from(leaves))
    before = get(whole, path)
    if type(value) is type(before) and (value == before or isinstance(value, bool)):
        return
    assert refusals(put(whole, path, value))


@given(value=ANYTHING)
def test_anything_else_is_refused(value):
    assert refusals(value)


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("name", "ACME Corp buys 40% of our capacity", "vocabulary"),
        ("name", "Unauthorised extraction of a m\u043edel", "vocabulary"),  # a Cyrillic letter
        ("description", "prompt: translate", "not on the allow-list"),
        ("first_seen", "2026-09-01T13:37:42.000Z", "not a time of the form"),
        ("confidence", 87, "vocabulary"),
        ("confidence", 85.0, "vocabulary"),
        ("confidence", True, "vocabulary"),
        ("created_by_ref", "identity--acct-17", "id"),
        ("created_by_ref", "user-account--8b1d6f70-3c2e-4e9b-a5d4-0c7f2e914b63", "id"),
        ("labels", ["adversarial-distillation", "price 4"], "vocabulary"),
        ("labels", "adversarial-distillation", "a list of"),
        ("revoked", 1, "true or false"),
        ("extensions", {"extension-definition--2f3c9a14-7d0e-4b5a-9c61-000000000000": {}}, "allow-list"),
    ],
)
def test_a_refusal_names_field_rule_and_mend(whole, field, value, rule):
    i = campaign_of(whole)
    found = refusals(put(whole, ("objects", i, field), value))
    assert found[0].object_id == whole["objects"][i]["id"]
    assert found[0].field.startswith(field)
    assert rule in found[0].rule
    assert found[0].mend


def test_an_exact_count_in_the_extension_is_refused(whole):
    path = ("objects", campaign_of(whole), "extensions", EXTENSION, "accounts")
    for count in (412, "412", "400-499"):
        (found,) = refusals(put(whole, path, count))
        assert found.field.endswith("accounts")


def test_a_changed_marking_or_definition_is_refused(whole):
    for i, item in enumerate(whole["objects"]):
        if item["type"] in ("marking-definition", "extension-definition"):
            assert refusals(put(whole, ("objects", i, "name"), "TLP:NONE"))


@pytest.mark.parametrize("kind", ["network-traffic", "note", "report", "x-secret", "location"])
def test_other_types_are_refused(whole, kind):
    changed = copy.deepcopy(whole)
    changed["objects"].append({"type": kind, "id": f"{kind}--1"})
    (found,) = refusals(changed)
    assert found.object_id == f"{kind}--1"


def test_a_missing_field_is_named(whole):
    changed = copy.deepcopy(whole)
    del changed["objects"][campaign_of(whole)]["name"]
    (found,) = refusals(changed)
    assert (found.field, found.rule) == ("name", "the field is required")


def test_the_error_is_one_line_for_the_user(whole):
    broken = put(whole, ("objects", campaign_of(whole), "name"), "line\nbreak")
    with pytest.raises(DisclosureError) as caught:
        require(broken)
    assert isinstance(caught.value, InputError)
    assert "\n" not in str(caught.value)
    assert len(caught.value.refusals) == 1
