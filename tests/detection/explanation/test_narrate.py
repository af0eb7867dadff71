"""Plain words: ids, readable templates, and reasons that say what they mean."""

import re
from dataclasses import replace

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.detection.agreements import Passed
from stillwatch.detection.behaviours import REGISTRY
from stillwatch.detection.behaviours.heavy_account import of_account
from stillwatch.detection.candidates import EXTRACTION
from stillwatch.detection.decision import judge
from stillwatch.detection.explanation.narrate import campaign_id, readable, story, tables
from stillwatch.detection.rivals import features, ways
from stillwatch.detection.settings import Settings
from stillwatch.detection.view import view

TOPICS = ("tides", "the moon landing", "old bridges", "bees and their dances", "a long walk", "violins")
FRAME = "Solve the following problem with care and write out every step: {} End with the final answer only."


@given(st.lists(st.text(min_size=1), min_size=1, unique=True), st.randoms())
def test_an_id_depends_on_the_accounts_alone(accounts, random):
    mixed = list(accounts)
    random.shuffle(mixed)
    assert campaign_id(mixed) == campaign_id(accounts)
    assert campaign_id([*accounts, "one more \x00"]) != campaign_id(accounts)


def test_a_readable_template_keeps_the_frame_and_hides_the_slots():
    shape = readable([FRAME.format(topic) for topic in TOPICS], exchanges=60, accounts=6)
    assert shape is not None
    literal = "".join(text for text, slot in shape.pieces if not slot)
    assert "Solve the following problem with care and write out every step" in literal
    assert "End with the final answer only" in literal
    assert not any(topic in literal for topic in TOPICS)
    assert sum(slot for _, slot in shape.pieces) == 1
    assert (shape.exchanges, shape.accounts) == (60, 6)


@pytest.mark.parametrize("texts", [[], ["alone"], ["one thing", "another matter entirely"]])
def test_texts_without_a_frame_have_no_template(texts):
    assert readable(texts, 1, 1) is None


def test_reasons_for_are_significant_and_reasons_against_are_rivals(scanned):
    campaigns = pq.read_table(scanned / "campaigns.parquet").to_pylist()
    reasons = [reason for campaign in campaigns for reason in campaign["reasons"]]
    assert any(reason["supports"] for reason in reasons)
    shown = {feature.name: feature for feature in features()}
    for reason in reasons:
        assert reason["statement"].strip()
        kind, _, name = reason["behaviour"].partition(":")
        if kind == "rival":
            # Of every figure that is weighed: how often the rival and extraction show as much, by the table.
            rival, own = map(float, re.findall(r"in ([\d.]+)%", reason["null"]))
            level = shown[name].level(reason["statistic"])
            percent = {way: 100 * levels[level] for way, levels in shown[name].levels.items()}
            assert rival in [pytest.approx(x, rel=0.01) for x in percent.values()]
            assert own in [pytest.approx(percent[way], rel=0.01) for way in ways()["extraction"]]
            assert reason["supports"] == (own > rival)
            assert reason["examples"] == []
        elif reason["p_value"] is not None:
            assert reason["null"] == REGISTRY[kind].null
        if reason["supports"]:
            assert reason["p_value"] is None or reason["p_value"] <= 0.05
        else:
            assert reason["behaviour"].startswith("rival:") or reason["behaviour"] == "agreement"


@pytest.mark.parametrize(
    ("distillation", "weight", "speaks"),
    [(True, 0.4, True), (True, -0.1, False), (True, None, False), (False, 0.4, False)],
)
def test_a_passed_limit_is_a_reason_where_it_is_weighed_and_is_told_always(
    worlds, distillation, weight, speaks
):
    settings = Settings(prior=0.1)
    (found,) = (j for j in judge(view(worlds.lone(True).evidence()), [], {}, settings) if j.single)
    words = "Agreement A-17 allows 100 exchanges; 540 exchanges of 40 accounts are beyond that."
    weights = {n: w for n, w in found.weighing.weights.items() if n != "beyond_consent"}
    if weight is not None:
        weights["beyond_consent"] = weight
    judged = replace(
        found,
        passed=(Passed(words, 540, distillation),),
        figures={**found.figures, "beyond_consent": 0.5},
        weighing=replace(found.weighing, weights=weights),
    )
    campaign, members = tables(judged, None)
    told = [r for r in campaign.reasons if r.behaviour == "agreement"]
    notes = story(judged, campaign, members, lambda rows, column: {}, raw=False).notes
    assert [(r.statement, r.statistic, r.p_value, r.supports) for r in told] == [
        (words, 540, None, True)
    ] * speaks
    assert (words in notes) is not speaks


def test_a_volume_like_that_of_the_heaviest_is_a_reason_against(worlds):
    settings = Settings(prior=0.1)
    (found,) = (j for j in judge(view(worlds.lone(True).evidence()), [], {}, settings) if j.single)
    for p_value, supports in ((0.6, False), (0.001, True)):
        seen = of_account(found.case.view, int(found.group.accounts[0]), p_value)
        row, _ = tables(replace(found, observations={"heavy_account": seen}), None)
        (reason,) = (r for r in row.reasons if r.behaviour == "heavy_account")
        assert (reason.p_value, reason.supports) == (p_value, supports)


def test_statements_name_no_account(scanned):
    accounts = set(pq.read_table(scanned / "members.parquet")["account_id"].to_pylist())
    for campaign in pq.read_table(scanned / "campaigns.parquet").to_pylist():
        for reason in campaign["reasons"]:
            assert not any(account in reason["statement"] for account in accounts)


@pytest.mark.parametrize("in_prompt", [False, True])
def test_what_formed_a_group_is_shown(worlds, in_prompt):
    campaign = range(1000, 1040)
    world = worlds.harvest(campaign)
    if in_prompt:
        told = tuple(("system_phrase", f"p{i}") for i in range(4))
        world.exchanges = [replace(e, objects=told) if e.account in campaign else e for e in world.exchanges]
    (judged,) = (j for j in judge(view(world.evidence()), [], {}, Settings()) if j.verdict == EXTRACTION)

    def texts_of(rows, column):
        frame = {"input_text": "Please answer at length: {}", "system_text": "You are a careful clerk: {}"}
        return {int(r): frame[column].format(world.exchanges[int(r)].item) for r in rows}

    card = story(judged, *tables(judged, None), texts_of, raw=True)
    literal = "".join(text for shape in card.templates for text, slot in shape.pieces if not slot)
    assert ("careful clerk" in literal) is in_prompt
    assert ("answer at length" in literal) is not in_prompt
    assert all("answer at length" in text for text in card.examples)
    assert ("with system prompts that are alike" in card.statement) is in_prompt


@pytest.mark.parametrize("looked_at", [256, 8])
def test_exchanges_are_told_whole_where_a_sample_stands_for_them(worlds, looked_at):
    settings = Settings(looked_at=looked_at)
    world = worlds.strangers()
    world.settings = settings
    worlds.harvesters(world, range(1000, 1030), *worlds.template("t"), *worlds.PHRASES)
    found = judge(view(world.evidence()), [], {}, settings)
    # Of cleared groups no texts are shown.
    judged = replace(max(found, key=lambda j: j.own_exchanges.sum()), verdict="review")
    campaign, members = tables(judged, None)
    text = "Solve this with care and write out every step, please"
    told = story(
        judged, campaign, members, lambda rows, column: dict.fromkeys(map(int, rows), text), raw=True
    )
    assert campaign.exchanges == 12 * 30
    assert sum(told.exchanges_by_hour) == pytest.approx(campaign.exchanges, rel=0.05)
    assert told.templates[0].exchanges == campaign.exchanges


def test_without_texts_nothing_is_shown_of_them(worlds):
    (judged,) = (
        j
        for j in judge(view(worlds.harvest(range(1000, 1040)).evidence()), [], {}, Settings())
        if j.verdict == EXTRACTION
    )
    card = story(judged, *tables(judged, None), lambda rows, column: {}, raw=True)
    assert (card.templates, card.examples) == ((), ())
    # Where some have texts, these are shown.
    some = story(
        judged,
        *tables(judged, None),
        lambda rows, column: {int(r): "Please answer at length" for r in rows[::2]},
        raw=True,
    )
    assert some.templates
    assert set(some.examples) == {"Please answer at length"}
