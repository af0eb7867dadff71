"""A node as a service, in a process of its own."""

import json
import signal
import subprocess
import sys
import time

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from stillwatch.node.folder import Folder
from stillwatch.node.node import Node
from stillwatch.transparency.follower import ROLLBACK, LogFaultError

LONGEST_S = 30


class Service:
    def __init__(self, folder, out):
        self.log = folder.path.parent / "node.log"
        command = [sys.executable, "-m", "stillwatch", "node", "serve", "--dir", str(folder.path)]
        command += ["--out", str(out), "--port", "0"]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, stderr=log, stdout=log)

    def events(self):
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def until(self, what):
        end = time.monotonic() + LONGEST_S
        while not (found := what()):
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.05)
        return found

    def get(self, path):
        (said,) = self.until(lambda: [e for e in self.events() if e.get("event") == "listening"])
        return httpx.get(f"http://127.0.0.1:{said['port']}{path}", trust_env=False)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(LONGEST_S)


@pytest.fixture
def serve(tmp_path):
    made = []

    def start(folder):
        made.append(Service(folder, tmp_path / "out"))
        return made[-1]

    yield start
    for each in made:
        each.stop()


def test_it_follows_and_tells_how_it_stands(serve, member, open_node, indicator, tmp_path):
    service = serve(member)
    assert service.get("/healthz").status_code == 200
    service.until(lambda: service.get("/readyz").status_code == 200)
    author = open_node()
    item = indicator("192.0.2.55")
    assert not author.say([item]).problem
    service.until(
        lambda: any(item["id"] in file.read_text() for file in (tmp_path / "out").glob("bundle-*.json"))
    )
    said = service.get("/status").json()
    assert (said["connected"], said["fault"], said["waiting"], said["refused_in_all"]) == (True, None, 0, 0)
    assert said["received"] >= 1
    assert said["cursor"] >= 1
    page = service.get("/metrics").text
    values = {
        sample.name: sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }
    assert values["stillwatch_node_connected"] == 1
    assert values["stillwatch_node_fault"] == 0
    assert values["stillwatch_node_received_total"] >= 1
    # It tells of itself, and never what it received or who it is.
    told = page + json.dumps(said) + service.log.read_text()
    for secret in (item["id"], "192.0.2.55", member.credentials["basic"]["password"]):
        assert secret not in told
    assert service.stop() == 0
    assert [event["event"] for event in service.events()][-1] == "stopped"


def test_it_is_not_ready_without_its_hub(serve, forum, tmp_path):
    folder = Folder.create(tmp_path / "node", "http://127.0.0.1:9", forum.member("not ready"))
    service = serve(folder)
    assert service.get("/healthz").status_code == 200
    answer = service.get("/readyz")
    assert answer.status_code == 503
    assert answer.text.startswith("not ready")
    assert service.stop() == 0


def test_a_fault_ends_it_with_a_status_of_its_own(serve, member):
    service = serve(member)
    service.until(lambda: service.get("/readyz").status_code == 200)
    with Node(member.path) as node:
        node.faults.record(LogFaultError(ROLLBACK, "the log became shorter", {}))
    assert service.process.wait(LONGEST_S) == 5
    (last,) = [event for event in service.events() if event["event"] == "stopped"]
    assert "the log became shorter" in last["fault"]
    # And it does not begin before a person has looked.
    again = serve(member)
    assert again.process.wait(LONGEST_S) == 5
    assert "faults clear" in again.log.read_text()


def test_a_port_that_is_taken_is_one_clear_line(serve, member, tmp_path, forum):
    command = [sys.executable, "-m", "stillwatch", "node", "serve", "--dir", str(member.path)]
    done = subprocess.run(
        [*command, "--port", str(forum.port)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert str(forum.port) in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
