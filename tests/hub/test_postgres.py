"""What only a server can do to a hub: go away, come back, be shared by processes."""

import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest

from stillwatch.hub.deciding import ENDS, OWNERS, WITHDRAWN
from stillwatch.hub.errors import Refused
from stillwatch.hub.exchange import Exchange
from stillwatch.hub.postgres import Postgres, shown, translated
from stillwatch.records.errors import InputError

POSTING = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[4])
import parts
with parts.Exchange.open(Path(sys.argv[1])) as hub:
    member = hub.member(sys.argv[2])
    collection = hub.collections(member)[0].id
    for _ in range(int(sys.argv[3])):
        raw = [parts.canonical(parts.indicator()) for _ in range(3)]
        assert hub.submit(member, collection, raw, None, 1).success_count == 3
"""


@pytest.fixture
def made(postgres, parts, tmp_path):
    """A hub on a server."""
    store = parts.Store(tmp_path / "hub", postgres.new_database())
    store.create()
    yield store
    store.end()


@pytest.mark.parametrize("statement", [OWNERS, ENDS, WITHDRAWN], ids=["owners", "ends", "withdrawn"])
def test_a_batch_reads_as_much_of_a_large_table_as_of_a_small_one(made, parts, statement):
    """Without statistics, as in an hour in which much is posted, it must not read all of the table for each batch."""
    hub = made.opened[0]
    anna = parts.Provider(hub, "anna")
    for _ in range(4):
        anna.post(*(parts.indicator() for _ in range(1000)))
    width = 2 if statement is OWNERS else 3
    marks = ", ".join(["(" + ", ".join("?" * width) + ")"] * 500)
    keys = [part for n in range(500) for part in ((n, f"x--{n}") if width == 2 else (n, 1, f"x--{n}"))]
    with hub.database.write() as tx:
        plan = "\n".join(line[0] for line in tx.query(f"EXPLAIN {statement.replace('(?)*', marks)}", keys))
    assert "Seq Scan" not in plan, plan
    assert "Index" in plan


def test_several_processes_share_one_hub(made, parts):
    hub = made.opened[0]
    anna, bert = parts.Provider(hub, "anna"), parts.Provider(hub, "bert")
    heads = []
    hub.wait(heads.append)
    here = str(Path(parts.__file__).parent)
    running = [
        subprocess.Popen([sys.executable, "-c", POSTING, made.folder, who.member.member_id, "15", here])
        for who in (anna, bert, anna)
    ]
    for _ in range(15):
        anna.post(parts.indicator())
    assert [process.wait(60) for process in running] == [0, 0, 0]
    rows = anna.all()
    assert [row.seq for row in rows] == list(range(1, 151))
    assert all(a.date_added < b.date_added for a, b in pairwise(rows))
    assert hub.verify() is None
    end = time.monotonic() + 10
    while heads[-1:] != [150]:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert heads == sorted(set(heads))


def test_a_notice_wakes_at_once(made, parts):
    hub, other = made.opened[0], made.open()
    anna = parts.Provider(hub, "anna")
    told = threading.Event()
    other.wait(lambda head: told.set())
    anna.post(parts.indicator())
    assert told.wait(5)
    waits = []
    for _ in range(5):
        told.clear()
        begin = time.monotonic()
        anna.post(parts.indicator())
        assert told.wait(5)
        waits.append(time.monotonic() - begin)
    # The slow look at the head comes once a second.
    assert min(waits) < 0.5


def test_a_server_that_was_away_is_found_again(postgres, made, parts):
    hub = made.opened[0]
    anna = parts.Provider(hub, "anna")
    heads = []
    hub.wait(heads.append)
    anna.post(parts.indicator())
    postgres.stop()
    try:
        for call in (hub.head, lambda: anna.post(parts.indicator()), hub.epoch):
            with pytest.raises(Refused) as refused:
                call()
            assert refused.value.status == 503
        assert hub.ready() is not None
    finally:
        postgres.start()
    end = time.monotonic() + 30
    while hub.ready() is not None:
        assert time.monotonic() < end
    assert anna.post(parts.indicator()).success_count == 1
    assert hub.verify() is None
    other = made.open()
    parts.Provider(other, "bert").post(parts.indicator())
    while heads[-1:] != [3]:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_connections_that_were_cut_are_made_anew(postgres, made, parts):
    import psycopg

    hub = made.opened[0]
    anna = parts.Provider(hub, "anna")
    for _ in range(3):
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'stillwatch hub%'"
            )
        assert hub.head() == len(anna.all())
        assert anna.post(parts.indicator()).success_count == 1


def test_what_the_server_was_told_wrongly_is_told_without_the_password(postgres):
    for url in (
        "postgresql://nobody:a-password@/nothing?host=/nowhere",
        f"postgresql://stillwatch:a-password@/nothing?host={postgres.folder}",
        "postgresql://u:a-password@127.0.0.1:1/x?what=ever",
        "http://u:a-password@host/x",
        "a-password",
    ):
        with pytest.raises(InputError) as error:
            Postgres(url)
        assert "a-password" not in str(error.value)
        assert "\n" not in str(error.value)


def test_urls_are_shown_without_passwords():
    assert shown("postgresql://me:a-password@db.example:5432/hub") == "postgresql://db.example/hub"
    assert "a-password" not in shown("host=x password=a-password dbname=y")


def test_dialect():
    assert (
        translated("SELECT a FROM b WHERE c = ? AND d LIKE 'x%'")
        == "SELECT a FROM b WHERE c = %s AND d LIKE 'x%%'"
    )
    made = translated("CREATE TABLE a (b INTEGER PRIMARY KEY, c TEXT NOT NULL, d BLOB)")
    assert made == 'CREATE TABLE a (b bigint PRIMARY KEY, c text COLLATE "C" NOT NULL, d bytea)'


def test_the_url_of_hub_json_is_used(made, parts):
    hub = made.opened[0]
    anna = parts.Provider(hub, "anna")
    anna.post(parts.indicator())
    assert (made.folder / "hub.json").stat().st_mode & 0o777 == 0o600
    with Exchange.open(made.folder) as again:
        assert again.database.kind == "postgresql"
        assert again.head() == 1


def test_a_process_that_stands_still_within_a_write_is_let_go(postgres, made, monkeypatch):
    monkeypatch.setattr("stillwatch.hub.postgres._IDLE_SECONDS", 1)
    still = made.open()
    other = made.open()
    with pytest.raises(Refused), still.database.write() as tx:
        begin = time.monotonic()
        with other.database.write():
            pass
        assert time.monotonic() - begin < 10
        tx.execute("UPDATE heads SET seq = 1")
    assert other.head() == 0
