"""The command `scan`: what it prints, its exit statuses, its key."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.cli.scan import summary
from stillwatch.detection.scan import Result
from stillwatch.records.findings import Campaign


def stillwatch(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "stillwatch", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, **environment},
    )


def test_summary_and_json_say_the_same(few, tmp_path):
    told = stillwatch("scan", "--usage", few, "--out", tmp_path / "a")
    assert told.returncode == 0, told.stderr
    assert "400 exchanges of" in told.stdout
    assert "warning: no accounts table (--accounts)" in told.stdout
    assert f"report: {tmp_path / 'a' / 'report.html'}" in told.stdout
    run = json.loads(
        stillwatch(
            "scan", "--usage", few, "--out", tmp_path / "b", "--json", "--threads=1", "--memory=1GB"
        ).stdout
    )
    assert run["rows"]["scanned"] == 400
    assert run["resources"] == {"engine": "duckdb", "memory": 10**9, "threads": 1}
    assert json.loads((tmp_path / "b" / "run.json").read_text()) == run


def test_groups_too_small_to_be_told_of_are_counted(few, tmp_path):
    assert stillwatch("scan", "--usage", few, "--out", tmp_path).returncode == 0
    when = datetime(2026, 9, 1, tzinfo=UTC)
    groups = [
        Campaign(f"c-{n}", "extraction", "extraction", "sufficient", 0.9, 3.0, n, 900, when, when, None, ())
        for n in (4, 5)
    ]
    result = Result(groups[1:], [], json.loads((tmp_path / "run.json").read_text()), tmp_path)
    assert "not in bundle.json" not in summary(result)
    said = summary(replace(result, campaigns=groups))
    assert "1 accused group of fewer than 5 accounts not in bundle.json" in said


def test_logs_without_texts_are_warned_of(few, tmp_path):
    rows = pq.read_table(few)
    pq.write_table(rows.drop_columns(["input_text"]), tmp_path / "mute.parquet")
    told = stillwatch("scan", "--usage", tmp_path / "mute.parquet", "--out", tmp_path / "out")
    assert told.returncode == 0, told.stderr
    assert "warning: no exchange has an input_text: all content evidence" in told.stdout


def test_a_folder_of_other_things_is_left_as_it_is(few, tmp_path):
    (tmp_path / "out" / "shadow").mkdir(parents=True)
    (tmp_path / "out" / "shadow" / "mine.txt").write_text("mine")
    told = stillwatch("scan", "--usage", few, "--out", tmp_path / "out")
    assert told.returncode == 2
    assert "holds shadow, and no run.json of an earlier run" in told.stderr
    assert (tmp_path / "out" / "shadow" / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--usage", "nowhere.parquet"], "nowhere.parquet"),
        (["--usage", "USAGE", "--prior", "2"], "--prior"),
        (["--usage", "USAGE", "--prior", "nan"], "--prior is not a number"),
        (["--usage", ""], "--usage is empty"),
        (["--usage", "USAGE", "--memory", "little"], "--memory"),
        (
            ["--usage", "USAGE", "--since", "2026-03-05", "--until", "2026-03-04"],
            "--since is not before --until",
        ),
        (["--usage", "USAGE", "--accounts", "absent.parquet"], "absent.parquet"),
        (["--usage", "USAGE", "--engine", "abacus"], "--engine"),
        (["--usage", "USAGE", "--settings", "absent.yaml"], "absent.yaml: cannot read the settings"),
        (["--usage", "USAGE", "--shadow", "absent.yaml"], "absent.yaml: cannot read the settings"),
        (["--usage", "USAGE", "--exemptions", "absent.yaml"], "absent.yaml: cannot read the exemptions"),
        ([], "--usage"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(few, tmp_path, arguments, says):
    out = tmp_path / "out"
    ended = stillwatch("scan", *[few if a == "USAGE" else a for a in arguments], "--out", out)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert len(ended.stderr.strip().splitlines()) == 1
    assert says in ended.stderr
    assert not out.exists()


def test_results_do_not_go_among_the_logs(few, tmp_path):
    shutil.copy(few, tmp_path / "log.parquet")
    ended = stillwatch("scan", "--usage", tmp_path, "--out", tmp_path / "." / "")
    assert ended.returncode == 2
    assert "results would lie among the logs" in ended.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["log.parquet"]


def test_memory_that_was_not_kept_is_told(few, tmp_path):
    told = stillwatch("scan", "--usage", few, "--out", tmp_path / "a", "--memory=256MB")
    assert told.returncode == 0, told.stderr
    assert " MB were needed, more than --memory 256 MB: " in told.stdout
    told = stillwatch("scan", "--usage", few, "--out", tmp_path / "b", "--memory=8GB")
    assert "memory:" not in told.stdout


def test_what_was_lost_of_the_input_stands_in_the_summary(exercise, few, tmp_path):
    (tmp_path / "logs").mkdir()
    shutil.copy(few, tmp_path / "logs" / "whole.parquet")
    (tmp_path / "logs" / "cut.parquet").write_bytes(few.read_bytes()[:1000])
    pq.write_table(pq.read_table(exercise / "accounts.parquet").slice(0, 40), tmp_path / "accounts.parquet")
    told = stillwatch(
        *("scan", "--usage", tmp_path / "logs", "--out", tmp_path / "out"),
        *("--accounts", tmp_path / "accounts.parquet"),
    )
    assert told.returncode == 0, told.stderr
    assert "not read, or not to its end: cut.parquet (file not readable: " in told.stdout
    assert "warning: only " in told.stdout


def test_rejected_rows_of_every_table_are_named_with_their_reasons(exercise, few, tmp_path):
    rows = pq.read_table(few)
    (tmp_path / "logs").mkdir()
    pq.write_table(rows.slice(0, 3), tmp_path / "logs" / "again.parquet")
    pq.write_table(rows, tmp_path / "logs" / "first.parquet")
    table = pq.read_table(exercise / "accounts.parquet")
    plan = table.schema.get_field_index("plan")
    table = table.set_column(plan, "plan", pa.array(["gold"] * table.num_rows))
    (tmp_path / "accounts").mkdir()
    pq.write_table(table, tmp_path / "accounts" / "all.parquet")
    pq.write_table(table.slice(0, 4), tmp_path / "accounts" / "some.parquet")
    told = stillwatch(
        *("scan", "--usage", tmp_path / "logs", "--out", tmp_path / "out"),
        *("--accounts", tmp_path / "accounts"),
    )
    assert told.returncode == 0, told.stderr
    assert "rejected of usage: 3 duplicate event_id" in told.stdout
    assert "rejected of accounts: 4 duplicate account_id" in told.stdout
    assert "values that could not be used: " in told.stdout
    assert "accounts.plan: " in told.stdout
    assert "warning" not in told.stdout


def test_what_was_judged_by_stands_in_the_summary(few, tmp_path):
    (tmp_path / "ours.yaml").write_text("prior: 0.02\nmin_exchanges: 60\n")
    (tmp_path / "beside.yaml").write_text("min_exchanges: 60\n")
    (tmp_path / "x.yaml").write_text(
        "- {exemption_id: x-1, organisation: Acme, author: anna, reason: told us, starts_at: 2020-01-01,\n"
        "   expires_at: 2020-06-01, template: 'a text of twelve words or more is what an exemption has to name here'}\n"
        "- {exemption_id: x-2, organisation: Nobody, author: anna, reason: told us, starts_at: 2026-02-01,\n"
        "   expires_at: 2026-12-01, template: 'a text of twelve words or more is what an exemption has to name here'}\n"
    )
    told = stillwatch(
        *("scan", "--usage", few, "--out", tmp_path / "out", "--prior", "0.03"),
        *("--settings", tmp_path / "ours.yaml", "--shadow", tmp_path / "beside.yaml"),
        *("--exemptions", tmp_path / "x.yaml"),
    )
    assert told.returncode == 0, told.stderr
    assert "settings: prior 0.03 (not 0.01), min_exchanges 60 (not 40)" in told.stdout
    assert "exemption x-1 by anna, until 2020-06-01T00:00:00+00:00: expired" in told.stdout
    assert "exemption x-2 by anna, until 2026-12-01T00:00:00+00:00: 0 accounts not accused" in told.stdout
    assert "warning: exemption x-2 covers nothing: no verified account declares Nobody" in told.stdout
    assert "warning: exemption x-1" not in told.stdout
    assert "shadow: No difference between the live settings and the shadow settings." in told.stdout
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert run["settings_changed"] == {"prior": 0.01, "min_exchanges": 40}
    assert run["inputs"]["settings"] == str(tmp_path / "ours.yaml")


def test_agreements_that_cover_nothing_are_named(few, tmp_path):
    """Those that are written so, one by one; those of others than these logs' together."""
    known = pq.read_table(few, columns=["account_id"])["account_id"][0].as_py()
    rows = ["a-1,,distillation,", *(f"b-{k},nobody-{k},distillation," for k in range(3))]
    rows += [f"c-{k},{known},distillation,no-such-model" for k in range(7)]
    (tmp_path / "agreements.csv").write_text("\n".join(["agreement_id,account_id,purpose,models", *rows]))
    told = stillwatch(
        "scan", "--usage", few, "--agreements", tmp_path / "agreements.csv", "--out", tmp_path / "out"
    )
    assert told.returncode == 0, told.stderr
    assert "agreement a-1 covers nothing: it names neither an account nor an organisation" in told.stdout
    assert "agreement c-0 covers nothing: these logs have no exchange with no-such-model" in told.stdout
    assert "3 more agreements cover nothing" in told.stdout
    assert "3 of 11 agreements name accounts or organisations that these logs do not have" in told.stdout
    assert len(json.loads((tmp_path / "out" / "run.json").read_text())["agreements"]) == 11


def test_a_table_of_agreements_without_rows_is_said(few, tmp_path):
    (tmp_path / "agreements.csv").write_text("agreement_id,account_id,purpose\n")
    told = stillwatch(
        "scan", "--usage", few, "--agreements", tmp_path / "agreements.csv", "--out", tmp_path / "out"
    )
    assert told.returncode == 0, told.stderr
    assert "no row of the table of agreements could be used" in told.stdout


def test_with_a_state_the_summary_says_what_is_new(few, scan_command, tmp_path):
    rows = pq.read_table(few)
    for number, part in enumerate((rows.slice(0, 300), rows.slice(200))):
        pq.write_table(part, tmp_path / f"{number}.parquet")
        told = scan_command(
            tmp_path / f"{number}.parquet",
            None,
            tmp_path / "out",
            f"--state={tmp_path / 'state'}",
            "--retain=900",
        )
    assert "400 exchanges of" in told.stdout
    assert "rejected of usage: 100 duplicate event_id" in told.stdout
    assert "state: 400 exchanges held, 300 before; groups: " in told.stdout
    assert "(900 days)" in told.stdout
