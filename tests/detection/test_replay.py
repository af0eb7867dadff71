"""Replay: each side is what a scan by its settings is, now and at every moment of the past."""

import json
from datetime import datetime
from itertools import pairwise

import pyarrow.parquet as pq
import pytest

from stillwatch.detection.comparison import Seen, compare
from stillwatch.detection.replay import FirstAccused, Side, replay
from stillwatch.detection.run_record import Inputs, Resources
from stillwatch.detection.settings import Settings
from stillwatch.records.errors import InputError
from stillwatch.records.sketches import Key

STRICTER = Settings(accuse_probability=0.9999, min_exchanges=120, content_accounts=4)


def run(exercise, out, b=STRICTER, **more):
    tables = {name: str(exercise / f"{name}.parquet") for name in ("accounts", "releases", "agreements")}
    return replay(
        Inputs(str(exercise / "usage"), **tables),
        out,
        a=Side(Settings(), "defaults"),
        b=Side(b, "stricter.yaml"),
        resources=Resources(threads=1, memory=2 << 30),
        key=Key(bytes(16)),
        **more,
    )


@pytest.fixture(scope="module")
def done(exercise, tmp_path_factory):
    """Defaults against stricter settings, at the end of every five days."""
    out = tmp_path_factory.mktemp("replay") / "out"
    return run(exercise, out, every=5), out


def accused(folder):
    campaigns = pq.read_table(folder / "campaigns.parquet").to_pylist()
    guilty = {c["campaign_id"] for c in campaigns if c["verdict"] == "extraction"}
    members = pq.read_table(folder / "members.parquet").to_pylist()
    return {m["account_id"] for m in members if m["campaign_id"] in guilty and m["role"] != "suspected"}


def test_side_a_is_what_a_scan_found(done, scanned):
    found, _ = done
    rows = pq.read_table(scanned / "campaigns.parquet").to_pylist()
    pairs = [(c.a.campaign_id, c.a.verdict, c.a.probability) for c in found.whole.matched]
    pairs += [(g.campaign_id, g.verdict, g.probability) for g in found.whole.only_a]
    assert sorted(pairs) == sorted((r["campaign_id"], r["verdict"], r["probability"]) for r in rows)
    assert found.whole.accused[0] == accused(scanned)
    assert found.whole.accused[0] > found.whole.accused[1], "stricter settings, so that there is a difference"


def test_a_step_of_the_past_is_what_a_scan_until_then_finds(done, exercise, scan_command, tmp_path):
    found, out = done
    record = json.loads((out / "replay.json").read_text())
    untils = [datetime.fromisoformat(step["until"]) for step in record["history"]]
    assert [(b - a).days for a, b in pairwise(untils[:-1])] == [5] * (len(untils) - 2)
    assert all(u.hour == 0 for u in untils[:-1])
    place = len(untils) - 2
    (tmp_path / "b.yaml").write_text(json.dumps(STRICTER.as_dict()))
    for side, options in enumerate([(), (f"--settings={tmp_path / 'b.yaml'}",)]):
        scan_command(
            exercise / "usage",
            exercise,
            tmp_path / str(side),
            f"--until={untils[place].isoformat()}",
            *options,
        )
        then = accused(tmp_path / str(side))
        assert found.history[place].brief["accused"]["ab"[side]] == len(then)


def test_the_file_says_what_differs(done):
    found, out = done
    record = json.loads((out / "replay.json").read_text())
    assert record == json.loads(json.dumps(found.record, default=str))
    assert record["settings"]["differ"] == {
        "accuse_probability": [0.9, 0.9999], "min_exchanges": [40, 120], "content_accounts": [3, 4],
    }  # fmt: skip
    assert record["whole"]["accused_only_a"] == found.whole.accused_only_a
    assert record["difference"] == found.whole.sentence("A", "B")
    last = {name: record["whole"][name] for name in ("verdicts", "accused", "groups")}
    assert {k: v for k, v in record["history"][-1].items() if k != "until"} == last
    assert sorted(p.name for p in out.iterdir()) == ["replay.json"]


def test_without_every_only_the_whole_is_judged(exercise, tmp_path):
    found = run(exercise, tmp_path / "out", b=Settings(prior=0.02))
    assert found.history is None
    assert found.record["history"] is found.record["first_accused"] is None
    assert not (found.whole.only_a or found.whole.only_b), "a prior forms no groups"
    for pair in found.whole.matched:
        assert set(pair.differs) <= {"probability", "verdict", "kind_of_use"}


def test_equal_settings_are_refused(exercise, tmp_path):
    with pytest.raises(InputError, match=r"defaults and stricter\.yaml are the same settings"):
        run(exercise, tmp_path / "out", b=Settings())
    assert not (tmp_path / "out").exists()


def test_who_was_accused_first():
    def at(hour, a, b):
        sides = [
            [Seen("g", frozenset(s), frozenset(s), "extraction", "extraction", 1.0, 3.0)] for s in (a, b)
        ]
        return hour, compare(*sides)

    first = FirstAccused()
    for moment in (at(24, "x", "xy"), at(48, "xz", "y"), at(72, "", "zv")):
        first.feed(*moment)
    assert first.hours == {"x": (24, 24), "y": (None, 24), "z": (48, 72), "v": (None, 72)}
    told = first.as_dict()
    rows = told.pop("accounts")
    assert told == {"earlier_a": 1, "earlier_b": 0, "together": 1, "ever_only_a": 0, "ever_only_b": 2}
    assert rows[-1] == {"account_id": "z", "a": "1970-01-03T00:00:00+00:00", "b": "1970-01-04T00:00:00+00:00"}
