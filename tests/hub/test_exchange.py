"""The hub without HTTP, as its application and its commands use it, and what is left of it after SIGKILL."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stillwatch.hub.errors import Refused
from stillwatch.hub.exchange import Exchange
from stillwatch.hub.model import Query
from stillwatch.intelligence.rules import Rules
from stillwatch.intelligence.signed_rules import open_signed
from stillwatch.records.errors import InputError
from stillwatch.transparency.notes import Verifier


def test_what_is_posted_can_be_read_by_all(hub, anna, bert, parts):
    items = [parts.indicator() for _ in range(3)]
    status = anna.post(*items)
    assert (status.success_count, status.failure_count, status.total_count) == (3, 0, 3)
    page = hub.objects(bert.member, bert.collection, Query())
    assert [row.stix_id for row in page.rows] == [item["id"] for item in items]
    assert [row.seq for row in page.rows] == [1, 2, 3]
    assert hub.head() == 3
    assert hub.verify() is None


def test_what_member_add_prints(hub, anna):
    told = anna.credentials
    assert told.keys() == {"member_id", "basic", "oauth2", "hub"}
    assert told["basic"].keys() == {"username", "password"}
    assert told["oauth2"].keys() == {"client_id", "client_secret", "token_url"}
    assert told["hub"]["collection"] == hub.collections(anna.member)[0].id
    assert Verifier.parse(told["hub"]["log_key"]).name == hub.settings.origin
    key = Verifier.parse(told["hub"]["rules_key"])
    assert open_signed(hub.rules_envelope(), key).digest == hub.rules.digest == hub.me(anna.member)["rules"]
    json.dumps(told)


def test_the_forums_own_rules(hub, store, anna, parts):
    own = Rules.default().text.replace(b"k: 5", b"k: 7")
    hub.close()
    (store.folder / "rules.yaml").write_bytes(own)
    again = store.open()
    assert again.rules.k == 7
    assert again.new_epoch()["rules"] == again.rules.digest
    again.close()
    (store.folder / "rules.yaml").write_bytes(b"no rules")
    with pytest.raises(InputError):
        store.open()


def test_stats_and_readiness(hub, anna, parts):
    anna.post(parts.indicator(), parts.indicator())
    stats = hub.stats()
    assert (stats.head, stats.log_size, stats.members, stats.committed, stats.transactions) == (2, 3, 1, 2, 1)
    assert hub.ready() is None
    hub.close()
    assert "stopped" in hub.ready()
    with pytest.raises(Refused) as refused:
        anna.post(parts.indicator())
    assert refused.value.status == 503


CLIENT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
import parts
hub = parts.Exchange.open(Path(sys.argv[1]))
member = hub.member(sys.argv[2])
collection = hub.collections(member)[0].id
print("ready", flush=True)
while True:
    items = [parts.indicator() for _ in range(5)]
    status = hub.submit(member, collection, [parts.canonical(item) for item in items], None, 1)
    assert status.success_count == 5
    print(*(item["id"] for item in items), flush=True)
"""


def test_what_was_acknowledged_survives_sigkill_once(hub, store, anna, parts):
    draw = random.Random(7)
    here = str(Path(parts.__file__).parent)
    acknowledged = []
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", CLIENT, str(store.folder), anna.member.member_id, here],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout.readline() == "ready\n"
        time.sleep(draw.uniform(0.05, 0.4))
        process.send_signal(signal.SIGKILL)
        lines = process.stdout.read().split("\n")
        process.wait()
        # The last line may be cut off.
        acknowledged += [stix_id for line in lines[:-1] for stix_id in line.split()]
        stored = [row.stix_id for row in anna.all()]
        assert len(set(stored)) == len(stored)
        assert set(acknowledged) <= set(stored)
        assert [row.seq for row in anna.all()] == list(range(1, len(stored) + 1))
        assert hub.verify() is None
    assert len(acknowledged) > 100
    assert anna.post(parts.indicator()).success_count == 1


def test_exchange_can_be_left(tmp_path, parts):
    with Exchange.create(tmp_path / "hub", parts.URL) as hub:
        assert hub.head() == 0
    assert hub.ready() is not None
