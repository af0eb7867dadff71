"""`stillwatch drill` as a user calls it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from stillwatch.cli.drill import drill
from stillwatch.records.errors import InputError


def test_it_writes_and_tells_what(tmp_path: Path) -> None:
    out = tmp_path / "d"
    size = ["--exchanges", "3000", "--accounts", "300", "--seed", "2"]
    made = CliRunner().invoke(drill, ["--out", str(out), "--scenario", "small", *size])
    assert made.exit_code == 0, made.output
    assert "3,000 exchanges of 300 accounts" in made.output
    assert "template_harvest" in made.output
    assert (out / "usage").is_dir()
    assert (out / "truth" / "groups.parquet").is_file()


def test_json_is_the_summary_that_is_kept(tmp_path: Path) -> None:
    size = ["--exchanges", "3000", "--accounts", "300", "--json"]
    made = CliRunner().invoke(drill, ["--out", str(tmp_path / "d"), "--scenario", "class:spike", *size])
    assert json.loads(made.output) == json.loads((tmp_path / "d" / "drill.json").read_text())
    assert {g["class"] for g in json.loads(made.output)["groups"]} == {"spike"}


def test_the_list_names_every_scenario_and_knob() -> None:
    made = CliRunner().invoke(drill, ["--list", "--json"])
    found = json.loads(made.output)
    assert {"default", "published-2026", "quiet", "small", "class:diluted_relay"} <= set(found["scenarios"])
    assert all(c["behaviours"] and c["knobs"] for c in found["campaigns"])
    assert "diluted_relay" in CliRunner().invoke(drill, ["--list"]).output


def test_without_out_it_says_what_to_give() -> None:
    made = CliRunner().invoke(drill, [])
    assert made.exit_code == 2
    assert "--out" in made.output


def test_bad_settings_are_input_errors(tmp_path: Path) -> None:
    made = CliRunner().invoke(drill, ["--out", str(tmp_path / "d"), "--scenario", "nonsense"])
    assert isinstance(made.exception, InputError)
    made = CliRunner().invoke(drill, ["--out", str(tmp_path / "d"), "--labs", "0"])
    assert isinstance(made.exception, InputError)
    assert not list(tmp_path.iterdir())


def test_it_cannot_write_under_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="can't be written"):
        CliRunner().invoke(
            drill, ["--out", str(tmp_path / "file" / "d"), "--scenario", "small"], catch_exceptions=False
        )
