"""The command `replay`: what it prints, and its exit statuses."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from stillwatch.cli.replay import render, replay
from stillwatch.detection.comparison import Seen, compare
from stillwatch.detection.replay import Replayed, Step


def stillwatch(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "stillwatch", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=os.environ,
    )


def test_tables_and_json_tell_the_same(exercise, tmp_path):
    (tmp_path / "b.yaml").write_text("accuse_probability: 0.9999\n")
    given = [f"--usage={exercise / 'usage'}", f"--accounts={exercise / 'accounts.parquet'}"]
    given += [f"--b={tmp_path / 'b.yaml'}", "--every=3", f"--out={tmp_path / 'out'}"]
    plain = CliRunner().invoke(replay, given, catch_exceptions=False)
    raw = json.loads(CliRunner().invoke(replay, [*given, "--json"], catch_exceptions=False).stdout)
    assert plain.exit_code == 0
    written = json.loads((tmp_path / "out" / "replay.json").read_text())
    assert {k: v for k, v in raw.items() if k != "seconds"} == {
        k: v for k, v in written.items() if k != "seconds"
    }
    assert raw["difference"] in plain.stdout
    assert "accuse_probability  0.9  0.9999" in plain.stdout
    assert len(raw["history"]) >= 2
    for step in raw["history"]:
        assert f"\n{step['until'][:10]} {step['until'][11:16]}" in plain.stdout
    assert f"all of it: {tmp_path / 'out' / 'replay.json'}" in plain.stdout


def group(name, accounts, verdict, **what):
    accused = frozenset(accounts) if verdict == "extraction" else frozenset()
    return Seen(name, frozenset(accounts), accused, verdict, "extraction", 0.95, 3.5, **what)


def test_every_kind_of_difference_has_its_part():
    many = [f"account-{n:03}" for n in range(30)]
    whole = compare(
        [
            group("g-1", many, "extraction", families=frozenset({"content"}), figures={"size": 30.0}),
            group("g-2", "abcd", "review"),
            group("g-3", "mnop", "review", figures={f"f{n}": 0.5 for n in range(6)}),
        ],
        [
            group("g-1b", many[1:], "review", families=frozenset({"timing"}), figures={"size": 29.0}),
            group("g-4", "wxyz", "extraction"),
            group("g-3", "mnop", "review", figures={f"f{n}": 0.25 for n in range(6)}),
        ],
    )
    ever = {"earlier_a": 1, "earlier_b": 2, "together": 3, "ever_only_a": 4, "ever_only_b": 5}
    record = {
        "settings": {"a": {"source": "old"}, "b": {"source": "new"}, "differ": {"prior": [0.1, 0.2]}},
        "difference": whole.sentence("A", "B"),
        "first_accused": ever,
    }
    told = render(Replayed(whole, (Step(24, whole.brief()),), record))
    assert "Groups with another verdict: 1" in told
    assert "extraction -> review" in told
    assert "+timing; -content; accounts +0 -1; size 30 -> 29" in told
    assert "f0 0.5 -> 0.25; f1 0.5 -> 0.25; f2 0.5 -> 0.25; 3 more figures" in told
    assert "Groups only in A: 1\n" in told
    assert "Groups only in B: 1\n" in told
    assert "Accounts accused only by A: 30\naccount-000, " in told
    assert "account-010" not in told
    assert "... and 20 more in replay.json" in told
    assert "Accounts accused only by B: 4\nw, x, y, z" in told
    assert "1970-01-02 00:00" in told
    assert "A accuses 1 accounts earlier than B, B 2 earlier than A, 3 at the same moment" in told
    assert not any(line.endswith(" ") for line in told.splitlines())


def test_a_part_without_anything_is_left_out():
    same = compare([group("g-1", "abcd", "review")], [group("g-1", "abcd", "review")])
    record = {
        "settings": {"a": {"source": "old"}, "b": {"source": "new"}, "differ": {"seed": [1, 2]}},
        "difference": same.sentence("A", "B"),
    }
    told = render(Replayed(same, None, record))
    assert told.endswith("No difference between A and B.")
    assert "Groups" not in told


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "are the same settings; give --a or --b a file with other values"),
        (["--a", "absent.yaml"], "absent.yaml: cannot read the settings"),
        (["--b", "BAD"], "no setting is called priors; did you mean prior?"),
        (["--b", "GOOD", "--every", "0"], "--every"),
        (["--b", "GOOD", "--exemptions", "absent.yaml"], "absent.yaml: cannot read the exemptions"),
        (["--b", "GOOD", "--since", "2026-03-05", "--until", "2026-03-04"], "--since is not before --until"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(few, tmp_path, arguments, says):
    files = {"GOOD": tmp_path / "good.yaml", "BAD": tmp_path / "bad.yaml"}
    files["GOOD"].write_text("prior: 0.5")
    files["BAD"].write_text("priors: 0.5")
    ended = stillwatch(
        "replay", "--usage", few, *(files.get(a, a) for a in arguments), "--out", tmp_path / "out"
    )
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert len(ended.stderr.strip().splitlines()) == 1
    assert says in ended.stderr
    assert not (tmp_path / "out").exists()
