"""Behaviours on exercises that isolate them, through a whole scan: the reason stands in the tables, with its p-value."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from stillwatch.detection.behaviours import REGISTRY
from stillwatch.detection.run_record import Inputs, Resources
from stillwatch.detection.scan import scan
from stillwatch.detection.settings import Settings
from stillwatch.drill.writer import Settings as DrillSettings
from stillwatch.drill.writer import run_drill
from stillwatch.records.findings import ACCUSED_ROLES, CONTENT, INFRASTRUCTURE, TIMING
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
    "reasoning_pretext": ((), {"reasoning_elicitation": 0.01}),  # 2
    "language_coercion": ((), {"thinking_language": 0.01}),  # 2
    "reward_model_grading": ((), {"rubric_grading": 0.01}),  # 3
    "agentic_coding of any task, by cards": (
        (
            "agentic_coding.any_task=1",
            "agentic_coding.elicitation_rate=0",
            "agentic_coding.shared_payment_rate=1",
            "agentic_coding.accounts_per_card=10",
            "agentic_coding.free_share=0",
            "agentic_coding.system_share=0",
        ),
        {"capability_focus": 1e-4},
    ),  # 4
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
    "template_harvest by one telephone for six": (
        ("template_harvest.accounts_per_phone=6", "template_harvest.shared_payment_rate=0"),
        {"shared_contact": 1e-20},
    ),  # 8
    "release_pivot": ((), {"release_pivot": 1e-4}),  # 9
    "account_replacement to older models": (
        ("account_replacement.downgrade_share=0.8",),
        {"older_model": 1e-10},
    ),  # 9
    "diluted_relay": (
        ("diluted_relay.accounts=60",),
        {"shared_template": 1e-4, "shared_address": 1e-10},
    ),  # 10
    "account_replacement": ((), {"account_succession": 1e-4, "full_rate_at_once": 1e-6}),  # 11, 14
    "technique_search": (("technique_search.accounts=24",), {"technique_search": 0.01}),  # 12
    "block_replay": ((), {"replayed_block": 0.01}),  # 13
    "spike": ((), {"traffic_spike": 1e-3}),  # 14
    "template_harvest on free plans": (
        (
            "template_harvest.free_share=1",
            "template_harvest.volume_mean=150",
            "template_harvest.accounts=40",
        ),
        {"plan_misfit": 1e-10},
    ),  # 14
}


REVIEWED = {
    "agentic_coding of any task, by cards",
    "template_harvest on free plans",
}
"""Cases in which one family alone speaks, or too little: they are up for review, and nobody is accused."""

PARTLY = {"template_harvest of any task in system prompts": 0.4}
"""Cases of which only those are accused who share more than a prompt, and what part of the campaign these are at least."""

TEXTS = ("input_text", "system_text", "output_text", "tool_count", "turn", "conversation_id")
MEANS = (
    *("client_address", "client_asn", "client_network", "client_country", "user_agent", "tls_ja4"),
    *("credential_id", "end_user_id", "surface"),
)
"""Columns of usage by which content and infrastructure are seen."""
CERTAIN = 0.99
"""A prior under which nearly every group is probable enough to be accused: what is left to stop it is the rule."""
ALONE = {
    CONTENT: [
        *("template_harvest", "reasoning_elicitation", "reasoning_pretext", "language_coercion"),
        *("reward_model_grading", "safety_rewrites", "load_balanced", "diluted_relay", "technique_search"),
        *("block_replay", "agentic_coding of any task, by cards"),
    ],
    INFRASTRUCTURE: [
        "bulk_signup",
        "template_harvest by one telephone for six",
        "template_harvest in system prompts",
    ],
    TIMING: [
        *("bulk_signup", "account_replacement", "account_replacement to older models"),
        *("release_pivot", "spike"),
    ],
}
"""Cases by the one family that is left to speak."""
SPOKEN = ("input_text", "output_text", "tool_count", "turn", "conversation_id")
LEFT_OUT = {
    "agentic_coding of any task, by cards": (),
    "template_harvest in system prompts": SPOKEN,
}
"""Columns to take away in cases where one family forms the group and the other is tested."""
WEAK = {
    (CONTENT, "load_balanced"),
    (CONTENT, "template_harvest"),
    (INFRASTRUCTURE, "bulk_signup"),
    (INFRASTRUCTURE, "template_harvest by one telephone for six"),
    (TIMING, "bulk_signup"),
    (TIMING, "release_pivot"),
}
"""What is left says too little to accuse even by itself; elsewhere only the rule of two families stops it."""


def drill_of(case: str, folder: Path) -> Path:
    """The exercise of a case."""
    kind, *_ = case.split(" ")
    run_drill(
        DrillSettings(f"class:{kind}", exchanges=12_000, accounts=900, seed=7, knobs=CASES[case][0]), folder
    )
    return folder


class Found:
    """What a scan wrote, beside the truth."""

    def __init__(self, drill: Path, out: Path, *, settings: Settings, accounts: bool = True) -> None:
        inputs = Inputs(
            str(drill / "usage"),
            accounts=str(drill / "accounts.parquet") if accounts else None,
            releases=str(drill / "releases.parquet"),
            agreements=str(drill / "agreements.parquet"),
        )
        scan(inputs, out, settings=settings, resources=Resources(2, 4 << 30), key=Key(bytes(16)))
        truth = pq.read_table(drill / "truth" / "accounts.parquet").to_pylist()
        self.guilty = {row["account_id"] for row in truth if row["group_id"]}
        self.roles: dict[str, dict[str, str]] = {}
        for row in pq.read_table(out / "members.parquet").to_pylist():
            self.roles.setdefault(row["campaign_id"], {})[row["account_id"]] = row["role"]
        self.groups = {c["campaign_id"]: c for c in pq.read_table(out / "campaigns.parquet").to_pylist()}
        self.accused = {
            account
            for name, group in self.groups.items()
            if group["verdict"] == "extraction"
            for account, role in self.roles[name].items()
            if role in ACCUSED_ROLES
        }

    @property
    def nearest(self) -> str:
        """The group with most of the campaign's accounts."""
        return max(self.groups, key=lambda name: len(self.guilty & self.roles[name].keys()))


@pytest.mark.parametrize("case", CASES)
def test_the_reason_and_its_p_value(case, tmp_path):
    _, expected = CASES[case]
    found = Found(drill_of(case, tmp_path / "drill"), tmp_path / "out", settings=Settings(looks=0))
    group = found.groups[found.nearest]
    assert group["verdict"] == ("review" if case in REVIEWED else "extraction")
    reasons = {r["behaviour"]: r for r in group["reasons"]}
    for behaviour, most in expected.items():
        assert behaviour in reasons
        assert 0 <= reasons[behaviour]["p_value"] <= most
        assert reasons[behaviour]["supports"]
        assert reasons[behaviour]["null"] == REGISTRY[behaviour].null
        # Accounts of the campaign stand for it.
        assert 1 <= len(reasons[behaviour]["examples"]) <= 3
        assert set(reasons[behaviour]["examples"]) <= found.guilty & found.roles[found.nearest].keys()
    least = 0 if case in REVIEWED else PARTLY.get(case, 0.9)
    assert len(found.accused & found.guilty) >= least * len(found.guilty)
    assert not found.accused - found.guilty
    if case == "diluted_relay":
        assert "relay" in found.roles[found.nearest].values(), "they pass others' traffic through"


def only(family: str, case: str, drill: Path) -> None:
    """Take the columns from the logs by which other families than this would be tested.

    Texts or means have to be left, since timing forms no group; those that form one are not tested in it.
    """
    gone = LEFT_OUT.get(case, MEANS if family == CONTENT else TEXTS)
    for file in sorted((drill / "usage").glob("*.parquet")):
        rows = pq.read_table(file)
        pq.write_table(rows.drop_columns([name for name in gone if name in rows.column_names]), file)


@pytest.mark.parametrize(("family", "case"), [(f, case) for f, cases in ALONE.items() for case in cases])
def test_one_family_alone_is_at_most_reviewed(family, case, tmp_path):
    """Under a prior by which nearly every group is probable enough, as far as its accounts are one campaign's."""
    drill = drill_of(case, tmp_path / "drill")
    only(family, case, drill)
    found = Found(
        drill,
        tmp_path / "out",
        settings=Settings(looks=0, left_out="" if family == TIMING else TIMING, prior=CERTAIN),
        accounts=family != CONTENT or case in LEFT_OUT,
    )
    assert not found.accused
    group = found.groups[found.nearest]
    tested = {REGISTRY[r["behaviour"]].family for r in group["reasons"] if r["p_value"] is not None}
    # What forms a group is not tested in it: so where means alone are logged, nothing is.
    assert tested == (set() if family == INFRASTRUCTURE and case not in LEFT_OUT else {family})
    if (family, case) not in WEAK:
        assert group["verdict"] == "review"
        assert group["probability"] >= Settings().accuse_probability


@pytest.mark.parametrize("share", [0.5, 0.7, 0.9])
def test_of_relayed_traffic_the_campaigns_own_exchanges_are_told_apart(share, tmp_path):
    drill = tmp_path / "drill"
    knobs = ("diluted_relay.accounts=60", f"diluted_relay.relay_share={share}")
    run_drill(
        DrillSettings("class:diluted_relay", exchanges=24_000, accounts=900, seed=7, knobs=knobs), drill
    )
    found = Found(drill, tmp_path / "out", settings=Settings(looks=0))
    group = found.groups[found.nearest]
    truth = pq.read_table(drill / "truth" / "exchanges.parquet").to_pylist()
    own = sum(row["extracting"] for row in truth)
    relayed = sum(row["group_id"] is not None for row in truth) - own
    assert relayed > 0.8 * share / (1 - share) * own
    assert group["verdict"] == "extraction"
    assert abs(group["exchanges"] - own) < 0.1 * own
    roles = [r for r in found.roles[found.nearest].values() if r in ACCUSED_ROLES]
    assert roles.count("relay") > (0.5 if share <= 0.5 else 0.8) * len(roles)


def test_a_paraphrased_campaign_is_found_by_what_its_sentences_share(tmp_path):
    drill = tmp_path / "drill"
    knobs = ("template_harvest.paraphrase_rate=1",)
    run_drill(
        DrillSettings("class:template_harvest", exchanges=12_000, accounts=900, seed=7, knobs=knobs), drill
    )
    found = Found(drill, tmp_path / "out", settings=Settings(looks=0))
    group = found.groups[found.nearest]
    assert group["verdict"] == "extraction"
    assert len(found.accused & found.guilty) >= 0.9 * len(found.guilty)
    assert not found.accused - found.guilty
    tested = {r["behaviour"]: r["p_value"] for r in group["reasons"] if r["p_value"] is not None}
    assert tested["shared_template"] <= 1e-4


def test_many_accounts_of_four_requests_in_two_days_are_one_campaign(tmp_path):
    """In Chinese, where short texts that differ share most by chance: it came out in pieces, and half were accused."""
    drill = tmp_path / "drill"
    knobs = ("accounts=600", "volume_mean=4", "spike_days=2", "language=1")
    run_drill(
        DrillSettings(
            "class:template_harvest",
            exchanges=9_000,
            accounts=1_800,
            seed=8,
            knobs=tuple(f"template_harvest.{k}" for k in knobs),
        ),
        drill,
    )
    found = Found(drill, tmp_path / "out", settings=Settings(looks=0))
    assert len(found.guilty) == 600
    assert len(found.accused & found.guilty) >= 0.9 * 600
    assert not found.accused - found.guilty
    assert found.groups[found.nearest]["accounts"] >= 0.85 * 600


CLEAN = (
    *("shared_payment_rate=0", "accounts_per_address=0", "residential_share=0", "unique_fingerprint_share=1"),
    *("virtual_card_share=0.05", "disposable_mail_share=0", "signup_days=90", "accounts=80"),
)
"""Ordinary cards, addresses and TLS fingerprints of each account's own, and sign-ups that are spread."""


@pytest.mark.parametrize("kind", ["template_harvest", "load_balanced"])
def test_a_campaign_that_shares_nothing_is_found_by_content_and_timing(kind, tmp_path):
    drill = tmp_path / "drill"
    knobs = tuple(f"{kind}.{knob}" for knob in CLEAN)
    run_drill(DrillSettings(f"class:{kind}", exchanges=30_000, accounts=2_000, seed=7, knobs=knobs), drill)
    found = Found(drill, tmp_path / "out", settings=Settings(looks=0))
    group = found.groups[found.nearest]
    assert group["verdict"] == "extraction"
    assert len(found.accused & found.guilty) >= 0.9 * len(found.guilty)
    assert not found.accused - found.guilty
    reasons = {r["behaviour"]: r for r in group["reasons"] if r["p_value"] is not None}
    assert {"shared_template", "divided_work_list", "round_the_clock"} <= reasons.keys()
    assert not reasons.keys() & {"shared_payment", "shared_contact", "disposable_identity"}


@pytest.mark.parametrize(("kind", "seed"), [("reasoning_elicitation", 22), ("template_harvest", 21)])
def test_one_heavy_account_without_any_coordination_is_up_for_review(kind, seed, tmp_path):
    """With a known mark and without; development seeds on which it pays with a virtual card (others fare worse)."""
    drill = tmp_path / "drill"
    knobs = (f"{kind}.accounts=1", f"{kind}.volume_mean=2500")
    run_drill(DrillSettings(f"class:{kind}", exchanges=12_000, accounts=900, seed=seed, knobs=knobs), drill)
    found = Found(drill, tmp_path / "out", settings=Settings(looks=0))
    group = found.groups[found.nearest]
    assert (group["verdict"], group["accounts"]) == ("review", 1)
    assert not found.accused
    reasons = {r["behaviour"]: r for r in group["reasons"]}
    assert reasons["heavy_account"]["statistic"] == group["exchanges"]
    assert reasons["heavy_account"]["p_value"] is None, "of so few accounts there is no tail"
    assert ("reasoning_elicitation" in reasons) == (kind == "reasoning_elicitation")
