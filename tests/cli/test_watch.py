"""The command `watch` as a process: killed in the middle, started again, ended by a signal."""

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from stillwatch.cli.watch import watch
from stillwatch.records.errors import InputError

SECRET = bytes(range(32))


@pytest.fixture(scope="module")
def parts(exercise, tmp_path_factory):
    """The exercise's logs in two files."""
    folder = tmp_path_factory.mktemp("parts")
    usage = pq.read_table(exercise / "usage").sort_by("time")
    cut = 3 * usage.num_rows // 4
    pq.write_table(usage.slice(0, cut), folder / "1.parquet")
    pq.write_table(usage.slice(cut), folder / "2.parquet")
    return folder


@pytest.fixture
def receiver():
    """Takes webhooks: ids in the order in which they came."""
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            got.append(self.headers["webhook-id"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    server.got = got
    yield server
    server.shutdown()
    server.server_close()


def start(place, exercise, url, *more):
    (place / "secret").write_text("whsec_" + base64.b64encode(SECRET).decode())
    (place / "quick.yaml").write_text("looks: 0\nreference_draws: 40\n")
    tables = [f"--{n}={exercise / n}.parquet" for n in ("accounts", "releases", "agreements")]
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "stillwatch", "watch", f"--usage={place / 'logs'}", *tables),
            *(f"--state={place / 'state'}", f"--out={place / 'out'}", f"--settings={place / 'quick.yaml'}"),
            *(
                f"--events={place / 'events.jsonl'}",
                f"--webhook={url}",
                f"--webhook-secret={place / 'secret'}",
            ),
            *("--interval=0.3", *more),
        ],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "XDG_CONFIG_HOME": str(place / "config")},
    )


def lines(place):
    path = place / "events.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def files_read(place):
    path = place / "out" / "status.json"
    return json.loads(path.read_text())["files_read"] if path.exists() else 0


def until(condition, process, seconds=90):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.05)


def test_killed_in_the_middle_and_started_again_nothing_is_lost_or_told_twice(
    exercise, parts, receiver, tmp_path
):
    url = f"http://127.0.0.1:{receiver.server_address[1]}/"
    (tmp_path / "logs").mkdir()
    shutil.copy(parts / "1.parquet", tmp_path / "logs")
    first = start(tmp_path, exercise, url)
    # A new round's folder of files is there: it is in the middle of a scan.
    until(lambda: list((tmp_path / "state").glob("g000001/new*")), first)
    first.kill()
    first.communicate()
    second = start(tmp_path, exercise, url)
    until(lambda: len(lines(tmp_path)) > 0, second)
    shutil.copy(parts / "2.parquet", tmp_path / "logs" / ".2.parquet")
    (tmp_path / "logs" / ".2.parquet").rename(tmp_path / "logs" / "2.parquet")
    until(lambda: files_read(tmp_path) == 2, second)
    events = lines(tmp_path)
    until(lambda: len(receiver.got) >= len(events), second)
    second.send_signal(signal.SIGTERM)
    _, told = second.communicate(timeout=60)
    assert second.returncode == 0, told
    assert "lag" in told
    ids = [event["id"] for event in lines(tmp_path)]
    assert len(ids) == len(set(ids))
    assert receiver.got == ids
    assert {event["type"] for event in lines(tmp_path)} <= {
        f"campaign.{name}"
        for name in ("new", "grown", "shrunk", "merged", "split", "ended", "verdict_changed")
    }
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert run["rows"]["scanned"] == run["rows"]["read"] == 15_000
    accused = {row["campaign_id"] for row in pq.read_table(tmp_path / "out" / "campaigns.parquet").to_pylist()
               if row["verdict"] == "extraction"}  # fmt: skip
    assert accused <= {event["data"]["campaign_id"] for event in lines(tmp_path)}


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--usage=absent"], "only a folder can be followed"),
        (["--accounts=absent.parquet"], "absent.parquet: no such file or folder"),
        (["--agreements=absent-*.csv"], "no file fits this pattern"),
        (["--webhook=https://me:pw@x.example", "--webhook-secret=x"], "name or password"),
        (["--events=LOGS/events.jsonl"], "lies among the logs"),
        (
            ["--events=absent/events.jsonl"],
            "absent/events.jsonl: cannot write events there (there is no such folder)",
        ),
        (["--webhook=https://x.example"], "--webhook and --webhook-secret belong together"),
        (["--webhook-secret=x"], "--webhook and --webhook-secret belong together"),
        (["--webhook=http://x.example", "--webhook-secret=x"], "unencrypted"),
    ],
)
def test_mistakes_are_told_before_anything_is_made(tmp_path, more, says):
    (tmp_path / "logs").mkdir()
    given = [] if more[0].startswith("--usage") else [f"--usage={tmp_path / 'logs'}"]
    more = [option.replace("LOGS", str(tmp_path / "logs")) for option in more]
    line = [*given, *more, f"--state={tmp_path / 'state'}", f"--out={tmp_path / 'out'}", "--once"]
    ended = CliRunner().invoke(watch, line)
    assert isinstance(ended.exception, InputError)
    assert says in str(ended.exception)
    assert not (tmp_path / "state").exists()


def test_a_file_whose_name_is_not_utf_8_is_read_like_any_other(exercise, parts, tmp_path):
    logs = tmp_path / "logs"
    logs.mkdir()
    shutil.copy(parts / "2.parquet", os.fsencode(logs) + b"/caf\xe9.parquet")
    (logs / "broken.csv").write_text("a,b\n1,2\n")
    os.rename(logs / "broken.csv", os.fsencode(logs) + b"/broken\xe9.csv")  # noqa: PTH104
    (tmp_path / "quick.yaml").write_text("looks: 0\nreference_draws: 40\n")
    line = [f"--usage={logs}", f"--state={tmp_path / 'state'}", f"--out={tmp_path / 'out'}"]
    line += [f"--settings={tmp_path / 'quick.yaml'}", "--once"]
    for read, rounds in ((1, 1), (0, 1)):
        ended = CliRunner().invoke(watch, line)
        assert ended.exception is None, ended.exception
        status = json.loads((tmp_path / "out" / "status.json").read_text())
        assert (status["files_read"], status["rounds"], status["files_unreadable"]) == (read, rounds, 1)
        [(name, why)] = status["unreadable"].items()
        assert name == "bytes:broken%E9.csv"
        assert why.startswith(("no adapter fits: ", "file not readable: "))
        assert name in ended.stderr
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert run["rows"]["scanned"] == pq.read_metadata(parts / "2.parquet").num_rows
