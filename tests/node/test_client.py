import json
import threading
import time
import uuid
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from stillwatch.intelligence import objects
from stillwatch.node.client import ATTEMPTS, MOST_ANSWER, Client, RefusedError, UnreachableError
from stillwatch.node.faults import OpenFaultError
from stillwatch.node.folder import CREDENTIALS, Folder, write_private
from stillwatch.node.node import FaultError
from stillwatch.node.publishing import handling, today
from stillwatch.records.errors import InputError


def test_a_member_asks_with_its_password(member):
    with Client(member) as client:
        assert client.json("GET", "/exchange/v1/me", dict)["member_id"] == member.member_id
        assert client.json("GET", "/exchange/v1/receipts", dict, after=0, limit=3)["receipts"] == []


def test_a_member_asks_with_a_token(member, forum, tmp_path):
    credentials = {k: v for k, v in member.credentials.items() if k != "basic"}
    folder = Folder.create(tmp_path / "other", forum.url, credentials)
    with Client(folder) as client:
        for _ in range(2):
            assert client.json("GET", "/exchange/v1/me", dict)["member_id"] == member.member_id


def test_what_the_hub_refuses_is_one_line_with_its_reason(member):
    with Client(member) as client, pytest.raises(RefusedError) as caught:
        client.ask(
            "GET", "/taxii2/api/collections/none/", headers={"Accept": "application/taxii+json;version=2.1"}
        )
    assert caught.value.status == 404
    assert "\n" not in str(caught.value)


def test_wrong_credentials_are_told(member):
    wrong = member.credentials
    wrong["basic"]["password"] = "wrong"
    write_private(member.path / CREDENTIALS, json.dumps(wrong))
    with Client(member) as client, pytest.raises(RefusedError, match="check the credentials"):
        client.ask("GET", "/exchange/v1/me")


def test_a_hub_that_is_away_is_asked_some_times(forum, tmp_path):
    folder = Folder.create(tmp_path / "node", "http://127.0.0.1:9", forum.member("early"))
    waits = []
    with Client(folder, waits.append) as client, pytest.raises(UnreachableError, match=r"127\.0\.0\.1:9"):
        client.ask("GET", "/exchange/v1/me")
    assert len(waits) == ATTEMPTS - 1
    with Client(folder) as client, pytest.raises(UnreachableError), client.stream("/stream", {}):
        pass


def test_a_stream_is_read_in_pieces(member):
    with (
        Client(member) as client,
        client.stream("/stream", {"Accept": "text/event-stream"}, after=0) as pieces,
    ):
        assert isinstance(next(pieces), bytes)


class Endless(BaseHTTPRequestHandler):
    """A hub whose answers do not end, or swell: as the server's `status`, `told`, `piece` and `pause_s` say."""

    def do_GET(self):
        self.send_response(self.server.status)
        for name, value in self.server.told.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(OSError):
            while True:
                self.wfile.write(self.server.piece)
                time.sleep(self.server.pause_s)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_):
        pass


@pytest.fixture
def endless(forum, tmp_path):
    """A server whose answers do not end, and a member's client for it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endless)
    server.daemon_threads = True
    server.status, server.told, server.piece, server.pause_s = 200, {}, b" " * 65536, 0.0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    folder = Folder.create(tmp_path / "node", url, forum.member(f"patient {uuid.uuid4()}"))
    with Client(folder, lambda seconds: None) as server.client:
        yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("status", [200, 404])
def test_an_answer_without_end_does_not_fill_the_memory(endless, status):
    endless.status = status
    with pytest.raises(InputError, match=f"longer than {MOST_ANSWER:,} bytes"):
        endless.client.ask("GET", "/exchange/v1/me")
    if status == 404:
        with pytest.raises(InputError, match="longer than"), endless.client.stream("/stream", {}):
            pass


def test_a_token_without_end_does_not_fill_the_memory(endless):
    endless.client._credentials = {
        name: value for name, value in endless.client._credentials.items() if name != "basic"
    }
    with pytest.raises(InputError, match="POST /oauth2/token"):
        endless.client.ask("GET", "/exchange/v1/me")


def test_an_answer_that_swells_is_not_unpacked(endless):
    endless.told = {"Content-Encoding": "gzip"}
    with pytest.raises(InputError, match="packed"):
        endless.client.ask("GET", "/exchange/v1/me")


def test_an_answer_that_drips_is_not_waited_for(endless, monkeypatch):
    endless.piece, endless.pause_s = b" ", 0.02
    monkeypatch.setattr("stillwatch.node.client.MOST_ANSWER_S", 0.3)
    with pytest.raises(UnreachableError, match="not whole"):
        endless.client.ask("GET", "/exchange/v1/me")


ANSWERS = {
    "null": b"null",
    "a list": b"[]",
    "an empty document": b"{}",
    "no UTF-8": b'{"a":"\xff"}',
    "deep": b"[" * 100_000,
    "other kinds": b'{"items":[{}],"receipts":7,"envelope":[],"certificate":"a","number":[],"status":{},"failures":9}',
}
PATHS = (
    "/exchange/v1/rules",
    "/exchange/v1/epoch",
    "/exchange/v1/pseudonyms",
    "/exchange/v1/receipts",
    "/exchange/v1/corroboration",
    "/exchange/v1/me",
    "/objects/",
    "/log/checkpoint",
    "/log/tile",
)


@pytest.fixture
def sighted(joined, indicator):
    """Something that a node has to ask about: an object, and that it was seen."""
    author = joined()
    item = indicator()
    author.say([item])
    author.say([objects.sighting(item["id"], handling(today()), count=3)])


@pytest.mark.parametrize("said", ANSWERS)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.usefixtures("sighted")
def test_whatever_the_hub_answers_is_told_in_one_line(path, said, between, joined, indicator):
    between.honest()
    old = joined(between.url)
    old.sync()
    new = joined(between.url)
    new.queue.add([indicator()])
    between.change(path, lambda where, raw: ANSWERS[said])
    told = []
    for work in (old.verify, old.sync, new.sync):
        try:
            done = work()
        except (InputError, UnreachableError, FaultError, OpenFaultError) as error:
            told.append(str(error))
        else:
            told += filter(None, [done.problem])
    between.honest()
    assert told
    assert not [line for line in told if "\n" in line or not line]
