"""How soon is what one member publishes at twenty others, and what does a subscriber that stalls do to them?

    python benchmarks/hub_fanout.py [--nodes 20] [--objects 300] [--pause .2] [--burst 20000] [--database URL] [--seed 12301]

A real hub in a process of its own; a node that publishes, an object at a time, each in a signed batch; twenty nodes that
follow, each in a process of its own (`Following`, as `node serve` and `node sync --follow` run it). The time is that from
the call of `Node.publish` (queue, rules, signature, POST and all) to the moment at which the other node has verified the
author's signature and stored the object. All run on the machine's cores together.

Then a subscriber stalls: it opens the stream and reads nothing more. Another member posts a burst, larger than all buffers
between, and the same is measured again, meanwhile and afterwards. In the end the one that stalled reads on, from the last
id that it has, until it has everything: ids have no gap.

Writes benchmarks/results/hub_fanout.json (hub_fanout_postgresql.json with --database).
"""

import argparse
import http.client
import itertools
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from _common import write
from _exchange import Client, Hub, campaign, envelope, hub, indicator
from stillwatch.node.folder import Folder
from stillwatch.node.following import Following
from stillwatch.node.node import Node
from stillwatch.node.publishing import AUTHOR
from stillwatch.node.sse import Reader

BAR_MS = 100
Arrivals = dict[str, int]
"""Nanoseconds since 1970 at which an object was received, by its id."""


def follow(folder: Path, arrivals: Path) -> None:
    """Follow until standard input ends, and write a line for each object: when, and which."""
    with Node(folder) as node, arrivals.open("w", buffering=1) as out:

        def told(items: Any) -> None:
            now = time.time_ns()
            for item in items:
                if item.body is not None:
                    out.write(f"{now} {json.loads(item.body)['id']}\n")

        following = Following(node, told=told)
        thread = threading.Thread(target=following.run)
        thread.start()
        while not following.standing.connected:
            time.sleep(0.02)
        print("connected", flush=True)
        sys.stdin.read()
        following.stop()
        thread.join()


def read_arrivals(path: Path) -> Arrivals:
    """When each object came, by id."""
    lines = (line.split() for line in path.read_text().splitlines())
    return {name: int(when) for when, name in lines}


def publish(node: Node, objects: list[dict[str, Any]], pause: float) -> tuple[dict[str, int], list[float]]:
    """Publish one at a time; when each was begun (ns), and how long each call took (ms)."""
    begun, took = {}, []
    for item in objects:
        start = time.time_ns()
        begun[str(item["id"])] = start
        done = node.say([item])
        assert done.problem is None and not done.explained.refusals, (done.problem, done.explained.refusals)
        took.append((time.time_ns() - start) / 1e6)
        time.sleep(pause)
    return begun, took


def figures(begun: dict[str, int], files: list[Path], took: list[float]) -> dict[str, Any]:
    """Latencies in milliseconds over all objects and nodes, and what never came."""
    found, lost = [], 0
    for file in files:
        arrived = read_arrivals(file)
        for name, start in begun.items():
            if name in arrived:
                found.append((arrived[name] - start) / 1e6)
            else:
                lost += 1
    values = np.array(found)
    return {
        "deliveries": len(found),
        "lost": lost,
        "p50_ms": round(float(np.percentile(values, 50)), 2),
        "p99_ms": round(float(np.percentile(values, 99)), 2),
        "max_ms": round(float(values.max()), 2),
        "publish_p50_ms": round(float(np.percentile(took, 50)), 2),
    }


class Stalled:
    """A subscriber that reads the head of the stream and then nothing, until it is told to."""

    def __init__(self, served: Hub, client: Client) -> None:
        self._port, self._headers = served.port, client.headers
        self._answer = self._open(0)
        self._reader = Reader()
        self.ids: list[int] = []

    def _open(self, after: int) -> http.client.HTTPResponse:
        self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        headers = self._headers | {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        self._connection.request("GET", "/stream", headers=headers)
        return self._connection.getresponse()

    def catch_up(self, last: int) -> int:
        """Read on until the object with this number; how often the stream had to be opened anew."""
        again = 0
        end = time.monotonic() + 120
        while (not self.ids or self.ids[-1] < last) and time.monotonic() < end:
            try:
                piece = self._answer.read1(1 << 16)
            except (OSError, http.client.HTTPException):
                piece = b""
            if not piece:
                again += 1
                self._connection.close()
                self._answer, self._reader = self._open(self.ids[-1] if self.ids else 0), Reader()
            self.ids.extend(int(event.id) for event in self._reader.feed(piece))
        self._connection.close()
        return again


def run(served: Hub, asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    draw = random.Random(asked.seed)
    url = f"http://127.0.0.1:{served.port}"

    def made(count: int) -> list[dict[str, Any]]:
        return [campaign(draw) | {"created_by_ref": AUTHOR} for _ in range(count)]

    def folder_of(name: str) -> Path:
        Folder.create(folder / name, url, served.add(name))
        return folder / name

    names = [f"node {number}" for number in range(asked.nodes)]
    files = [folder / f"{name}.arrivals" for name in names]
    children = [
        subprocess.Popen(
            [sys.executable, __file__, "--follow", str(folder_of(name)), str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name, file in zip(names, files, strict=True)
    ]
    try:
        for child in children:
            assert child.stdout is not None and child.stdout.readline() == "connected\n"
        with Node(folder_of("publisher")) as node:
            publish(node, made(5), 0.2)
            quiet = publish(node, made(asked.objects), asked.pause)
            stalled = Stalled(served, Client(served.port, served.add("stalled")))
            # A burst by another member, while the same goes on.
            bulk = Client(served.port, served.add("bulk"))
            burst = threading.Thread(
                target=lambda: [
                    bulk.post(envelope([indicator(draw) for _ in range(500)]))
                    for _ in range(asked.burst // 500)
                ]
            )
            burst.start()
            during = publish(node, made(asked.objects // 4), asked.pause)
            burst.join()
            time.sleep(5)
            after = publish(node, made(asked.objects), asked.pause)
            time.sleep(2)
            node.sync()
            last = node.receiver.cursor
        again = stalled.catch_up(last)
    finally:
        for child in children:
            assert child.stdin is not None
            child.stdin.close()
        for child in children:
            child.wait(60)
    gaps = [n for n, (one, other) in enumerate(itertools.pairwise(stalled.ids)) if other != one + 1]
    return {
        "nodes": asked.nodes,
        "store": "postgresql" if asked.database else "sqlite",
        "quiet": figures(quiet[0], files, quiet[1]),
        "during_a_burst": figures(during[0], files, during[1]),
        "beside_a_stalled_subscriber": figures(after[0], files, after[1]),
        "stalled": {
            "objects": len(stalled.ids),
            "first": stalled.ids[0],
            "last": stalled.ids[-1],
            "expected_last": last,
            "gaps": len(gaps),
            "opened_anew": again,
        },
    }


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--nodes", type=int, default=20)
    options.add_argument("--objects", type=int, default=300)
    options.add_argument("--pause", type=float, default=0.2)
    options.add_argument("--burst", type=int, default=20_000)
    options.add_argument("--database")
    options.add_argument("--seed", type=int, default=12301)
    options.add_argument("--follow", nargs=2, metavar=("DIR", "FILE"), help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.follow:
        follow(Path(asked.follow[0]), Path(asked.follow[1]))
        return
    with hub(asked.database) as served, tempfile.TemporaryDirectory() as folder:
        found = run(served, asked, Path(folder))
    print(json.dumps(found, indent=1))
    write("hub_fanout" + ("_postgresql" if asked.database else ""), found)
    worst = max(found[part]["p99_ms"] for part in ("quiet", "beside_a_stalled_subscriber"))
    print(f"p99 {worst} ms, bar {BAR_MS} ms; stalled: {found['stalled']}")


if __name__ == "__main__":
    main()
