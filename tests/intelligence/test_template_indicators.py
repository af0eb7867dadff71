"""Signatures in a bundle: an indicator each, tied to its campaign, and nothing that the rules refuse."""

import hashlib
import json
from datetime import UTC, datetime

from stillwatch.intelligence import bundle, refusals
from stillwatch.intelligence.template_indicators import LIFETIME
from stillwatch.records.findings import Campaign
from stillwatch.records.signatures import Made, Signature

FIRST = Signature(3, "input", "16-31", hashlib.sha512(b"one").digest())
SECOND = Signature(3, "system", "32-63", bytes(64))


def campaign(name="c-1"):
    return Campaign(
        campaign_id=name,
        verdict="extraction",
        kind_of_use="extraction",
        data_state="sufficient",
        probability=0.99,
        log10_bayes_factor=4.0,
        accounts=412,
        exchanges=61_243,
        first_time=datetime(2026, 9, 1, 13, tzinfo=UTC),
        last_time=datetime(2026, 9, 14, 2, tzinfo=UTC),
        detected_at=None,
        reasons=(),
    )


def of_type(whole, kind):
    return [item for item in whole["objects"] if item["type"] == kind]


def test_each_signature_is_an_indicator_of_its_campaign():
    made = [Made(SECOND, 12, 40), Made(FIRST, 7, 30)]
    whole = bundle([campaign()], [], templates={"c-1": made})
    assert refusals(whole) == []
    indicators, ties = of_type(whole, "indicator"), of_type(whole, "relationship")
    (about,) = of_type(whole, "campaign")
    assert [i["pattern"] for i in indicators] == sorted(map(str, (FIRST, SECOND)))
    assert {(t["source_ref"], t["target_ref"]) for t in ties} == {(i["id"], about["id"]) for i in indicators}
    assert [next(iter(i["extensions"].values()))["accounts"] for i in indicators] == ["5-9", "10-99"]
    lives = [
        datetime.fromisoformat(i["valid_until"]) - datetime.fromisoformat(i["valid_from"]) for i in indicators
    ]
    assert lives == [LIFETIME, LIFETIME]
    assert bundle([campaign()], [], templates={"c-1": made[::-1]}) == whole


def test_campaigns_that_are_the_same_keep_their_own_templates_and_ids():
    both = [campaign("c-1"), campaign("c-2")]
    templates = {"c-1": [Made(FIRST, 7, 30)], "c-2": [Made(FIRST, 7, 30)]}
    whole = bundle(both, [], templates=templates)
    ids = [item["id"] for item in whole["objects"]]
    assert len(set(ids)) == len(ids)
    assert bundle(both[::-1], [], templates=templates) == whole


def test_what_was_not_signed_is_no_object():
    whole = bundle([campaign()], [], templates={"c-1": [Made(None, 3, 9, "too few")]})
    assert whole == bundle([campaign()], [])
    assert "too few" not in json.dumps(whole)
