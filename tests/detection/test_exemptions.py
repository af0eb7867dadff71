"""Exemptions at work: whom they cover, until when, and that they change no figure of anybody."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.detection.candidates import EXTRACTION, LEGITIMATE, REVIEW
from stillwatch.detection.decision import judge
from stillwatch.detection.exemption_file import Exemption
from stillwatch.detection.exemptions import Exemptions, Standing, resolve
from stillwatch.detection.explanation import narrate
from stillwatch.detection.gathering import gather
from stillwatch.detection.roles import roles
from stillwatch.detection.settings import Settings
from stillwatch.detection.view import NEVER, view
from stillwatch.records.sketches import Key, sketch

CAMPAIGN = range(1000, 1040)
SURE = Settings(prior=0.99999)
"""Verified accounts speak against extraction: under this prior they are accused all the same."""


@pytest.fixture(scope="module")
def world(worlds):
    """Strangers, and a campaign of one organisation: template, marks, cards, balance. All but the last two are verified."""
    world = worlds.harvest(CAMPAIGN)
    for number in CAMPAIGN[:38]:
        world.account(number, verified=True)
    return world


def exemption(name="x-1", *, starts=None, expires=None):
    starts = starts or datetime(2026, 1, 1, tzinfo=UTC)
    return Exemption(
        exemption_id=name,
        organisation="Acme",
        template="not read here",
        author="anna",
        reason="confirmed by telephone",
        starts_at=starts,
        expires_at=expires or starts + timedelta(days=365),
    )


def standing(world, numbers, *, of=lambda e: e.objects, claimed=(), **terms):
    """An exemption that covers these accounts, for the exchanges that `of` is true of."""
    codes = {number: code for code, number in enumerate(sorted({e.account for e in world.exchanges}))}
    rows = [
        (i, codes[e.account], e.hour) for i, e in enumerate(world.exchanges) if e.account in numbers and of(e)
    ]
    columns = (
        [np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)]
        if rows
        else [np.zeros(0, int)] * 3
    )
    return Standing(
        exemption(**terms),
        np.array([codes[n] for n in numbers], dtype=np.int64),
        np.array([codes[n] for n in claimed], dtype=np.int64),
        *columns,
    )


def both(world, *standings, settings=SURE, until=int(NEVER)):
    """The campaign's verdict without and with exemptions."""
    (before,) = judge(view(world.evidence(), until), [], {}, settings)
    return before, Exemptions(tuple(standings)).apply(before)


def figures(judged):
    return (judged.probability, judged.weighing, judged.family_p, judged.significant, judged.figures)


def test_the_exempt_are_taken_out_of_the_accused_and_nothing_else_changes(world):
    exempt = CAMPAIGN[:20]
    before, after = both(world, standing(world, exempt))
    assert before.verdict == after.verdict == EXTRACTION
    assert figures(before) == figures(after)
    assert after.group is before.group
    ids = after.case.view.evidence.accounts.ids[after.group.accounts]
    for name, (was, p), (role, q) in zip(ids, roles(before), roles(after), strict=True):
        assert q == p
        assert was == "member"
        assert role == ("suspected" if int(name[-5:]) in exempt else "member")
    (note,) = after.notes
    assert note == (
        "20 accounts are exempt and not accused: exemption x-1 by anna, until 2027-01-01 00:00 UTC."
        " Reason given: confirmed by telephone"
    )


def test_a_group_of_the_exempt_shows_as_examined(world):
    before, after = both(world, standing(world, CAMPAIGN))
    assert (after.verdict, after.kind_of_use) == (LEGITIMATE, "authorised")
    assert figures(before) == figures(after)
    campaign, members = narrate.tables(after, None)
    assert campaign.accounts == len(members) == 40
    assert "exemption" in {r.behaviour for r in campaign.reasons}
    assert "agreement" not in {r.behaviour for r in campaign.reasons}
    (story,) = narrate.stories([(after, campaign, members)], lambda wanted: {}, raw=False)
    assert "Exemptions cover all who would be accused" in story.statement
    assert "by anna" in story.notes[0]


def test_a_few_others_are_for_a_person(world):
    _, after = both(world, standing(world, CAMPAIGN[:38]))
    assert after.verdict == REVIEW
    assert "2 accounts are not exempt, too few to accuse by themselves." in after.notes
    _, after = both(world, standing(world, CAMPAIGN[:36]))
    assert after.verdict == EXTRACTION


@pytest.mark.parametrize(
    ("exempt", "verdict"), [(40, LEGITIMATE), (30, LEGITIMATE), (28, REVIEW), (20, EXTRACTION)]
)
def test_who_is_only_suspected_is_nobody_left_to_accuse(world, exempt, verdict):
    """The last ten were put beside the campaign: they alone carry no accusation."""
    (before,) = judge(view(world.evidence()), [], {}, SURE)
    last = np.isin(np.arange(len(before.group.accounts)), range(30, 40))
    before = replace(before, aside=last)
    after = Exemptions((standing(world, CAMPAIGN[:exempt]),)).apply(before)
    assert after.verdict == verdict
    assert after.accused.sum() == (30 - exempt if verdict == EXTRACTION else 0)


def test_an_exemption_of_who_is_only_suspected_changes_no_verdict(world):
    (before,) = judge(view(world.evidence()), [], {}, SURE)
    for left in (20, 2):
        almost = replace(before, aside=np.arange(len(before.group.accounts)) < 40 - left)
        after = Exemptions((standing(world, CAMPAIGN[:5]),)).apply(almost)
        assert not after.exempt, "they were not accused: it takes nobody out"
        assert after.verdict == EXTRACTION
        assert after.accused.sum() == left


def test_only_exchanges_on_the_template_are_covered(world):
    """Sixteen exchanges each: one beyond the template is more than a twentieth."""
    _, after = both(world, standing(world, CAMPAIGN[:20], of=lambda e: e.item and not e.item.endswith("-3")))
    assert not after.exempt
    halves = [
        standing(world, CAMPAIGN[:20], of=lambda e, k=k: e.item and int(e.item[-1]) % 2 == k, name=f"x-{k}")
        for k in range(2)
    ]
    _, after = both(world, *halves)
    assert len(after.exempt) == 20, "two exemptions cover two templates"
    assert set(after.exempt.values()) == {("x-0", "x-1")}
    assert len(after.notes) == 2


@pytest.mark.parametrize(
    ("term", "after_hours", "state"),
    [("expires", 200, "active"), ("expires", 100, "expired"), ("starts", 200, "not begun")],
)
def test_only_while_it_lasts(worlds, world, term, after_hours, state):
    """The exchanges end in the hour 167 of the week."""
    terms, until = {term: worlds.utc(worlds.MONDAY + after_hours)}, worlds.MONDAY + 168
    covers = Exemptions((standing(world, CAMPAIGN[:20], **terms),))
    (before,) = judge(view(world.evidence()), [], {}, SURE)
    after = covers.apply(before)
    assert bool(after.exempt) is (state == "active")
    if state != "active":
        assert after is before
    (row,) = covers.listed([("group-1", after)], until)
    assert row["state"] == state
    assert row["exempt"] == ({"group-1": 20} if state == "active" else {})


def test_in_the_past_it_is_what_it_was_then(worlds, world):
    """An exemption that has ended now was active before."""
    ends = worlds.utc(worlds.MONDAY + 120)
    over = standing(world, CAMPAIGN, expires=ends)
    assert not both(world, over)[1].exempt
    assert len(both(world, over, until=worlds.MONDAY + 110)[1].exempt) == 40


def test_who_only_claims_the_organisation_is_accused_and_it_is_said(world):
    _, after = both(world, standing(world, CAMPAIGN[:20], claimed=CAMPAIGN[38:]))
    assert after.notes[0] == (
        "2 accounts declare the organisation of exemption x-1; they are not verified, so it covers nothing."
    )
    assert [role for role, _ in roles(after)][-2:] == ["member", "member"]


def test_without_exemptions_verdicts_pass_unchanged(world):
    before, after = both(world)
    assert after is before
    assert Exemptions().listed([("group-1", after)], 10) == []


# --- finding their exchanges -----------------------------------------------------------------------------------------

FRAME = "Work through the following exercise one step at a time and show every step: {} Then state the result alone."
OTHER = "Please write a short and friendly message to all my neighbours about {} and the summer party in our garden."


@pytest.fixture
def logs(worlds, tmp_path):
    """Four accounts (two verified at Acme, one not, one verified at ACME), with texts; their facts, and sketched parts."""
    world = worlds.World()
    told = [("Acme", True), ("Acme", True), ("Acme", False), ("ACME", True)]
    for number, (organisation, verified) in enumerate(told):
        world.account(number, organisation=organisation, verified=verified)
    rows = []
    for number in range(4):
        for k, frame in enumerate((FRAME, FRAME, OTHER)):
            world.say(number, worlds.MONDAY + k)
            rows.append((number, worlds.MONDAY + k, frame.format(f"item {number} of {k} with some words")))
    facts = gather(world.relations(), world.accounts_table()).accounts
    key = Key(bytes(range(16)))
    files = []
    for part in range(2):
        own = rows[part::2]
        texts = pa.array([text for *_, text in own])
        table = pa.Table.from_batches([sketch(texts, texts if part else None, key, 1)])
        table = table.append_column("row", pa.array(range(part, len(rows), 2), pa.int64()))
        table = table.append_column(
            "account_id", pa.array([worlds.name_of(n) for n, *_ in own], pa.large_string())
        )
        stamps = pa.array([worlds.utc(h) for _, h, _ in own], pa.timestamp("us", tz="UTC"))
        files.append(tmp_path / f"{part}.parquet")
        pq.write_table(table.append_column("time", stamps), files[-1])
    return facts, files, key


def test_a_sample_finds_the_exchanges_of_verified_accounts_on_its_template(logs):
    facts, files, key = logs
    terms = {**vars(exemption()), "template": FRAME.format("…")}
    (one,) = resolve([Exemption(**terms)], facts, files, key).standing
    assert one.accounts.tolist() == [0, 1]
    assert one.claimed.tolist() == [2]
    assert one.row.tolist() == [0, 1, 3, 4]
    assert one.acc.tolist() == [0, 0, 1, 1]


def test_a_system_prompt_finds_those_that_carry_it(logs):
    """The odd part carries its texts as system texts too."""
    facts, files, key = logs
    sample = OTHER.format("item 1 of 2 with some words")
    (one,) = resolve([Exemption(**{**vars(exemption()), "template": sample})], facts, files, key).standing
    assert one.row.tolist() == [2, 5]


def test_what_lies_before_the_start_is_not_covered(worlds, logs):
    facts, files, key = logs
    terms = {**vars(exemption(starts=worlds.utc(worlds.MONDAY + 1))), "template": FRAME.format("x")}
    (one,) = resolve([Exemption(**terms)], facts, files, key).standing
    assert one.row.tolist() == [1, 4]


def test_an_organisation_without_accounts_covers_nobody(logs):
    facts, files, key = logs
    terms = {**vars(exemption()), "template": FRAME.format("x"), "organisation": "Nowhere"}
    (one,) = resolve([Exemption(**terms)], facts, files, key).standing
    assert not len(one.row)
    assert resolve([], facts, files, key).standing == ()
