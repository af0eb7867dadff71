"""What a node does to objects before they leave."""

import copy
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.intelligence import objects
from stillwatch.intelligence.checking import Checker
from stillwatch.intelligence.extension import published
from stillwatch.intelligence.objects import Handling
from stillwatch.intelligence.outgoing import prepare, revoked
from stillwatch.records.errors import InputError
from stillwatch.transparency.canonical import canonical

NOW = datetime(2026, 9, 1, 13, 37, tzinfo=UTC)
PRODUCER = {
    "type": "identity",
    "id": "identity--33333333-3333-4333-8333-333333333333",
    "name": "Anna's company",
}
PSEUDONYM = {"type": "identity", "id": "identity--11111111-1111-4111-8111-111111111111"}
INDICATOR = objects.infrastructure_indicator(
    "[ipv4-addr:value = '203.0.113.7']", Handling(PRODUCER["id"], NOW - timedelta(days=9))
)


def bundle(*items):
    return {"type": "bundle", "id": "bundle--x", "objects": list(items)}


def test_the_pseudonym_stands_for_the_producer_wherever_it_is_named():
    sighting = objects.sighting(INDICATOR["id"], Handling(PRODUCER["id"], NOW)) | {
        "where_sighted_refs": [PRODUCER["id"], "identity--x"]
    }
    given_ = bundle(PRODUCER, INDICATOR, sighting)
    before = copy.deepcopy(given_)
    made = prepare(given_, PSEUDONYM)
    assert made[0] == PSEUDONYM
    assert PRODUCER["id"] not in json.dumps(made)
    assert PRODUCER["name"] not in json.dumps(made)
    assert made[1] == INDICATOR | {"created_by_ref": PSEUDONYM["id"]}
    assert made[2]["where_sighted_refs"] == [PSEUDONYM["id"], "identity--x"]
    # What was given stays as it was.
    assert given_ == before


def test_doing_it_twice_gives_the_same():
    assert prepare(bundle(PRODUCER, INDICATOR), PSEUDONYM) == prepare(bundle(PRODUCER, INDICATOR), PSEUDONYM)
    made = prepare(bundle(PRODUCER, INDICATOR), PSEUDONYM)
    assert prepare(bundle(*made), PSEUDONYM) == made


def test_objects_of_the_forum_itself_stay():
    made = prepare(bundle(*published(), INDICATOR), PSEUDONYM)
    assert made[1:] == [*published(), INDICATOR]


@given(st.dictionaries(st.text(max_size=8), st.none() | st.integers() | st.text(max_size=8), max_size=4))
def test_nothing_else_is_changed(more):
    item = {**more, "type": "campaign", "id": "campaign--x"}
    item.pop("created_by_ref", None)
    item.pop("where_sighted_refs", None)
    assert prepare(bundle(PRODUCER, item), PSEUDONYM)[1:] == [item]


@pytest.mark.parametrize(
    "wrong", [{}, {"type": "bundle"}, {"type": "bundle", "objects": {}}, {"type": "indicator", "objects": []}]
)
def test_what_is_no_bundle_is_told(wrong):
    with pytest.raises(InputError, match="no STIX bundle"):
        prepare(wrong, PSEUDONYM)


@pytest.mark.parametrize("item", [None, 1, "x", []])
def test_what_is_no_object_is_told(item):
    with pytest.raises(InputError, match="no object"):
        prepare(bundle(INDICATOR, item), PSEUDONYM)


def test_a_withdrawal_says_nothing_new_but_that_it_is_one():
    made = revoked(INDICATOR, NOW)
    assert {k: v for k, v in made.items() if k not in ("modified", "revoked")} == {
        k: v for k, v in INDICATOR.items() if k != "modified"
    }
    assert (made["revoked"], made["modified"]) == (True, "2026-09-01T00:00:00.000Z")
    assert not isinstance(Checker().check(canonical(made)), list)


def test_what_was_made_today_is_withdrawn_a_millisecond_later():
    today = INDICATOR | dict.fromkeys(("created", "modified", "valid_from"), "2026-09-01T00:00:00.000Z")
    made = revoked(today, NOW)
    assert made["modified"] == "2026-09-01T00:00:00.001Z"
    assert revoked(made, NOW)["modified"] == "2026-09-01T00:00:00.002Z"


def test_what_has_no_versions_cannot_be_withdrawn():
    model = objects.teacher_model(Handling(PRODUCER["id"], NOW))
    with pytest.raises(InputError, match="delete it at the hub"):
        revoked(model, NOW)
