"""A scan with a state is killed at any moment, and done again as if nothing had been."""

import os
import signal
import subprocess
import sys
import time

import pyarrow.parquet as pq
import pytest

from stillwatch.records.errors import InputError


@pytest.fixture(scope="module")
def halves(little_rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("halves")
    half = little_rows.num_rows // 2
    for number in range(2):
        pq.write_table(little_rows.slice(number * half, half), folder / f"{number}.parquet")
    return folder


def command(half, tables, folder, settings):
    named = [f"--{n}={tables / n}.parquet" for n in ("accounts", "releases", "agreements")]
    return [
        *(sys.executable, "-m", "stillwatch", "scan", f"--usage={half}", *named, f"--key={folder / 'key'}"),
        *(f"--out={folder / 'out'}", f"--state={folder / 'state'}", f"--settings={settings}"),
    ]


@pytest.mark.parametrize("moments", [(0.35, 0.65, 0.9)])
def test_killed_at_any_moment_and_done_again(little, halves, run_scan, results, tmp_path, moments):
    (tmp_path / "key").write_bytes(bytes(16))
    (tmp_path / "quick.yaml").write_text("looks: 0\nprior: 0.2\nreference_draws: 40\n")
    run_scan(halves / "0.parquet", little, tmp_path / "out", tmp_path / "state")
    line = command(halves / "1.parquet", little, tmp_path, tmp_path / "quick.yaml")
    length = 3.5
    for moment in moments:
        with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as run:
            time.sleep(moment * length)
            run.send_signal(signal.SIGKILL)
    started = time.monotonic()
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert time.monotonic() - started < 60
    assert done.returncode == 0, done.stderr
    (tmp_path / "both").mkdir()
    for number in range(2):
        os.link(halves / f"{number}.parquet", tmp_path / "both" / f"{number}.parquet")
    run_scan(tmp_path / "both", little, tmp_path / "full")
    grown, full = results(tmp_path / "out"), results(tmp_path / "full")
    assert grown[:2] == full[:2]
    # A run that was killed after its end was written has counted, and its rows are repeats of themselves.
    assert grown[2]["rows"]["scanned"] == full[2]["rows"]["scanned"] == 5000
    assert not [
        p
        for p in (tmp_path / "out").iterdir()
        if p.name == "campaign_history.parquet" and not p.stat().st_size
    ]


def test_a_state_does_not_lie_among_logs_or_results(little, run_scan, tmp_path):
    for state, says in (
        (little / "usage" / "state", "among the logs"),
        (little / "usage", "among the logs"),
        (tmp_path / "out", "results would lie in the state"),
        (tmp_path, "results would lie in the state"),
    ):
        with pytest.raises(InputError, match=says):
            run_scan(little / "usage", little, tmp_path / "out", state)
    assert not (tmp_path / "out").exists()
