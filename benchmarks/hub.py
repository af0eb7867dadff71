"""How many objects a second does one hub take and give, beside the least that taking them could cost?

    python benchmarks/hub.py [--objects 100000] [--held 1000000] [--database URL]

One hub process, all checks, batch signatures and the transparency log on; clients are another process on the same
machine.

- POST: signed batches of 500 objects (campaigns, template indicators and plain indicators in equal parts), from four
  connections, durable when answered; beside a bare loop in this process: parse the same bodies (msgspec), verify one
  Ed25519 signature a body, insert id, version and bytes into a table of SQLite with its primary key and an index on the
  time, commit each body (the same WAL and `synchronous=FULL`). The two run in turn, three times; figures are medians.
- GET: all of it by pages of 1,000, following `next`.
- An idle poll: `added_after` the last object, when `--held` objects are there (0: not measured); also the first page there.

Writes benchmarks/results/hub.json (hub_postgresql.json with --database, an empty PostgreSQL database).
"""

import argparse
import json
import random
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from _common import write
from _exchange import Client, Hub, Signer, hub, mixed

BATCH, ROUNDS, CONNECTIONS = 500, 3, 4


class Envelope(msgspec.Struct):
    """A page, its objects left as they are."""

    objects: list[msgspec.Raw] = []
    more: bool = False
    next: str | None = None


def bare(bodies: Sequence[bytes], signed: Sequence[bytes], key: Ed25519PublicKey) -> float:
    """Seconds to parse, verify and insert."""
    with tempfile.TemporaryDirectory() as folder:
        table = sqlite3.connect(Path(folder) / "bare.sqlite", isolation_level=None)
        table.execute("PRAGMA journal_mode=WAL")
        table.execute("PRAGMA synchronous=FULL")
        table.execute(
            "CREATE TABLE o (id TEXT, version TEXT, added INTEGER, body BLOB, PRIMARY KEY (id, version))"
        )
        table.execute("CREATE INDEX i ON o (added)")
        added = time.time_ns() // 1000
        begin = time.perf_counter()
        for body, signature in zip(bodies, signed, strict=True):
            objects = msgspec.json.decode(body)["objects"]
            key.verify(signature, body)
            rows = [
                (o["id"], o["modified"], added + n, msgspec.json.encode(o)) for n, o in enumerate(objects)
            ]
            added += len(rows)
            table.execute("BEGIN")
            table.executemany("INSERT INTO o VALUES (?, ?, ?, ?)", rows)
            table.execute("COMMIT")
        seconds = time.perf_counter() - begin
        table.close()
    return seconds


def post_all(port: int, credentials: dict[str, Any], bodies: Sequence[bytes], out: Any) -> None:
    """Post all bodies over a few connections; the seconds that it took. Fails when an object is refused."""
    todo: Iterator[bytes] = iter(bodies)
    guard = threading.Lock()
    refused: list[object] = []

    def work(client: Client) -> None:
        while True:
            with guard:
                body = next(todo, None)
            if body is None:
                return
            status = client.post(body)
            if status["failure_count"]:
                refused.append(status["failures"][0])

    clients = [Client(port, credentials) for _ in range(CONNECTIONS)]
    for client in clients:
        assert client.objects
    threads = [threading.Thread(target=work, args=(client,)) for client in clients]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - begin
    assert not refused, refused[0]
    out.put(seconds)


def get_all(port: int, credentials: dict[str, Any], out: Any) -> None:
    """Page through everything; (objects, seconds)."""
    client = Client(port, credentials)
    decoder = msgspec.json.Decoder(Envelope)
    path, query, count = client.objects, "?limit=1000", 0
    begin = time.perf_counter()
    while True:
        status, body = client.call("GET", path + query)
        assert status == 200, body[:300]
        page = decoder.decode(body)
        count += len(page.objects)
        if not page.more:
            break
        query = f"?limit=1000&next={page.next}"
    out.put((count, time.perf_counter() - begin))


def elsewhere(target: Any, *arguments: object) -> Any:
    """What a function puts out that runs in a process of its own."""
    context = get_context("spawn")
    out = context.Queue()
    process = context.Process(target=target, args=(*arguments, out))
    process.start()
    found = out.get()
    process.join()
    return found


def polls(client: Client, path: str, times: int = 50) -> dict[str, float]:
    """Milliseconds of a request, asked again and again."""
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        status, body = client.call("GET", path)
        taken.append(1000 * (time.perf_counter() - begin))
        assert status == 200, body[:300]
    return {"median_ms": round(statistics.median(taken), 2), "most_ms": round(max(taken), 2)}


def fill(served: Hub, signer: Signer, draw: random.Random, objects: int) -> None:
    """Post more objects, made in parts, so that not all of them have to be held here."""
    part = 50_000
    for begin in range(0, objects, part):
        bodies = signer.bodies(mixed(draw, min(part, objects - begin)), BATCH)
        elsewhere(post_all, served.port, signer.credentials, bodies)
        print(f"{begin + part:,} of {objects:,} posted", flush=True)


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--objects", type=int, default=100_000)
    options.add_argument("--held", type=int, default=1_000_000)
    options.add_argument("--database")
    options.add_argument("--seed", type=int, default=12201)
    asked = options.parse_args()
    draw = random.Random(asked.seed)
    key = Ed25519PrivateKey.generate()
    report: dict[str, Any] = {
        "objects": asked.objects,
        "database": "PostgreSQL" if asked.database else "SQLite",
        "batch": BATCH,
        "rounds": [],
    }
    with hub(asked.database) as served:
        signer = Signer(served.port, served.add("one"))
        elsewhere(post_all, served.port, signer.credentials, signer.bodies(mixed(draw, 5000), BATCH))
        for _ in range(ROUNDS):
            bodies = signer.bodies(mixed(draw, asked.objects), BATCH)
            signed = [key.sign(body) for body in bodies]
            floor = bare(bodies, signed, key.public_key())
            taken = elsewhere(post_all, served.port, signer.credentials, bodies)
            round_ = {
                "bytes_an_object": round(sum(map(len, bodies)) / asked.objects),
                "bare_per_s": round(asked.objects / floor),
                "post_per_s": round(asked.objects / taken),
                "share": round(floor / taken, 3),
            }
            report["rounds"].append(round_)
            print(json.dumps(round_), flush=True)
        report["post_share_of_bare"] = statistics.median(r["share"] for r in report["rounds"])
        count, seconds = elsewhere(get_all, served.port, signer.credentials)
        report["get"] = {"objects": count, "per_s": round(count / seconds)}
        print(json.dumps(report["get"]), flush=True)
        if asked.held > count:
            fill(served, signer, draw, asked.held - count)
        client = Client(served.port, signer.credentials)
        report["held"] = max(asked.held, count)
        last = client.date_of(report["held"])
        report["idle_poll"] = polls(client, f"{client.objects}?added_after={last}")
        report["first_page_of_1000"] = polls(client, f"{client.objects}?limit=1000")
        client.close()
    for name in ("post_share_of_bare", "get", "held", "idle_poll", "first_page_of_1000"):
        print(f"{name}: {report[name]}")
    write("hub" + ("_postgresql" if asked.database else ""), report)


if __name__ == "__main__":
    main()
