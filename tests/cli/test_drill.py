"""`stillwatch drill` as a user calls it."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from stillwatch.cli.drill import drill
from stillwatch.records.errors import InputError
from stillwatch.records.sketches import Key


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


def test_sketches_are_written_under_the_key_that_was_given(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(bytes(16))
    size = ["--scenario", "small", "--exchanges", "1000", "--accounts", "100"]
    keyed = ["--sketches", "--key", str(tmp_path / "key")]
    made = CliRunner().invoke(drill, ["--out", str(tmp_path / "d"), *size, *keyed])
    assert made.exit_code == 0, made.output
    assert f"Sketches under the key {Key(bytes(16)).id} in place of texts" in made.output
    (file,) = (tmp_path / "d" / "usage").iterdir()
    assert pq.ParquetFile(file).metadata.metadata[b"stillwatch.sketches.key"].decode() == Key(bytes(16)).id


def test_a_key_without_sketches_is_refused(tmp_path: Path) -> None:
    made = CliRunner().invoke(drill, ["--out", str(tmp_path / "d"), "--key", str(tmp_path / "key")])
    assert made.exit_code == 2
    assert "--key is for --sketches" in made.output


def test_sketches_need_a_key_that_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file" / "deeper"))
    made = CliRunner().invoke(drill, ["--out", str(tmp_path / "d"), "--scenario", "small", "--sketches"])
    assert isinstance(made.exception, InputError)
    assert not (tmp_path / "d").exists()
