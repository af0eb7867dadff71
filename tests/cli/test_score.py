"""The command `score`: planted against found."""

import json

import pytest
from click.testing import CliRunner

from stillwatch.cli.score import render, score
from stillwatch.detection.scoring import GroupScore, Score
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


@pytest.mark.parametrize("content", [b"", b"PAR1 no more"])
def test_a_damaged_table_is_said(exercise, tmp_path, content):
    (tmp_path / "campaigns.parquet").write_bytes(content)
    with pytest.raises(InputError, match=r"campaigns\.parquet: cannot be read as Parquet"):
        CliRunner().invoke(
            score, [f"--truth={exercise / 'truth'}", f"--scan={tmp_path}"], catch_exceptions=False
        )


@pytest.mark.parametrize(
    ("accused", "review", "verdict", "says"),
    [
        (9, 0, "extraction", "extraction"),
        (3, 0, None, "extraction in parts"),
        (0, 3, None, "review in parts"),
        (0, 0, None, "not seen"),
    ],
)
def test_a_campaign_found_in_parts_is_not_called_unseen(accused, review, verdict, says):
    group = GroupScore("g", "relay", "plain", True, "extraction", 10, accused, review, verdict, None, None)
    line = next(
        row for row in render(Score((group,), accused, accused, 10, 0, 0)).splitlines() if "relay" in row
    )
    assert line.endswith(f" {says}")
