"""Does a hub that is killed while it works keep every object that it acknowledged, once, and a log without faults?

    python benchmarks/hub_kill.py [--kills 50] [--writers 3] [--database URL] [--seed 12101]

Members post batches of 1 to 200 objects without pause, sending again what got no answer; a follower reads the stream
and goes on after the last id that it saw. The hub's process is killed (SIGKILL) at random moments and started again. In
the end:

- every object whose POST was acknowledged is in the collection once, and every object is there in one version;
- ids of the stream as it was followed through all kills are 1, 2, 3 ... without a gap or a repeat;
- times of receipt are strictly increasing;
- `hub verify` finds the whole log right.

Writes benchmarks/results/hub_kill.json. Ends with an error where one of these fails.
"""

import argparse
import http.client
import itertools
import json
import random
import threading
import time

from _common import write
from _exchange import Client, Hub, envelope, hub, indicator, run

LOST = (OSError, http.client.HTTPException)


class Writer(threading.Thread):
    """A member that posts without pause; what was acknowledged, and what was sent again because no answer came."""

    def __init__(self, served: Hub, credentials: dict[str, object], seed: int) -> None:
        super().__init__(daemon=True)
        self._hub, self._credentials, self._draw = served, credentials, random.Random(seed)
        self.acknowledged: set[str] = set()
        self.again = 0
        self.ending = threading.Event()

    def run(self) -> None:
        """Post until told to end."""
        client: Client | None = None
        while not self.ending.is_set():
            made = [indicator(self._draw) for _ in range(self._draw.choice((1, 5, 50, 200)))]
            while True:
                try:
                    client = client or Client(self._hub.port, self._credentials)
                    status = client.post(envelope(made))
                except LOST:
                    client = None
                    self.again += 1
                    time.sleep(0.05)
                    continue
                assert status["failure_count"] == 0, status
                self.acknowledged.update(str(item["id"]) for item in made)
                break


class Follower(threading.Thread):
    """A reader of the stream that goes on after the last id that it saw."""

    def __init__(self, served: Hub, credentials: dict[str, object]) -> None:
        super().__init__(daemon=True)
        self._hub, self._credentials = served, credentials
        self.seen: list[int] = []
        self.resumed = 0

    def run(self) -> None:
        """Read without end."""
        while True:
            try:
                self._read()
            except LOST:
                time.sleep(0.05)
            self.resumed += 1

    def _read(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._hub.port, timeout=60)
        headers = dict(Client(self._hub.port, self._credentials).headers)
        headers |= {"Accept": "text/event-stream", "Last-Event-ID": str(self.seen[-1] if self.seen else 0)}
        connection.request("GET", "/stream", headers=headers)
        answer = connection.getresponse()
        if answer.status != 200:
            raise OSError(answer.status)
        number = None
        while line := answer.readline():
            if line.startswith(b"id:"):
                number = int(line[3:])
            elif line.startswith(b"data:"):
                json.loads(line[5:])
            elif line == b"\n" and number is not None:
                self.seen.append(number)
                number = None


def everything(client: Client) -> list[tuple[str, str, str]]:
    """(id, version, date_added) of all that the collection holds, by pages of the manifest."""
    found, query = [], "?limit=1000&match%5Bversion%5D=all"
    path = client.objects.replace("/objects/", "/manifest/")
    more = True
    while more:
        page = client.get(path + query)
        found += [(o["id"], o["version"], o["date_added"]) for o in page.get("objects", ())]
        more = page.get("more", False)
        query = f"?limit=1000&next={page.get('next')}"
    return found


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--kills", type=int, default=50)
    options.add_argument("--writers", type=int, default=3)
    options.add_argument("--database")
    options.add_argument("--seed", type=int, default=12101)
    asked = options.parse_args()
    draw = random.Random(asked.seed)
    with hub(asked.database) as served:
        members = [served.add(f"member {n}") for n in range(asked.writers + 1)]
        writers = [Writer(served, m, asked.seed + n) for n, m in enumerate(members[1:], 1)]
        follower = Follower(served, members[0])
        for thread in (*writers, follower):
            thread.start()
        down = []
        for number in range(asked.kills):
            time.sleep(draw.uniform(0.05, 2.0))
            served.kill()
            begin = time.perf_counter()
            served.start()
            down.append(time.perf_counter() - begin)
            print(
                f"kill {number + 1}: {sum(len(w.acknowledged) for w in writers):,} acknowledged", flush=True
            )
        time.sleep(1)
        for writer in writers:
            writer.ending.set()
        for writer in writers:
            writer.join(60)
        client = Client(served.port, members[0])
        held = everything(client)
        acknowledged = set().union(*(w.acknowledged for w in writers))
        ids = [name for name, _, _ in held]
        dates = [date for _, _, date in held]
        until = time.monotonic() + 60
        while len(follower.seen) < len(held) and time.monotonic() < until:
            time.sleep(0.1)
        seen = list(follower.seen)
        client.close()
        served.stop()
        verified = run("hub", "verify", f"--dir={served.folder}")
    wanted = list(range(1, len(held) + 1))
    report = {
        "kills": asked.kills,
        "database": "PostgreSQL" if asked.database else "SQLite",
        "acknowledged": len(acknowledged),
        "held": len(held),
        "acknowledged_and_absent": len(acknowledged - set(ids)),
        "held_twice": len(ids) - len(set(ids)),
        "stream_without_gap_or_repeat": seen == wanted,
        "stream_resumed": follower.resumed,
        "dates_strictly_increasing": all(a < b for a, b in itertools.pairwise(dates)),
        "sent_again": sum(w.again for w in writers),
        "log": verified.strip(),
        "seconds_to_serve_again": {"median": sorted(down)[len(down) // 2], "most": max(down)},
    }
    for name, value in report.items():
        print(f"{name}: {value}")
    write("hub_kill" + ("_postgresql" if asked.database else ""), report)
    kept = not report["acknowledged_and_absent"] and not report["held_twice"]
    if not (kept and report["stream_without_gap_or_repeat"] and report["dates_strictly_increasing"]):
        raise SystemExit("something was lost, held twice or out of order")


if __name__ == "__main__":
    main()
