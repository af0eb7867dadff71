"""Verdicts over whole small worlds: campaigns, look-alikes, consent, the past, and accounts alone."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from stillwatch.detection import decision
from stillwatch.detection.agreements import Passed, read_agreements
from stillwatch.detection.behaviours import REGISTRY
from stillwatch.detection.candidates import EXTRACTION, LEGITIMATE, REVIEW
from stillwatch.detection.decision import holds_half, judge
from stillwatch.detection.groups import SYSTEM_PROMPT
from stillwatch.detection.rivals import features
from stillwatch.detection.roles import roles
from stillwatch.detection.settings import Settings
from stillwatch.detection.significance import levels
from stillwatch.detection.singles import HEAVY_EXCHANGES
from stillwatch.detection.view import NEVER, view
from stillwatch.records.findings import (
    CONTENT,
    DATA_STATES,
    FAMILIES,
    INFRASTRUCTURE,
    KINDS_OF_USE,
    ROLES,
    TIMING,
    VERDICTS,
)
from stillwatch.records.schema import AGREEMENTS

CAMPAIGN = range(1000, 1040)
SURE = Settings(prior=0.1)
"""Where it is asked who is left out of a campaign, not whether it is one: all of it declares one organisation."""


def harvest(worlds, numbers=CAMPAIGN, mixed=0, texts=16):
    return worlds.harvest(numbers, mixed, texts)


def judged(worlds, world, *agreements, settings=None, until=int(NEVER), about=None):
    evidence = world.evidence()
    rows = [{"agreement_id": f"g{i}", "purpose": "distillation", **row} for i, row in enumerate(agreements)]
    register = read_agreements(pa.Table.from_pylist(rows, schema=AGREEMENTS.schema), evidence.accounts)
    return judge(view(evidence, until), register, {}, settings or Settings(), about)


def said(found):
    """What is written to the tables, in names."""
    ids = [j.case.view.evidence.accounts.ids for j in found]
    return [
        (
            j.verdict,
            j.kind_of_use,
            j.data_state,
            round(j.probability, 9),
            round(j.weighing.log10_bayes_factor, 9),
            dict(zip(ids[k][j.group.accounts], roles(j), strict=True)),
            {name: (o.p_value, o.supports, o.statement) for name, o in j.observations.items()},
        )
        for k, j in enumerate(found)
    ]


def test_a_campaign_is_accused(worlds):
    (found,) = judged(worlds, harvest(worlds))
    assert (found.verdict, found.kind_of_use, found.data_state) == (EXTRACTION, "extraction", "sufficient")
    assert found.probability > 0.9
    assert len(found.significant) >= 2
    assert {int(i[-5:]) for i in found.case.view.evidence.accounts.ids[found.group.members]} == set(CAMPAIGN)
    assert set(found.observations) <= set(REGISTRY)
    assert found.own_exchanges.tolist() == [16] * 40
    assert {role for role, _ in roles(found)} == {"member"}
    assert all(p <= found.probability for _, p in roles(found))


def test_strangers_are_not_even_examined(worlds):
    world = harvest(worlds)
    world.exchanges = [e for e in world.exchanges if e.account < 1000]
    assert judged(worlds, world) == []


def test_consent_settles_it(worlds):
    world = harvest(worlds)
    for number in CAMPAIGN:
        world.account(number, verified=True)
    (found,) = judged(worlds, world, {"organisation": "Acme"})
    assert (found.verdict, found.kind_of_use) == (LEGITIMATE, "authorised")
    assert found.probability <= 0.01


def test_consent_covers_what_an_account_did_in_the_group_whatever_else_it_asked(worlds):
    """A partner that distils one model as it may, and chats with another."""
    world = harvest(worlds)
    for number in CAMPAIGN:
        for k in range(4):
            world.say(number, worlds.MONDAY + 50 + k, item=f"chat-{number}-{k}", model="m-2")
    mine = [{"account_id": worlds.name_of(n), "models": ["m-1"]} for n in CAMPAIGN]
    (found,) = (j for j in judged(worlds, world, *mine) if not j.single)
    assert (found.verdict, found.kind_of_use) == (LEGITIMATE, "authorised")
    world.change(lambda e: e.account in CAMPAIGN and e.item.endswith("-3"), model="m-3")
    (found,) = (j for j in judged(worlds, world, *mine) if not j.single)
    assert found.kind_of_use != "authorised", "a sixteenth of what it distils is of a third model"
    assert any(one.limit.startswith("Agreement g0 covers m-1; ") for one in found.passed)


def test_consent_that_is_only_claimed_settles_nothing(worlds):
    (found,) = judged(worlds, harvest(worlds), {"organisation": "Acme"})
    assert found.verdict == EXTRACTION
    (said,) = found.passed
    assert said.limit == "40 accounts claim agreement g0 by name, unverified: it covers nothing of theirs."


def test_consent_beyond_its_limit_settles_nothing(worlds):
    world = harvest(worlds)
    for number in CAMPAIGN:
        world.account(number, verified=True)
    (found,) = judged(worlds, world, {"organisation": "Acme", "max_exchanges": 100})
    assert found.kind_of_use != "authorised"
    (said,) = found.passed
    assert said == Passed(
        "Agreement g0 allows 100 exchanges; 540 exchanges of 40 accounts are beyond that.", 540, True
    )


def test_covered_accounts_are_left_out_of_a_campaign(worlds):
    names = [worlds.name_of(n) for n in CAMPAIGN[:5]]
    covered = ({"account_id": name} for name in names)
    (found,) = judged(worlds, harvest(worlds), *covered, settings=SURE)
    ids = set(found.case.view.evidence.accounts.ids[found.group.accounts])
    assert found.verdict == EXTRACTION
    assert not ids & set(names)
    assert len(ids) == 35
    assert "5 accounts left out: an agreement covers them." in found.notes


def test_one_partner_does_not_clear_the_others(worlds):
    """However much of the group's traffic the partner's is."""
    world = harvest(worlds)
    for i in range(3000):
        world.say(
            CAMPAIGN[0], worlds.MONDAY + 40 + i % 110, objects=worlds.template("t"), item=f"partner-{i}"
        )
    (found,) = [
        j
        for j in judged(worlds, world, {"account_id": worlds.name_of(CAMPAIGN[0])}, settings=SURE)
        if len(j.group.members) > 1
    ]
    assert found.verdict == EXTRACTION
    assert len(found.group.members) == 39
    assert found.own_exchanges.sum() == 39 * 16


def test_the_few_that_no_agreement_covers_are_not_cleared_with_the_many(worlds):
    names = [worlds.name_of(n) for n in CAMPAIGN[3:]]
    (found,) = judged(worlds, harvest(worlds), *({"account_id": name} for name in names))
    assert (found.verdict, found.kind_of_use) == (LEGITIMATE, "authorised")
    ids = set(found.case.view.evidence.accounts.ids[found.group.accounts])
    assert ids == set(names)
    assert "3 accounts left out: no agreement covers them, and they are too few for a group." in found.notes


@pytest.mark.parametrize(("purpose", "verdict"), [("evaluation", LEGITIMATE), ("resale", REVIEW)])
def test_an_agreement_of_another_purpose_covers_its_own_kind_of_use(worlds, purpose, verdict):
    """A study that cannot be told from extraction, and is at most for a person to look at."""
    world = harvest(worlds)
    world.change(lambda e: e.account in CAMPAIGN, item="question", credential=None)
    k = iter(range(100_000))
    for e in [e for e in world.exchanges if e.account in CAMPAIGN]:
        world.change(lambda other, e=e: other is e, item=f"question-{next(k) % 16}")
    for number in CAMPAIGN:
        world.account(
            number, payment_kind="card", verified=True, plan="research", created=worlds.MONDAY - 9000
        )
        world.account(number, payment_fingerprint=f"card-{number}", organisation=f"group {number}")
    settings = Settings(review_probability=1e-12, accuse_probability=0.999999)
    (plain,) = judged(worlds, world, settings=settings)
    assert (plain.verdict, plain.kind_of_use) == (REVIEW, "evaluation")
    rows = [{"account_id": worlds.name_of(n), "purpose": purpose} for n in CAMPAIGN]
    (found,) = judged(worlds, world, *rows, settings=settings)
    assert (found.verdict, found.kind_of_use) == (verdict, "evaluation")


def test_order_of_rows_and_the_key_mean_nothing(worlds):
    world = harvest(worlds)
    mixed = world.shuffled(np.random.default_rng(3))
    there = judge(view(mixed.evidence(salt=5)), [], {}, Settings())
    assert said(judged(worlds, world)) == said(there)


@pytest.mark.parametrize("hour", [45, 70, 110])
def test_the_past_is_judged_as_a_scan_of_it_would(worlds, hour):
    world = harvest(worlds)
    until = worlds.MONDAY + hour
    assert said(judged(worlds, world, until=until)) == said(judged(worlds, world.before(until)))


def two_campaigns(worlds):
    world = harvest(worlds)
    for number in range(2000, 2012):
        world.account(number, created=worlds.MONDAY - 2000, plan="paid", verified=True)
        for i in range(10):
            world.say(number, worlds.MONDAY + 12 * i, objects=worlds.template("u"), item=f"u-{number}-{i}")
    return world


def test_asked_about_one_group_the_answer_is_the_same(worlds):
    world = two_campaigns(worlds)
    everything = judged(worlds, world)
    assert len(everything) == 2
    for whole in everything:
        (only,) = judged(worlds, world, about=[whole.group.members])
        assert said([only]) == said([whole])
    nobody = np.array([0, 1, 2, 3], dtype=np.int64)
    assert judged(worlds, world, about=[nobody]) == []


def test_the_answer_about_one_group_is_the_same_at_every_level(worlds):
    world = two_campaigns(worlds)
    first = judged(worlds, world)
    levels = [min(0.5, 4 * p) for found in first for p in found.family_p.values() if 0 < p < 1]
    assert levels
    for level in levels:
        settings = Settings(family_wise_error=level)
        for whole in judged(worlds, world, settings=settings):
            (only,) = judged(worlds, world, settings=settings, about=[whole.group.members])
            assert only.significant == whole.significant


def test_an_error_rate_over_many_scans_is_a_part_of_it_for_each(worlds):
    world = two_campaigns(worlds)
    for error, scans in ((0.05, 90), (0.5, 7)):
        over_all = judged(worlds, world, settings=Settings(family_wise_error=error, planned_scans=scans))
        each = judged(worlds, world, settings=Settings(family_wise_error=error / scans))
        assert [j.significant for j in over_all] == [j.significant for j in each]


def test_a_heavy_account_alone_is_examined_and_not_accused_of_company(worlds):
    world = harvest(worlds, numbers=())
    for k in range(200):
        world.say(5000, worlds.MONDAY + k % 160, item=f"x-{k}", marks=("reasoning_elicitation",))
    (found,) = judged(worlds, world)
    assert found.single
    assert len(found.group.members) == 1
    assert "size" not in found.weighing.weights
    assert found.own_exchanges.tolist() == [200]


def test_one_of_the_heaviest_is_examined_without_a_mark_where_it_may_be_for_review(worlds):
    """Under a prior of .1; what it sent on a day chose it, and is not weighed."""
    (found,) = (j for j in judged(worlds, worlds.lone(True), settings=SURE) if j.single)
    assert found.heavy
    assert found.verdict == REVIEW
    assert set(found.observations) == {"heavy_account"}
    assert not found.weighing.weights.keys() & {"daily_rate", "size"}
    assert not [j for j in judged(worlds, worlds.lone(False), settings=SURE) if j.single]
    # However probable: what one account does is never evidence of two families.
    (certain,) = (j for j in judged(worlds, worlds.lone(True), settings=Settings(prior=0.999)) if j.single)
    assert certain.probability > 0.9
    assert certain.verdict == REVIEW


@pytest.mark.parametrize(("requests", "row"), [(6000, True), (HEAVY_EXCHANGES, False)])
def test_an_account_that_stands_out_of_all_volumes_has_a_row_whatever_it_is(worlds, requests, row):
    """An old, verified customer: nothing for a person to do, but nobody can say that it was not looked at."""
    world = worlds.strangers(n=1100)
    world.account(
        5000, created=worlds.MONDAY - 24 * 700, verified=True, plan="enterprise", payment_kind="invoice"
    )
    for k in range(requests):
        world.say(5000, worlds.MONDAY + k % 168, item=f"job-{k}")
    found = [j for j in judged(worlds, world) if set(j.observations) == {"heavy_account"}]
    assert [j.verdict for j in found] == [LEGITIMATE] * row
    for one in found:
        assert one.observations["heavy_account"].p_value < 0.05
        assert one.observations["heavy_account"].supports


def test_a_heavy_account_in_a_popular_application_is_still_examined_by_itself(worlds):
    world = harvest(worlds, numbers=())
    app = (("system", "app"),)
    for number in range(300):
        for k in range(3):
            world.say(number, worlds.MONDAY + 2 * k + number % 24, objects=app, item=f"app-{number}-{k}")
    for k in range(200):
        world.say(5000, worlds.MONDAY + k % 160, objects=app, item=f"x-{k}", marks=("reasoning_elicitation",))
    heavy, users = judged(worlds, world)
    assert users.group.origin == SYSTEM_PROMPT
    assert users.verdict != EXTRACTION
    assert heavy.single
    assert heavy.group.members.tolist() == [users.group.members.max()]


def test_going_beyond_consent_is_weighed(worlds):
    """The same campaign with a register in which nothing concerns it, and with a partner's name that is not its own."""
    world = harvest(worlds)
    (apart,) = judged(worlds, world, {"organisation": "Nobody"})
    (claims,) = judged(worlds, world, {"organisation": "Acme"})
    (unknown,) = judged(worlds, world)
    assert (apart.figures["beyond_consent"], claims.figures["beyond_consent"]) == (0.0, 1.0)
    assert unknown.figures["beyond_consent"] is None
    assert claims.weighing.log10_bayes_factor > unknown.weighing.log10_bayes_factor + 0.5


def test_another_agreement_or_an_unknown_state_is_no_breach(worlds):
    world = harvest(worlds)
    terms = {"organisation": "Acme", "purpose": "evaluation", "models": ["another"]}
    (found,) = judged(worlds, world, terms)
    assert found.figures["beyond_consent"] == 0.0
    for number in CAMPAIGN:
        world.account(number, verified=None)
    (found,) = judged(worlds, world, {"organisation": "Acme"})
    assert found.figures["beyond_consent"] == 0.0


def test_what_goes_beyond_a_limit_is_a_breach(worlds):
    world = harvest(worlds)
    for number in CAMPAIGN:
        world.account(number, verified=True)
    found = judged(worlds, world, {"organisation": "Acme", "max_exchanges": 100})
    assert found[0].figures["beyond_consent"] > 0.5


def test_single_accounts_and_groups_that_did_nothing_are_no_hypotheses(worlds, monkeypatch):
    """What cannot be accused leaves the error rate to those that can."""
    asked = []
    monkeypatch.setattr(decision, "levels", lambda sizes, whole: asked.append(sizes) or levels(sizes, whole))
    world = harvest(worlds)
    for k in range(200):
        world.say(5000, worlds.MONDAY + k % 160, item=f"x-{k}", marks=("reasoning_elicitation",))
    for number in range(6000, 6004):
        world.account(number, payment_fingerprint="shared")
        world.say(number, worlds.MONDAY, item=f"y-{number}")
    found = judged(worlds, world)
    assert [len(j.group.members) for j in found] == [len(CAMPAIGN), 4, 1]
    assert asked == [[len(CAMPAIGN)]]
    assert [bool(j.significant) for j in found] == [True, False, False]


@pytest.mark.parametrize("users", [25, 100, 200])
def test_nobody_is_accused_for_using_the_application_that_a_campaign_uses(worlds, users):
    world = harvest(worlds)
    people = range(3000, 3000 + users)
    worlds.people(world, np.random.default_rng(5), people)
    world.exchanges = [
        replace(e, objects=(*e.objects, ("system", "app"))) if e.account >= 1000 else e
        for e in world.exchanges
    ]
    found = judged(worlds, world)
    accused = {
        j.case.view.evidence.accounts.ids[code]
        for j in found
        if j.verdict == EXTRACTION
        for code, (role, _) in zip(j.group.accounts.tolist(), roles(j), strict=True)
        if role != "suspected"
    }
    assert accused == {worlds.name_of(n) for n in CAMPAIGN}
    (application,) = (j for j in found if j.group.origin == SYSTEM_PROMPT)
    members = set(application.case.view.evidence.accounts.ids[application.group.members])
    assert members <= {worlds.name_of(n) for n in people}, (
        "those who are accused otherwise are not among them"
    )
    assert len(members) >= 0.8 * users
    assert application.verdict == LEGITIMATE


def in_the_prompt(worlds, world, prompt="own"):
    """The same campaign with its template in the system prompt, and nothing alike in what it asks."""
    told = (("system", prompt), *(("system_phrase", f"{prompt}-{i}") for i in range(6)))
    world.exchanges = [
        replace(e, objects=told) if e.account in CAMPAIGN and e.objects else e for e in world.exchanges
    ]
    return told


def accused_in(found):
    return {
        j.case.view.evidence.accounts.ids[code]
        for j in found
        if j.verdict == EXTRACTION
        for code, (role, _) in zip(j.group.accounts.tolist(), roles(j), strict=True)
        if role != "suspected"
    }


def test_a_campaign_whose_template_is_its_system_prompt_is_found(worlds):
    world = harvest(worlds)
    in_the_prompt(worlds, world)
    found = judged(worlds, world)
    (campaign,) = (j for j in found if j.verdict == EXTRACTION)
    assert campaign.group.origin == SYSTEM_PROMPT
    assert accused_in(found) == {worlds.name_of(n) for n in CAMPAIGN}
    assert campaign.observations["shared_template"].p_value is None, "a client's users are as much alike"
    assert campaign.significant >= {TIMING, INFRASTRUCTURE}
    members = campaign.group.members
    (again,) = (j for j in judged(worlds, world, about=[members]) if j.verdict == EXTRACTION)
    assert again.probability == campaign.probability


def test_asked_about_a_group_of_prompts_those_accused_in_another_are_left_out_too(worlds, monkeypatch):
    """Two groups that overlap: of the second are left those whom the first does not accuse, whichever is asked about."""
    world = harvest(worlds)
    in_the_prompt(worlds, world)
    formed = decision.prompt_communities

    def overlapping(cores, known, *more):
        (group,) = formed(cores, known, *more)
        place = np.arange(len(group.accounts))
        return [group.only(cores.view, place < 24), group.only(cores.view, place >= 18)]

    monkeypatch.setattr(decision, "prompt_communities", overlapping)
    found = [j for j in judged(worlds, world) if j.group.origin == SYSTEM_PROMPT]
    assert [len(j.group.members) for j in found] == [24, 16]
    assert found[0].accused.all()
    last = np.sort(np.concatenate([found[0].group.members[18:], found[1].group.members]))
    about = judged(worlds, world, about=[last])
    assert said(about) == said(found[1:])


@pytest.mark.parametrize("new", [False, True])
@pytest.mark.parametrize("users", [5, 15, 35, 50, 100, 200])
def test_who_uses_the_same_prompt_and_shares_nothing_else_is_not_accused(worlds, users, new):
    """However many they are, and however much they look like the others: new, unverified, on virtual cards."""
    world = harvest(worlds)
    told = in_the_prompt(worlds, world)
    people = range(3000, 3000 + users)
    worlds.people(world, np.random.default_rng(5), people)
    worlds.apart(world)
    for k, number in enumerate(CAMPAIGN):
        world.account(number, payment_fingerprint=f"virtual-{k // 5}")
    if new:
        for k, number in enumerate(people):
            world.account(
                number, created=worlds.MONDAY - 24 * 5 + k % 20, verified=False, payment_kind="virtual_card"
            )
    world.change(lambda e: e.account in people, objects=told)
    found = judged(worlds, world)
    accused = accused_in(found)
    assert not accused & {worlds.name_of(n) for n in people}
    if users < len(CAMPAIGN):
        assert accused == {worlds.name_of(n) for n in CAMPAIGN}


def test_a_card_that_many_strangers_use_ties_nobody(worlds):
    world = harvest(worlds)
    told = in_the_prompt(worlds, world)
    people = range(3000, 3010)
    worlds.people(world, np.random.default_rng(5), people)
    worlds.apart(world)
    for k, number in enumerate(CAMPAIGN):
        world.account(number, payment_fingerprint=f"virtual-{k // 5}")
    for number in (*range(100), *people):
        world.account(number, payment_fingerprint="marketplace")
    world.change(lambda e: e.account in people, objects=told)
    assert accused_in(judged(worlds, world)) == {worlds.name_of(n) for n in CAMPAIGN}


@pytest.mark.parametrize("asks", [(), ("reasoning_elicitation",)])
@pytest.mark.parametrize("width", [1, 240])
def test_a_class_that_was_given_an_application_is_not_accused(worlds, asks, width):
    """New, unverified, on the free plan, busy in the same lessons, each at home; only they have the prompt."""
    world = worlds.World()
    worlds.people(world, np.random.default_rng(11), range(400))
    worlds.apart(world)
    told = (("system", "tutor"), *(("system_phrase", f"tutor-{i}") for i in range(6)))
    for k, number in enumerate(range(2000, 2030)):
        world.account(
            number,
            created=worlds.MONDAY - 30 + k * width // 30,
            plan="free",
            verified=False,
            payment_kind="none",
            signup_address=f"signup-{number}",
        )
        for i in range(15):
            world.say(
                number,
                worlds.MONDAY + (10, 58, 106)[i % 3] + k % 2,
                objects=told,
                item=f"lesson-{number}-{i}",
                address=f"home-{number}",
                marks=asks,
            )
    assert not accused_in(judged(worlds, world))


def test_a_prompt_that_changes_once_a_week_makes_its_users_no_conspiracy(worlds):
    """Each of the two prompts has a time of its own; that its users are active in it says nothing of them."""
    world = worlds.World()
    rng = np.random.default_rng(7)
    worlds.people(world, rng, range(400))
    thursday = worlds.MONDAY + 72
    world.exchanges = [
        replace(e, objects=(*e.objects, ("system", "early" if e.hour < thursday else "late")))
        if e.account < 300
        else e
        for e in world.exchanges
    ]
    found = [j for j in judged(worlds, world) if j.group.origin == SYSTEM_PROMPT]
    assert found
    for one in found:
        assert one.family_p[TIMING] > 1e-3
        assert one.verdict == LEGITIMATE


def test_what_a_group_did_is_enough_whatever_a_few_of_it_say(worlds):
    """A dozen shared texts do not make three thousand exchanges too few to judge."""
    world = worlds.World()
    worlds.people(world, np.random.default_rng(3), range(200))
    worlds.apart(world)
    for number in range(1000, 1060):
        world.account(number, payment_fingerprint=f"card-{number // 10}")
        for i in range(50):
            objects = worlds.template("t") if number < 1003 and i < 4 else ()
            world.say(number, worlds.MONDAY + (3 * i + number) % 160, objects=objects, item=f"{number}-{i}")
    for one in judged(worlds, world):
        if one.group.origin == "infrastructure":
            assert one.data_state == "sufficient"
            assert one.own_exchanges.sum() == 50 * len(one.group.members)


def test_a_card_that_is_first_shared_later_says_nothing_before(worlds):
    world = harvest(worlds)
    for number in world.facts:
        world.account(number, payment_fingerprint=None)
    hour = worlds.MONDAY + 100
    for number in (9000, 9001):
        world.account(number, payment_fingerprint="late", created=hour + 5)
        world.say(number, hour + 10, item=f"late-{number}")
    for k in range(200):
        world.say(5000, worlds.MONDAY + k % 160, item=f"x-{k}", marks=("reasoning_elicitation",))
        world.say(9000, hour + 20, item=f"x-{k}")
    assert said(judged(worlds, world, until=hour)) == said(judged(worlds, world.before(hour)))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_that_is_left_out_says_nothing(worlds, family):
    world = two_campaigns(worlds)
    found = judged(worlds, world, settings=Settings(left_out=family))
    assert found
    for one in found:
        assert family not in one.family_p
        assert not any(REGISTRY[name].family == family for name in one.observations)
        assert not any(f.name in one.weighing.weights for f in features() if f.family == family)
    if family == CONTENT:
        assert {one.group.origin for one in found} == {"infrastructure"}
        assert all(not len(one.group.text_objects) for one in found)
    if family == INFRASTRUCTURE:
        assert all(not len(one.group.infrastructure_objects) for one in found)


@pytest.mark.parametrize("family", [TIMING, INFRASTRUCTURE])
def test_a_campaign_that_two_families_show_is_not_accused_on_one(worlds, family):
    (whole,) = judged(worlds, harvest(worlds))
    assert whole.verdict == EXTRACTION
    assert whole.significant == {TIMING, INFRASTRUCTURE}
    (found,) = judged(worlds, harvest(worlds), settings=Settings(left_out=family))
    assert found.significant == {TIMING, INFRASTRUCTURE} - {family}
    assert found.verdict != EXTRACTION


def test_what_is_said_keeps_to_the_vocabularies(worlds):
    for found in judged(worlds, two_campaigns(worlds)):
        assert found.verdict in VERDICTS
        assert found.kind_of_use in KINDS_OF_USE
        assert found.data_state in DATA_STATES
        assert 0 <= found.probability <= 1
        assert {role for role, _ in roles(found)} <= set(ROLES)
        assert (found.verdict == EXTRACTION) <= (len(found.significant) >= 2)


@pytest.mark.parametrize(
    ("members", "accounts", "expected"),
    [
        ([1, 2, 9], [1, 2, 3, 4], True),
        ([1, 9], [1, 2, 3, 4], False),
        ([1, 2], [1, 2, 3], True),
        ([1], [1, 2, 3], False),
    ],
)
def test_half(members, accounts, expected):
    assert holds_half(np.array(members), np.array(accounts)) is expected


@pytest.mark.parametrize("hours", [30, 60, 90, 130, int(NEVER)])
def test_a_brief_look_leaves_out_nothing_that_matters(worlds, hours):
    """A campaign, one in its beginnings, a class, strangers of one key: all that is not legitimate is there."""
    world = harvest(worlds)
    worlds.harvesters(world, range(2000, 2030), *worlds.template("u"), column="credential")
    for k, number in enumerate(range(3000, 3025)):
        world.account(number, organisation="School", plan="education", verified=True)
        for i in range(16):
            world.say(
                number, worlds.MONDAY + 9 + (24 * i + k) % 100, objects=worlds.template("c"), item=f"c-{i}"
            )
    past = worlds.MONDAY + hours if hours < NEVER else hours
    evidence = world.evidence()
    whole, brief = (judge(view(evidence, past), [], {}, Settings(), brief=brief) for brief in (False, True))
    told = said(whole), said(brief)
    matters = [[row for row in rows if row[0] != LEGITIMATE] for rows in told]
    assert matters[0] == matters[1]
    assert len(told[1]) <= len(told[0])
    assert all(row in told[0] for row in told[1])


@pytest.mark.parametrize("hours", [1, 6, 11, 20])
def test_a_group_whose_hours_are_all_shifted_is_the_same_group(worlds, hours):
    """Exchanges and sign-ups: of a launch day of the provider's, and of other people's days, nothing comes into it."""

    def told(shift):
        world = harvest(worlds)
        for number in range(100):
            world.account(number, created=worlds.MONDAY - 24 * 5)
        for number in CAMPAIGN:
            world.account(number, created=worlds.MONDAY - 24 * 5 + number % 20 + shift)
        world.exchanges = [
            replace(e, hour=e.hour + shift) if e.account in CAMPAIGN else e for e in world.exchanges
        ]
        (found,) = (j for j in judged(worlds, world) if not j.single)
        figures = {name: None if x is None else round(float(x), 9) for name, x in found.figures.items()}
        return said([found]), figures, {k: round(p, 12) for k, p in found.family_p.items()}

    assert told(hours) == told(0)
