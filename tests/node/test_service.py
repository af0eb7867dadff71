"""The node as a service: a process of its own, which tells how it stands and ends as it should."""

import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from stillwatch.node.following import Following
from stillwatch.node.service import LATE_S, Serving, Status, serve
from stillwatch.records.errors import InputError

LONGEST_S = 60.0


class Service:
    """`stillwatch node serve` on any free port."""

    def __init__(self, folder, out, log):
        self.out, self.log = out, log
        command = [sys.executable, "-m", "stillwatch", "node", "serve", "--port=0"]
        command += [f"--dir={folder}", f"--out={out}"]
        with log.open("w") as file:
            self.process = subprocess.Popen(command, stderr=file)
        self.url = f"http://127.0.0.1:{self.event('listening')['port']}"

    def events(self):
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def event(self, name):
        """The first event of this name, once it is there."""
        end = time.monotonic() + LONGEST_S
        while True:
            found = [event for event in self.events() if event["event"] == name]
            if found:
                return found[0]
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, name
            time.sleep(0.02)

    def get(self, path):
        return httpx.get(self.url + path, timeout=10)

    def ready(self):
        self.until(lambda: self.get("/readyz").status_code == 200)

    def until(self, holds):
        end = time.monotonic() + LONGEST_S
        while not holds():
            assert time.monotonic() < end, self.get("/status").text
            time.sleep(0.05)

    def metrics(self):
        families = text_string_to_metric_families(self.get("/metrics").text)
        return {sample.name: sample.value for family in families for sample in family.samples}


@contextmanager
def served(folder, tmp_path):
    made = Service(folder, tmp_path / "out", tmp_path / "log")
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.process.kill()
        made.process.wait(LONGEST_S)


def test_it_tells_how_it_stands_and_ends_gracefully(joined, indicator, tmp_path):
    node, author = joined(), joined()
    with served(node.folder.path, tmp_path) as service:
        assert service.get("/healthz").text == "alive\n"
        service.ready()
        # What another command queues is sent, and what others publish is written.
        with node.folder.working():
            numbers = node.queue.add([indicator()])
        author.say([item := indicator()])
        service.until(lambda: node.queue.states(numbers)[0]["state"] == "confirmed")
        service.until(
            lambda: any(item["id"] in path.read_text() for path in (tmp_path / "out").glob("bundle-*.json"))
        )
        status = service.get("/status").json()
        assert (status["connected"], status["fault"], status["waiting"]) == (True, None, 0)
        assert status["cursor"] == node.receiver.cursor
        assert status["log_size"] >= 3
        metrics = service.metrics()
        assert metrics["stillwatch_node_connected"] == 1
        assert metrics["stillwatch_node_fault"] == 0
        assert metrics["stillwatch_node_sent_total"] >= 1
        assert metrics["stillwatch_node_received_total"] >= 1
        assert metrics["stillwatch_node_cursor"] == node.receiver.cursor
        # It tells nothing of what it received, and no secret.
        told = service.get("/status").text + service.get("/metrics").text + service.log.read_text()
        assert item["id"] not in told
        assert node.folder.credentials["basic"]["password"] not in told
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(15) == 0
        names = [event["event"] for event in service.events()]
        assert names[0] == "listening"
        assert {"connected", "received", "stopping"} <= set(names)
        assert names[-1] == "stopped"
    assert node.verify().bad is None


def test_a_hub_that_goes_away_is_told_and_waited_for(forum, joined, indicator, tmp_path):
    node = joined()
    with served(node.folder.path, tmp_path) as service:
        service.ready()
        forum.stop()
        try:
            service.until(lambda: service.get("/readyz").status_code == 503)
            assert service.get("/readyz").text.startswith("not ready: ")
            assert service.get("/healthz").status_code == 200
            assert service.metrics()["stillwatch_node_connected"] == 0
            service.event("disconnected")
        finally:
            forum.start()
        service.ready()
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(15) == 0


def test_a_hub_at_fault_ends_it_with_status_5(between, victim, entries, other_log, tmp_path):
    with served(victim.folder.path, tmp_path) as service:
        service.ready()
        between.change("/log/", other_log(entries(), key=Ed25519PrivateKey.generate()))
        assert service.process.wait(LONGEST_S) == 5
        (fault,) = victim.faults.all()
        assert fault.kind == "key"
        last = service.log.read_text().splitlines()[-1]
        assert str(victim.folder.fault_file(fault.id)) in last
        (stopped,) = [event for event in service.events() if event["event"] == "stopped"]
        assert stopped["fault"]
    # Nor does it start again before somebody looked at it.
    command = [sys.executable, "-m", "stillwatch", "node", "serve", "--port=0", f"--dir={victim.folder.path}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    assert done.returncode == 5
    assert fault.id in done.stderr
    assert "Traceback" not in done.stderr


def test_what_a_user_can_mend_is_told_before_anything_is_done(tmp_path):
    with pytest.raises(InputError, match="no node here"):
        serve(Serving(tmp_path / "none", tmp_path / "out", port=0))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def standing(joined):
    """A node's pages without a process, and where it stands."""
    node = joined()
    following = Following(node)
    return Status(node, following), following.standing


@pytest.mark.parametrize(
    ("changes", "ready"),
    [
        ({}, False),
        ({"connected": True, "last_audit": 0.0}, True),
        ({"connected": True, "last_audit": 0.0, "fault": "forked"}, False),
        ({"connected": False, "last_audit": 0.0, "problem": "away"}, False),
        ({"connected": True, "last_audit": LATE_S + 1}, False),
    ],
)
def test_ready_is_connected_lately_checked_and_without_fault(standing, changes, ready):
    status, now = standing
    for name, value in changes.items():
        setattr(now, name, time.time() - value if name == "last_audit" else value)
    # In a thread of its own: tests in a browser leave a loop running in this one.
    with TestClient(status.app) as client:
        answer, metrics = client.get("/readyz"), client.get("/metrics")
    assert answer.status_code == (200 if ready else 503)
    for why in ("fault", "problem"):
        assert changes.get(why, "") in answer.text
    assert "stillwatch_node_fault" in metrics.text
