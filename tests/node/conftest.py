"""Nodes beside a real hub, which runs as a process of its own."""

import json
import signal
import sqlite3
import subprocess
import sys

import pytest

from stillwatch.node.folder import Folder


def hub_command(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "stillwatch", "hub", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


class Forum:
    """A hub that can be stopped and started again on its port."""

    def __init__(self, folder):
        self.folder, self.port, self.process = folder, 0, None
        hub_command("init", "--dir", folder)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        command = [
            sys.executable,
            "-m",
            "stillwatch",
            "hub",
            "serve",
            f"--dir={self.folder}",
            f"--port={self.port}",
        ]
        self.log = self.folder.parent / "hub.log"
        with self.log.open("w") as out:
            self.process = subprocess.Popen(command, stderr=out)
        while True:
            for line in self.log.read_text().splitlines():
                if '"listening"' in line:
                    self.port = json.loads(line)["port"]
                    return
            assert self.process.poll() is None, self.log.read_text()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)

    def database(self):
        """Its rows, for somebody who has the disk."""
        return sqlite3.connect(self.folder / "hub.sqlite")

    def member(self, name):
        return json.loads(hub_command("member", "add", "--dir", self.folder, name))


@pytest.fixture(scope="module")
def forum(tmp_path_factory):
    made = Forum(tmp_path_factory.mktemp("forum") / "hub")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def member(forum, tmp_path, request):
    """The folder of a new member's node."""
    credentials = forum.member(request.node.name[:40])
    return Folder.create(tmp_path / "node", forum.url, credentials)
