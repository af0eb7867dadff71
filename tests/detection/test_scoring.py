"""A scan's tables held against the truth, on tables small enough to count by hand."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.detection.out_folder import UNFINISHED
from stillwatch.detection.scan import write_tables
from stillwatch.detection.scoring import score
from stillwatch.records.errors import InputError
from stillwatch.records.findings import Campaign, Member
from stillwatch.records.schema import TIME

START = datetime(2026, 9, 1, tzinfo=UTC)


def write_truth(folder, groups, ordinary=()):
    """Groups: id -> (class, tier, unauthorised, kind of use, accounts)."""
    folder.mkdir()
    rows = [
        {"account_id": a, "group_id": g, "class": c, "tier": t}
        for g, (c, t, _, _, accounts) in groups.items()
        for a in accounts
    ]
    rows += [{"account_id": a, "group_id": None, "class": "ordinary", "tier": None} for a in ordinary]
    pq.write_table(pa.Table.from_pylist(rows), folder / "accounts.parquet")
    schema = pa.schema(
        {
            "group_id": pa.string(),
            "class": pa.string(),
            "tier": pa.string(),
            "unauthorised": pa.bool_(),
            "expected_kind_of_use": pa.string(),
            "first_time": TIME,
            "last_time": TIME,
        }
    )
    table = [
        {
            "group_id": g,
            "class": c,
            "tier": t,
            "unauthorised": bad,
            "expected_kind_of_use": kind,
            "first_time": START,
            "last_time": START + timedelta(days=7),
        }
        for g, (c, t, bad, kind, _) in groups.items()
    ]
    pq.write_table(pa.Table.from_pylist(table, schema=schema), folder / "groups.parquet")
    return folder


def write_scan(folder, groups):
    """Groups: id -> (verdict, kind of use, hours to detection, {account: role})."""
    folder.mkdir()
    campaigns = [
        Campaign(
            g,
            verdict,
            kind,
            "sufficient",
            0.5,
            0.0,
            len(members),
            10,
            START,
            START,
            None if hours is None else START + timedelta(hours=hours),
            (),
        )
        for g, (verdict, kind, hours, members) in groups.items()
    ]
    members = [
        Member(g, account, role, 0.5, 1)
        for g, (_, _, _, of) in groups.items()
        for account, role in of.items()
    ]
    write_tables(folder, campaigns, members)
    return folder


@pytest.fixture
def scored(tmp_path):
    truth = write_truth(
        tmp_path / "truth",
        {
            "c1": ("template_farm", "plain", True, "extraction", ["a1", "a2", "a3", "a4"]),
            "c2": ("quiet", "expert", True, "extraction", ["b1", "b2"]),
            "l1": ("benchmark", None, False, "evaluation", ["d1", "d2", "d3"]),
            "l2": ("class", None, False, "cohort", ["e1", "e2"]),
        },
        ordinary=["o1", "o2", "o3"],
    )
    scanned = write_scan(
        tmp_path / "scan",
        {
            "g1": (
                "extraction",
                "extraction",
                30,
                {
                    "a1": "member",
                    "a2": "relay",
                    "a3": "member",
                    "a4": "suspected",
                    "o1": "member",
                    "e1": "member",
                },
            ),
            "g2": ("review", "evaluation", None, {"d1": "member", "d2": "member", "o2": "member"}),
        },
    )
    return score(truth, scanned)


def test_accounts_are_counted_once(scored):
    assert (scored.accused, scored.guilty_accused, scored.guilty) == (5, 3, 6)
    assert (scored.ordinary, scored.ordinary_accused) == (3, 1)
    assert scored.recall == pytest.approx(3 / 6)
    assert scored.precision == pytest.approx(3 / 5)


def test_campaigns_come_first_and_hold_their_numbers(scored):
    assert [g.group_id for g in scored.groups] == ["c2", "c1", "l1", "l2"]
    found = {g.group_id: g for g in scored.groups}
    c1 = found["c1"]
    assert (c1.accounts, c1.accused, c1.review) == (4, 3, 0)
    assert (c1.verdict, c1.kind_of_use, c1.hours_to_detection) == ("extraction", "extraction", 30.0)
    assert (c1.name, c1.tier, c1.unauthorised) == ("template_farm", "plain", True)
    assert found["c2"].verdict is None
    assert (found["l1"].verdict, found["l1"].review, found["l1"].kind_of_use) == ("review", 2, "evaluation")
    assert found["l1"].hours_to_detection is None
    assert found["l1"].tier == ""


def test_a_look_alike_of_which_half_is_accused_is_seen_so(scored):
    # e1 of two lies in g1: half of the class, so the group's verdict is g1's.
    assert {g.group_id: g.verdict for g in scored.groups}["l2"] == "extraction"
    assert scored.look_alikes_accused == 1


def test_a_few_accounts_in_something_else_are_not_that(tmp_path):
    truth = write_truth(tmp_path / "truth", {"l": ("class", None, False, "cohort", ["a", "b", "c"])})
    scanned = write_scan(tmp_path / "scan", {"g": ("extraction", "extraction", 1, {"a": "member"})})
    found = score(truth, scanned)
    assert found.groups[0].verdict is None
    assert found.groups[0].accused == 1
    assert found.look_alikes_accused == 0


def test_accounts_accused_in_pieces_accuse_the_look_alike(tmp_path):
    truth = write_truth(
        tmp_path / "truth", {"l": ("class", None, False, "cohort", ["a", "b", "c", "d", "e"])}
    )
    scanned = write_scan(
        tmp_path / "scan",
        {
            "g": ("extraction", "extraction", 1, {"a": "member", "b": "member"}),
            "h": ("extraction", "extraction", 1, {"c": "member"}),
        },
    )
    found = score(truth, scanned)
    assert found.groups[0].verdict is None
    assert found.look_alikes_accused == 1


@pytest.mark.parametrize("name", ["a", "z"])
def test_of_several_groups_that_hold_a_campaign_the_likest_counts(tmp_path, name):
    """Whatever they are called: a campaign inside an application's users is accused as itself."""
    campaign = [f"c{i}" for i in range(4)]
    truth = write_truth(tmp_path / "truth", {"g": ("harvest", "plain", True, "", campaign)})
    users = dict.fromkeys([*campaign, *(f"u{i}" for i in range(40))], "member")
    scan = write_scan(
        tmp_path / "scan",
        {
            f"{name}-users": ("legitimate", "shared_client", None, users),
            "m-campaign": ("extraction", "extraction", 5, dict.fromkeys(campaign, "member")),
        },
    )
    (found,) = score(truth, scan).groups
    assert (found.verdict, found.hours_to_detection) == ("extraction", 5)


def test_nothing_planted_and_nothing_found(tmp_path):
    truth = write_truth(tmp_path / "truth", {}, ordinary=["o"])
    found = score(truth, write_scan(tmp_path / "scan", {}))
    assert (found.recall, found.precision, found.look_alikes_accused) == (1.0, 1.0, 0)
    assert found.ordinary == 1


def test_the_exercise_in_place_of_its_truth_is_told_where_that_is(tmp_path):
    (tmp_path / "drill").mkdir()
    write_truth(tmp_path / "drill" / "truth", {}, ordinary=["o"])
    scan = write_scan(tmp_path / "scan", {})
    with pytest.raises(InputError, match=r"no such table; give .*drill/truth$"):
        score(tmp_path / "drill", scan)


def test_a_folder_without_tables_is_the_users_error(tmp_path):
    with pytest.raises(InputError, match=r"groups\.parquet: no such table; give the folder"):
        score(tmp_path, tmp_path)


def test_who_is_only_suspected_is_not_accused(tmp_path):
    """Linked to a campaign is not part of it: the accused are its members and relays."""
    truth = write_truth(
        tmp_path / "truth",
        {
            "c": ("template_farm", "plain", True, "extraction", ["g1", "g2", "g3", "g4"]),
            "l": ("class", None, False, "cohort", ["a", "b"]),
        },
    )
    roles = {**dict.fromkeys(["g1", "g2", "g3", "g4"], "member"), **dict.fromkeys("ab", "suspected")}
    found = score(truth, write_scan(tmp_path / "scan", {"g": ("extraction", "extraction", 1, roles)}))
    assert found.look_alikes_accused == 0
    assert {g.group_id: g.verdict for g in found.groups} == {"c": "extraction", "l": None}
    assert found.accused == 4


def test_a_scan_of_other_logs_is_told_from_one_that_found_nothing(tmp_path):
    truth = write_truth(
        tmp_path / "truth",
        {"g1": ("template_harvest", "plain", True, "extraction", ["a", "b"])},
        ordinary=["c"],
    )
    nothing = write_scan(tmp_path / "nothing", {})
    assert score(truth, nothing).recall == 0
    other = write_scan(tmp_path / "other", {"x": ("extraction", "extraction", 1, {"z": "member"})})
    with pytest.raises(InputError, match="no account that the scan examined is in the exercise"):
        score(truth, other)
    # Ordinary accounts may stand in the exercise's accounts table alone.
    pq.write_table(pa.table({"account_id": ["z"]}), tmp_path / "accounts.parquet")
    assert score(truth, other).ordinary_accused == 1


def test_a_scan_that_was_interrupted_has_no_score(tmp_path):
    truth = write_truth(tmp_path / "truth", {}, ("a",))
    (write_scan(tmp_path / "scan", {}) / UNFINISHED).touch()
    with pytest.raises(InputError, match="interrupted; run it again"):
        score(truth, tmp_path / "scan")
