"""The command `sketch`: what it writes, that scans of it judge as scans of texts do, and what it refuses."""

import json
import os
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from stillwatch.records.sketches import Key


def stillwatch(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "stillwatch", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.fixture(scope="module")
def keyfile(tmp_path_factory):
    path = tmp_path_factory.mktemp("key") / "sketch.key"
    path.write_bytes(bytes(range(16)))
    return path


@pytest.fixture(scope="module")
def sketches(exercise, keyfile, tmp_path_factory):
    """The small exercise's usage with sketches, made by the command."""
    out = tmp_path_factory.mktemp("sketches") / "out"
    told = stillwatch("sketch", "--usage", exercise / "usage", "--key", keyfile, "--out", out, "--json")
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout) == json.loads((out / "sketch.json").read_text())
    return out


def test_a_scan_of_sketches_finds_what_a_scan_of_texts_finds(
    exercise, sketches, keyfile, scanned, scan_command, tmp_path
):
    done = scan_command(sketches / "usage", exercise, tmp_path / "out", "--key", str(keyfile))
    assert done.exit_code == 0, done.output
    for name in ("campaigns", "members"):
        table = pq.read_table(tmp_path / "out" / f"{name}.parquet")
        assert table.num_rows
        assert table.equals(pq.read_table(scanned / f"{name}.parquet")), name
    assert "15,000 exchanges came with sketches in place of texts" in done.output
    assert "no exchange has an input_text" not in done.output
    assert (
        "No wording can be shown: the texts came as sketches."
        in (tmp_path / "out" / "report.html").read_text()
    )


def test_it_tells_what_it_wrote(few, keyfile, tmp_path):
    told = stillwatch("sketch", "--usage", few, "--key", keyfile, "--out", tmp_path / "out", "--threads", 1)
    assert told.returncode == 0, told.stderr
    assert "400 exchanges written with sketches in place of texts (0 rows rejected)" in told.stdout
    assert f"1 file in {tmp_path / 'out' / 'usage'}" in told.stdout
    assert f"the key is {Key(bytes(range(16))).id}" in told.stdout
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["sketch.json", "usage"]


def test_rejected_rows_are_kept_aside_and_the_log_may_have_any_form(few, keyfile, tmp_path):
    rows = [json.dumps(row, default=str) for row in pq.read_table(few).slice(0, 50).to_pylist()]
    (tmp_path / "a.jsonl").write_text("\n".join([*rows, '{"event_id": "bad"}']) + "\n")
    command = (
        "sketch",
        "--usage",
        tmp_path / "a.jsonl",
        "--key",
        keyfile,
        "--out",
        tmp_path / "out",
        "--json",
    )
    told = stillwatch(*command)
    run = json.loads(told.stdout)
    assert run["rows"] == {"read": 51, "rejected": 1, "skipped": {}, "written": 50}
    assert run["written"]["files"] == 1
    (kept,) = (tmp_path / "out" / "rejected" / "usage.jsonl").read_text().splitlines()
    assert json.loads(kept)["row"] == 51
    # What an earlier run left goes when it is run again.
    (tmp_path / "a.jsonl").write_text("\n".join(rows) + "\n")
    assert stillwatch(*command).returncode == 0
    assert not (tmp_path / "out" / "rejected").exists()


def test_sketches_under_another_key_are_refused_in_one_line(sketches, tmp_path):
    (tmp_path / "other").write_bytes(bytes(16))
    there, here = Key(bytes(range(16))).id, Key(bytes(16)).id
    for command in (
        ("sketch", "--usage", sketches / "usage", "--key", tmp_path / "other", "--out", tmp_path / "out"),
        ("scan", "--usage", sketches / "usage", "--key", tmp_path / "other", "--out", tmp_path / "out"),
    ):
        told = stillwatch(*command)
        assert told.returncode == 2
        assert told.stderr == (
            f"stillwatch: part-00000.parquet: its sketches stand under the key {there}, and this run's key is {here};"
            f" give the file of key {there} with --key\n"
        )
        assert not (tmp_path / "out").exists()


def test_a_replay_reads_sketches(sketches, keyfile, tmp_path):
    (tmp_path / "b.yaml").write_text("prior: 0.02\n")
    told = stillwatch(
        "replay", "--usage", sketches / "usage", "--key", keyfile, "--b", tmp_path / "b.yaml", "--json",
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["sketched"]["exchanges"] == 15_000


def test_what_lies_there_is_not_replaced(exercise, keyfile, few):
    told = stillwatch("sketch", "--usage", few, "--key", keyfile, "--out", exercise)
    assert told.returncode == 2
    assert "holds usage, and no sketch.json of an earlier run" in told.stderr
