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
from stillwatch.detection.decision import judge
from stillwatch.detection.explanation.narrate import campaign_id, stories, tables
from stillwatch.detection.rivals import features, ways
from stillwatch.detection.settings import Settings
from stillwatch.detection.view import view


def nothing(wanted):
    """No texts: exchanges that came as sketches."""
    return {column: {} for column in wanted}


@given(st.lists(st.text(min_size=1), min_size=1, unique=True), st.randoms())
def test_an_id_depends_on_the_accounts_alone(accounts, random):
    mixed = list(accounts)
    random.shuffle(mixed)
    assert campaign_id(mixed) == campaign_id(accounts)
    assert campaign_id([*accounts, "one more \x00"]) != campaign_id(accounts)


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
    (card,) = stories([(judged, campaign, members)], nothing, raw=False)
    notes = card.notes
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
    (told,) = stories(
        [(judged, campaign, members)],
        lambda wanted: {column: dict.fromkeys(map(int, rows), text) for column, rows in wanted.items()},
        raw=True,
    )
    assert campaign.exchanges == 12 * 30
    assert sum(told.exchanges_by_hour) == pytest.approx(campaign.exchanges, rel=0.05)
    assert told.templates[0].exchanges == campaign.exchanges
