import json
import math
import re
import socket
import uuid
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from stix2validator import ValidationOptions, validate_instance

from stillwatch.intelligence import bundle, refusals, withheld, write_bundle
from stillwatch.intelligence.extension import EXTENSION, schema_text
from stillwatch.records.errors import InputError
from stillwatch.records.findings import Campaign, Member, Reason

OPTIONS = ValidationOptions(version="2.1", strict=True, strict_properties=True, enforce_refs=True)


def one(**changes):
    campaign = Campaign(
        campaign_id="c-1",
        verdict="extraction",
        kind_of_use="extraction",
        data_state="sufficient",
        probability=0.99,
        log10_bayes_factor=4.0,
        accounts=412,
        exchanges=61_243,
        first_time=datetime(2026, 9, 1, 13, 37, 42, tzinfo=UTC),
        last_time=datetime(2026, 9, 14, 2, 3, 4, tzinfo=UTC),
        detected_at=datetime(2026, 9, 3, 9, tzinfo=UTC),
        reasons=(
            Reason("reasoning_elicitation", "content", "words of a customer", 0.97, 1e-9, True),
            Reason("shared_payment", "identity and infrastructure", "card 4242", 38.0, None, True),
            Reason("even_volumes", "timing and volume", "volumes as people's", 1.2, 0.4, False),
        ),
    )
    return replace(campaign, **changes)


def members_of(campaign, count, role="member"):
    return [Member(campaign.campaign_id, f"acct-{i}", role, 0.9, 148) for i in range(count)]


def objects(whole, kind):
    return [item for item in whole["objects"] if item["type"] == kind]


def test_others_are_not_told_what_they_told_us():
    corroborated = Reason("corroboration", "other members", "x", 30.0, None, True)
    campaign = one(probability=0.9)
    raised = one(
        probability=0.9 * 30 / (0.9 * 30 + 0.1),
        log10_bayes_factor=4.0 + math.log10(30),
        reasons=(*campaign.reasons, corroborated),
    )
    assert bundle([raised], []) == bundle([campaign], [])


def extension(whole):
    (campaign,) = objects(whole, "campaign")
    return campaign["extensions"][EXTENSION]


@pytest.fixture
def no_network(monkeypatch):
    """The validator must work off line, as CI does."""

    def refuse(*_, **__):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@given(data=st.data(), level=st.sampled_from(["clear", "green", "amber", "amber+strict"]))
@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_the_validator_finds_no_error_and_no_warning(no_network, made, data, level):
    found, members = data.draw(made.campaigns())
    created = data.draw(st.one_of(st.none(), st.datetimes(datetime(2023, 1, 1), datetime(2035, 1, 1))))
    whole = bundle(found, members, created=created, producer=data.draw(made.texts), level=level)
    for result in [
        validate_instance(whole, OPTIONS),
        *(validate_instance(o, OPTIONS) for o in whole["objects"]),
    ]:
        assert result.is_valid, [e.message for e in result.errors]
        assert not result.errors
        assert not result.warnings, [w.message for w in result.warnings]
    schema = Draft202012Validator(json.loads(schema_text()))
    for campaign in objects(whole, "campaign"):
        schema.validate(campaign["extensions"][EXTENSION])
    told = sum(c.verdict == "extraction" for c in found) - withheld(found, members)
    assert len(objects(whole, "campaign")) == told
    assert refusals(whole) == []


def test_the_validator_does_find_faults():
    """Were it to accept anything, the test above would say nothing."""
    whole = bundle([one()], [])
    del objects(whole, "campaign")[0]["name"]
    assert not validate_instance(whole, OPTIONS).is_valid


SECRET = st.text(st.sampled_from("QXZJqxzj王ñ"), min_size=4, max_size=12)


def values(item):
    """Every value and every key in the bundle, ids and times apart (they are tested by themselves)."""
    if isinstance(item, dict):
        for key, value in item.items():
            yield key
            if not (
                key == "id" or key.endswith(("_ref", "_refs")) or key in ("created", "modified", "schema")
            ):
                yield from values(value)
    elif isinstance(item, list):
        for value in item:
            yield from values(value)
    else:
        yield item


@given(data=st.data())
@settings(max_examples=60)
def test_no_account_text_or_exact_count_leaves(made, data):
    found, members = data.draw(made.campaigns(SECRET))
    # Counts that no bucket, version or band happens to have.
    found = [
        replace(c, verdict="extraction", exchanges=c.exchanges * 1000 + 777, accounts=c.accounts * 1000 + 333)
        for c in found
    ]
    whole = bundle(found, members, producer="QXZJ-producer")
    text = json.dumps(whole, ensure_ascii=False)
    secrets = {m.account_id for m in members} | {c.campaign_id for c in found} | {"QXZJ-producer"}
    secrets |= {r.statement for c in found for r in c.reasons}
    assert not [s for s in secrets if s in text]
    assert {v for v in values(whole) if isinstance(v, int | float) and not isinstance(v, bool)} <= {
        15,
        50,
        85,
    }
    plain = [str(v) for v in values(whole)]
    numbers = {str(count) for c in found for count in (c.exchanges, c.accounts)}
    statistics = [r.statistic for c in found for r in c.reasons if r.statistic is not None]
    numbers |= {str(value) for value in statistics if math.isfinite(value) and abs(value) > 1000}
    assert not [n for n in numbers for v in plain if re.search(rf"(?<!\d){re.escape(n)}(?!\d)", v)]


@given(data=st.data())
@settings(max_examples=40)
def test_what_is_not_disclosed_changes_no_byte(made, data):
    """Ids are digests, and a digest of a secret can be guessed: so nothing that is kept back may go into one."""
    found, members = data.draw(made.campaigns())
    shared = bundle(found, members, producer="p")
    renamed = {c.campaign_id: f"other-{i}" for i, c in enumerate(found)}
    hidden = [
        replace(
            c,
            campaign_id=renamed[c.campaign_id],
            detected_at=None,
            data_state="sufficient",
            reasons=tuple(replace(r, statement="", statistic=None) for r in c.reasons),
            first_time=c.first_time.replace(hour=0, minute=0, second=0, microsecond=0),
        )
        for c in found
    ]
    accounts = {m.account_id: f"a{i}" for i, m in enumerate(members)}
    moved = [Member(renamed[m.campaign_id], accounts[m.account_id], m.role, 0.1, 1) for m in members]
    assert bundle(hidden, moved, producer="p") == shared


@given(data=st.data(), random=st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_the_order_of_the_input_does_not_matter(made, data, random):
    found, members = data.draw(made.campaigns())
    before = bundle(found, members)
    random.shuffle(found)
    random.shuffle(members)
    assert bundle(found, members) == before


def test_two_campaigns_that_look_the_same_have_ids_of_their_own():
    first = objects(bundle([one(), one(campaign_id="c-2", exchanges=70_000)], []), "campaign")
    assert len({item["id"] for item in first}) == 2


def test_another_producer_has_other_ids_and_no_name():
    here, there = bundle([one()], [], producer="a"), bundle([one()], [], producer="b")
    assert objects(here, "campaign")[0]["id"] != objects(there, "campaign")[0]["id"]
    assert {i["name"] for i in objects(here, "identity")} == {"Stillwatch", "Anonymous member"}


def test_ids_are_of_version_4():
    for item in bundle([one()], [])["objects"]:
        assert uuid.UUID(item["id"].split("--")[1]).version == 4


def test_what_a_campaign_says():
    campaign = one()
    whole = bundle([campaign], [*members_of(campaign, 398), *members_of(campaign, 3, "suspected")])
    (item,) = objects(whole, "campaign")
    assert (item["first_seen"], item["last_seen"]) == ("2026-09-01T00:00:00.000Z", "2026-09-14T00:00:00.000Z")
    assert item["created"] == item["modified"] == "2026-09-15T00:00:00.000Z"
    assert item["confidence"] == 85
    assert [r["external_id"] for r in item["external_references"]] == ["AML.T0024.002", "AML.CS0056", "C11.5"]
    assert item["object_marking_refs"] == ["marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"]
    assert extension(whole) == {
        "extension_type": "property-extension",
        "accounts": "100-999",
        "exchanges": "10000-99999",
        "strength": "decisive",
        "relays": False,
        "elicitation": ["reasoning"],
        "evidence": [
            {
                "behaviour": "even_volumes",
                "family": "timing and volume",
                "supports": False,
                "p_value": "above 0.05",
                "basis": "inference",
            },
            {
                "behaviour": "reasoning_elicitation",
                "family": "content",
                "supports": True,
                "p_value": "below 0.000001",
                "basis": "inference",
            },
            {
                "behaviour": "shared_payment",
                "family": "identity and infrastructure",
                "supports": True,
                "p_value": "none",
                "basis": "observation",
            },
        ],
        "legal_basis": "not assessed",
        "benign_explanations": "weighed and found worse",
    }


def test_suspected_accounts_are_not_counted_and_relays_are_said():
    campaign = one()
    members = [*members_of(campaign, 5, "relay"), *members_of(campaign, 50, "suspected")]
    said = extension(bundle([campaign], members))
    assert (said["accounts"], said["relays"]) == ("5-9", True)


def test_campaigns_of_few_accounts_stay_at_home():
    few, none, many = (one(campaign_id=name) for name in ("few", "none", "many"))
    members = [*members_of(few, 4), *members_of(none, 9, "suspected"), *members_of(many, 5)]
    whole = bundle([few, none, many], members)
    assert whole == bundle([many], members_of(many, 5))
    assert len(objects(whole, "campaign")) == 1
    assert withheld([few, none, many, one(verdict="review", accounts=1)], members) == 2
    assert (withheld([one(accounts=4)], []), withheld([one(accounts=5)], [])) == (1, 0)


def test_only_accusations_leave():
    whole = bundle([one(verdict="review"), one(verdict="legitimate")], [])
    assert objects(whole, "campaign") == []


def test_created_is_rounded_to_the_day():
    whole = bundle([one()], [], created=datetime(2026, 10, 2, 17, 45, tzinfo=UTC))
    assert objects(whole, "campaign")[0]["created"] == "2026-10-02T00:00:00.000Z"


def test_changing_a_bundle_changes_no_other():
    first = bundle([one()], [])
    first["objects"][0]["name"] = "changed"
    assert bundle([one()], [])["objects"][0]["name"] == "TLP:AMBER+STRICT"


@pytest.mark.parametrize("level", ["purple", "red"])
def test_a_level_that_is_not_for_sharing_is_an_error_of_the_user(level):
    with pytest.raises(InputError, match="amber"):
        bundle([one()], [], level=level)


def test_written_as_bytes_that_are_always_the_same(tmp_path):
    path = tmp_path / "bundle.json"
    write_bundle(path, [one()], members_of(one(), 3))
    before = path.read_bytes()
    write_bundle(path, [one()], members_of(one(), 3)[::-1])
    assert path.read_bytes() == before
    assert json.loads(before) == bundle([one()], members_of(one(), 3))
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"bundle\.json"):
        write_bundle(tmp_path / "absent" / "bundle.json", [one()], [])
