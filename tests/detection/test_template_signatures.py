"""Templates of accused groups signed, and matched by another scan: from one end to the other."""

import base64
import json
from collections import Counter
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from stillwatch.records.findings import HITS_SCHEMA
from stillwatch.records.signatures import Signature

KEY = base64.b64encode(b"an epoch's key 1").decode()


@pytest.fixture(scope="module")
def epoch(tmp_path_factory):
    path = tmp_path_factory.mktemp("epoch") / "epoch.json"
    path.write_text(json.dumps({"number": 4, "template_key": KEY}))
    return path


@pytest.fixture(scope="module")
def signed(exercise, scan_command, epoch, tmp_path_factory):
    out = tmp_path_factory.mktemp("signed") / "out"
    told = scan_command(exercise / "usage", exercise, out, "--epoch-key", epoch)
    assert told.exit_code == 0, told.output
    return out, told.output


def objects(out, kind):
    return [o for o in json.loads((out / "bundle.json").read_text())["objects"] if o["type"] == kind]


@pytest.fixture(scope="module")
def signatures(signed, tmp_path_factory):
    path = tmp_path_factory.mktemp("shared") / "signatures.jsonl"
    rows = [
        {
            "id": o["id"],
            "signature": o["pattern"],
            "key": KEY,
            "valid_until": None,
            "corroboration": "2 or more",
        }
        for o in objects(signed[0], "indicator")
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def matched(exercise, scan_command, signatures, tmp_path_factory):
    out = tmp_path_factory.mktemp("matched") / "out"
    told = scan_command(exercise / "usage", exercise, out, "--signatures", signatures)
    assert told.exit_code == 0, told.output
    return out, told.output


def accused(out):
    members, campaigns = (pq.read_table(out / f"{name}.parquet") for name in ("members", "campaigns"))
    kept = campaigns.filter(pc.equal(campaigns["verdict"], "extraction"))["campaign_id"]
    return set(members.filter(pc.is_in(members["campaign_id"], value_set=kept))["account_id"].to_pylist())


def of_groups(out, names):
    members = pq.read_table(out / "members.parquet")
    return set(
        members.filter(pc.is_in(members["campaign_id"], value_set=pa.array(names)))["account_id"].to_pylist()
    )


def not_signed(out):
    return list(json.loads((out / "run.json").read_text())["templates"]["not_signed"])


def test_a_template_that_is_too_short_is_not_signed(signed, scanned, exercise):
    """One campaign of the exercise has a frame of nine words: no signature of it could tell it from other texts."""
    reasons = json.loads((signed[0] / "run.json").read_text())["templates"]["not_signed"]
    assert [reason.split(" ", 1)[1] for reason in reasons.values()] == [
        "pairs of words are the same in most texts, 12 are the least"
    ]
    truth = pq.read_table(exercise / "truth" / "accounts.parquet").to_pylist()
    classes = {row["account_id"]: row["class"] for row in truth}
    accounts = of_groups(scanned, list(reasons))
    assert Counter(classes.get(name) for name in accounts).most_common(1)[0][0] == "template_harvest"


def test_accused_groups_have_indicators_and_nothing_else_changes(signed, scanned):
    out, told = signed
    found = objects(out, "indicator")
    assert found
    assert all(Signature.parse(o["pattern"]).epoch == 4 for o in found)
    assert len(objects(out, "relationship")) == len(found)
    for name in ("campaigns.parquet", "members.parquet"):
        assert (out / name).read_bytes() == (scanned / name).read_bytes()
    run = json.loads((out / "run.json").read_text())["templates"]
    assert (run["epoch"], run["signed"]) == (4, len(found))
    assert "signed under the key of epoch 4" in told
    assert "signed under the key of epoch 4" in (out / "report.html").read_text()


def test_signatures_do_not_depend_on_the_order_of_rows(signed, exercise, scan_command, epoch, tmp_path):
    usage = pq.read_table(exercise / "usage")
    order = np.random.default_rng(5).permutation(usage.num_rows)
    pq.write_table(usage.take(order), tmp_path / "usage.parquet", row_group_size=10_000)
    scan_command(tmp_path / "usage.parquet", exercise, tmp_path / "out", "--epoch-key", epoch)
    assert (tmp_path / "out" / "bundle.json").read_bytes() == (signed[0] / "bundle.json").read_bytes()


def test_accounts_of_signed_templates_are_hit_and_ordinary_ones_are_not(signed, matched, scanned, exercise):
    out, told = matched
    table = pq.read_table(out / "signature_hits.parquet")
    assert table.schema == HITS_SCHEMA
    truth = pq.read_table(exercise / "truth" / "accounts.parquet").to_pylist()
    of_group = {row["account_id"] for row in truth if row["group_id"] is not None}
    hit = set(table["account_id"].to_pylist())
    assert len(hit - of_group) <= 0.001 * json.loads((out / "run.json").read_text())["accounts"]
    of_signed = accused(scanned) - of_groups(scanned, not_signed(signed[0]))
    assert len(hit & of_signed) > 0.8 * len(of_signed) > 20
    assert "of other members" in told


def test_corroborated_groups_gain_at_most_thirty_and_say_so(matched, scanned):
    before, after = (
        {row["campaign_id"]: row for row in pq.read_table(out / "campaigns.parquet").to_pylist()}
        for out in (scanned, matched[0])
    )
    assert before.keys() == after.keys()
    told = json.loads((matched[0] / "run.json").read_text())["signatures"]["corroborated"]
    assert told
    for name, row in after.items():
        gain = row["log10_bayes_factor"] - before[name]["log10_bayes_factor"]
        assert gain == pytest.approx(np.log10(told[name]["factor"]) if name in told else 0)
        reasons = Counter(reason["behaviour"] for reason in row["reasons"])
        assert reasons["corroboration"] == (name in told)
    page = (matched[0] / "report.html").read_text()
    assert "It accuses nobody by itself." in page


def test_an_accusation_is_dated_by_the_first_hour_that_accuses(
    matched, exercise, scan_command, signatures, tmp_path
):
    """With corroboration too: a scan until that hour accuses half of it, one until the hour before does not."""
    campaigns = pq.read_table(matched[0] / "campaigns.parquet").to_pylist()
    told = json.loads((matched[0] / "run.json").read_text())["signatures"]["corroborated"]
    row = next(c for c in campaigns if c["campaign_id"] in told and c["detected_at"] is not None)
    members = pq.read_table(matched[0] / "members.parquet")
    own = set(members.filter(pc.equal(members["campaign_id"], row["campaign_id"]))["account_id"].to_pylist())
    for shift, expected in ((0, True), (1, False)):
        until = (row["detected_at"] - timedelta(hours=shift)).isoformat()
        out = tmp_path / str(shift)
        done = scan_command(exercise / "usage", exercise, out, "--signatures", signatures, "--until", until)
        assert done.exit_code == 0, done.output
        earlier, verdict = pq.read_table(out / "members.parquet"), pq.read_table(out / "campaigns.parquet")
        kept = set(verdict.filter(pc.equal(verdict["verdict"], "extraction"))["campaign_id"].to_pylist())
        by_group = Counter(
            m["campaign_id"]
            for m in earlier.to_pylist()
            if m["campaign_id"] in kept and m["account_id"] in own
        )
        assert any(2 * n >= len(own) for n in by_group.values()) is expected


def test_a_state_gives_what_a_full_scan_gives(matched, exercise, scan_command, signatures, epoch, tmp_path):
    usage = pq.read_table(exercise / "usage")
    middle = pc.quantile(usage["time"].cast("int64"), 0.5)[0].as_py()
    early = pc.less(usage["time"].cast("int64"), int(middle))
    key = tmp_path / "key"
    key.write_bytes(bytes(16))
    for number, part in enumerate((early, pc.invert(early))):
        pq.write_table(usage.filter(part), tmp_path / f"{number}.parquet")
        done = scan_command(
            *(tmp_path / f"{number}.parquet", exercise, tmp_path / "out", "--signatures", signatures),
            *("--state", tmp_path / "state", "--key", key),
        )
        assert done.exit_code == 0, done.output
    hits = [pq.read_table(out / "signature_hits.parquet") for out in (tmp_path / "out", matched[0])]
    assert hits[0].equals(hits[1])
    factors = [
        sorted(c["log10_bayes_factor"] for c in pq.read_table(out / "campaigns.parquet").to_pylist())
        for out in (tmp_path / "out", matched[0])
    ]
    assert factors[0] == pytest.approx(factors[1])


def test_files_that_cannot_be_read_are_one_line(exercise, scan_command, epoch, tmp_path):
    for option, path in (("--signatures", exercise / "drill.json"), ("--epoch-key", exercise / "drill.json")):
        from stillwatch.records.errors import InputError

        with pytest.raises(InputError, match=r"template signature|key of an epoch"):
            scan_command(exercise / "usage", exercise, tmp_path / "out", option, path)
        assert not (tmp_path / "out").exists()


def test_signatures_that_ended_hit_nothing(exercise, scan_command, signatures, tmp_path):
    path = tmp_path / "ended.jsonl"
    rows = [json.loads(line) for line in signatures.read_text().splitlines()]
    path.write_text(
        "".join(json.dumps(r | {"valid_until": "2001-01-01T00:00:00Z"}) + "\n" for r in rows) + "{\n"
    )
    done = scan_command(exercise / "usage", exercise, tmp_path / "out", "--signatures", path)
    assert f"ended before these logs begin: {len(rows)}" in done.output
    assert "signatures left out: 1 not JSON" in done.output
    assert pq.read_table(tmp_path / "out" / "signature_hits.parquet").num_rows == 0
