"""The command `score`: planted against found."""

import json

import pytest
from click.testing import CliRunner

from stillwatch.cli.score import score
from stillwatch.records.errors import InputError


def test_tables_and_json_tell_the_same(exercise, scanned):
    plain = CliRunner().invoke(score, [f"--truth={exercise / 'truth'}", f"--scan={scanned}"])
    assert plain.exit_code == 0
    raw = json.loads(
        CliRunner().invoke(score, [f"--truth={exercise / 'truth'}", f"--scan={scanned}", "--json"]).stdout
    )
    assert f"accused {raw['guilty_accused']} of {raw['guilty']} campaign accounts" in plain.stdout
    for group in raw["groups"]:
        assert group["name"] in plain.stdout
    assert raw["ordinary"] + sum(group["accounts"] for group in raw["groups"]) >= 800


def test_a_folder_that_is_no_scan_is_said(exercise, tmp_path):
    with pytest.raises(InputError, match="give the folder that drill or scan wrote"):
        CliRunner().invoke(
            score, [f"--truth={exercise / 'truth'}", f"--scan={tmp_path}"], catch_exceptions=False
        )
