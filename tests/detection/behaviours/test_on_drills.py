"""Behaviours on exercises that isolate them, through a whole scan: the reason stands in the tables, with its p-value."""

import pyarrow.parquet as pq
import pytest

from stillwatch.detection.run_record import Inputs, Resources
from stillwatch.detection.scan import scan
from stillwatch.detection.settings import Settings
from stillwatch.drill.writer import Settings as DrillSettings
from stillwatch.drill.writer import run_drill
from stillwatch.records.sketches import Key

# By class of campaign: knobs, and for each behaviour that it shows the p-value that its reason has at most. The numbers are
# those of the list of what campaigns have been seen to do (docs/reference/behaviours.md).
CASES = {
    "template_harvest": ((), {"shared_template": 1e-6}),  # 1
    "reasoning_elicitation": ((), {"reasoning_elicitation": 0.01}),  # 2
    "safety_rewrites": ((), {"safety_rewrites": 0.01}),  # 4
    "load_balanced": (
        (),
        {"divided_work_list": 0.01, "synchronised_activity": 1e-3, "round_the_clock": 0.01},
    ),  # 6, 7
    "template_harvest of any task in system prompts": (
        ("template_harvest.in_prompt=1", "template_harvest.any_task=1"),
        {"shared_payment": 1e-20, "signup_burst": 1e-4, "even_volumes": 0.01},
    ),  # 1
    "template_harvest in system prompts": (
        ("template_harvest.in_prompt=1",),
        {
            "shared_payment": 1e-20,
            "shared_address": 1e-20,
            "signup_burst": 1e-4,
            "synchronised_activity": 1e-3,
        },
    ),  # 1
    "reward_model_grading": ((), {"rubric_grading": 0.01}),  # 3
    "bulk_signup": (
        (),
        {
            "even_volumes": 0.01,  # 7
            "shared_payment": 1e-20,
            "shared_address": 1e-20,
            "signup_burst": 1e-10,
            "disposable_identity": 1e-10,
        },
    ),  # 8
    "template_harvest through proxies": (
        (
            "template_harvest.shared_payment_rate=0",
            "template_harvest.accounts_per_address=1",
            "template_harvest.residential_share=1",
        ),
        {"spread_addresses": 1e-4, "disposable_identity": 1e-10},
    ),  # 8
    "release_pivot": ((), {"release_pivot": 1e-4}),  # 9
    "diluted_relay": (
        ("diluted_relay.accounts=60",),
        {"shared_template": 1e-4, "shared_address": 1e-10},
    ),  # 10
    "account_replacement": ((), {"account_succession": 1e-4, "full_rate_at_once": 1e-6}),  # 11, 14
    "technique_search": (("technique_search.accounts=24",), {"technique_search": 0.01}),  # 12
    "block_replay": ((), {"replayed_block": 0.01}),  # 13
    "spike": ((), {"traffic_spike": 1e-3}),  # 14
}


LEAST = {"template_harvest of any task in system prompts": 0.0}
"""Share of the campaign that is accused at least, where it is not nine tenths: this one is only up for review."""


@pytest.mark.parametrize("case", CASES)
def test_the_reason_and_its_p_value(case, tmp_path):
    knobs, expected = CASES[case]
    kind, *_ = case.split(" ")
    drill, out = tmp_path / "drill", tmp_path / "out"
    run_drill(DrillSettings(f"class:{kind}", exchanges=12_000, accounts=900, seed=7, knobs=knobs), drill)
    inputs = Inputs(
        str(drill / "usage"),
        accounts=str(drill / "accounts.parquet"),
        releases=str(drill / "releases.parquet"),
        agreements=str(drill / "agreements.parquet"),
    )
    scan(inputs, out, settings=Settings(looks=0), resources=Resources(2, 4 << 30), key=Key(bytes(16)))
    truth = pq.read_table(drill / "truth" / "accounts.parquet").to_pylist()
    guilty = {row["account_id"] for row in truth if row["group_id"]}
    roles: dict[str, dict[str, str]] = {}
    for row in pq.read_table(out / "members.parquet").to_pylist():
        roles.setdefault(row["campaign_id"], {})[row["account_id"]] = row["role"]
    campaigns = {c["campaign_id"]: c for c in pq.read_table(out / "campaigns.parquet").to_pylist()}
    found = max(campaigns, key=lambda c: len(guilty & roles[c].keys()))
    assert campaigns[found]["verdict"] != "legitimate"
    reasons = {r["behaviour"]: r["p_value"] for r in campaigns[found]["reasons"]}
    for behaviour, most in expected.items():
        assert behaviour in reasons
        assert 0 <= reasons[behaviour] <= most
    accused = {
        a
        for c in campaigns.values()
        if c["verdict"] == "extraction"
        for a, r in roles[c["campaign_id"]].items()
        if r != "suspected"
    }
    assert len(accused & guilty) >= LEAST.get(case, 0.9) * len(guilty)
    assert not accused - guilty
    if kind == "diluted_relay":
        assert "relay" in roles[found].values(), "they pass others' traffic through"
