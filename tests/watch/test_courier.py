"""Delivery: in order, until it is taken, and nobody waits for it."""

import time

import pytest

from stillwatch.watch import courier
from stillwatch.watch.courier import Courier, wait_before
from stillwatch.watch.sinks import Cursor
from stillwatch.watch.webhook import Webhook


@pytest.fixture
def deliver(receiver, tmp_path, monkeypatch):
    monkeypatch.setattr(courier, "FIRST_WAIT", 0.01)
    started, said = [], []

    def start(url=receiver.url):
        thread = Courier(Webhook(url, bytes(32)), Cursor(tmp_path / "told.json", "ab"), said.append)
        thread.start()
        started.append(thread)
        return thread

    start.said = said
    yield start
    for thread in started:
        thread.end()
        thread.join(10)
        assert not thread.is_alive()


def ids(receiver):
    return [{name.lower(): v for name, v in headers.items()}["webhook-id"][-1] for headers, _ in receiver.got]


def until(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_all_are_delivered_in_order_and_once(deliver, receiver, change):
    first = deliver()
    first.offer([change(2), change(1)])
    assert first.drain(10)
    first.offer([change(1), change(2), change(3)])
    assert first.drain(10)
    assert ids(receiver) == ["1", "2", "3"]
    first.end()
    first.join()
    again = deliver()
    again.offer([change(1), change(2), change(3), change(4)])
    assert again.drain(10)
    assert ids(receiver) == ["1", "2", "3", "4"], "a later start knows what was delivered"


def test_what_is_not_taken_is_sent_again_under_the_same_id(deliver, receiver, change):
    receiver.answers += [500, 429, 302]
    thread = deliver()
    thread.offer([change(1), change(2)])
    until(lambda: thread.waiting == 0)
    assert ids(receiver) == ["1", "1", "1", "1", "2"]
    assert len({body for _, body in receiver.got}) == 2
    assert len(deliver.said) == 2
    assert "does not take an event (status 500)" in deliver.said[0]


def test_a_receiver_that_is_down_holds_nobody_up(deliver, change):
    thread = deliver("http://127.0.0.1:9/")
    begin = time.monotonic()
    thread.offer([change(1)])
    assert time.monotonic() - begin < 1
    assert not thread.drain(10)
    assert thread.waiting == 1


def test_a_receiver_that_wants_no_more_gets_no_more(deliver, receiver, change):
    receiver.answers += [410]
    thread = deliver()
    thread.offer([change(1), change(2)])
    assert not thread.drain(10)
    time.sleep(0.1)
    assert ids(receiver) == ["1"]


def test_an_answer_that_is_no_http_does_not_end_the_thread(deliver, garbler, change):
    thread = deliver(garbler)
    thread.offer([change(1)])
    assert not thread.drain(10)
    assert thread.is_alive()
    assert thread.problem == "BadStatusLine"


def test_a_place_that_is_not_kept_does_not_end_the_thread(deliver, receiver, change, tmp_path):
    (tmp_path / "told.aside").mkdir()
    thread = deliver()
    thread.offer([change(1)])
    until(lambda: thread.problem == "is a directory")
    (tmp_path / "told.aside").rmdir()
    until(lambda: thread.waiting == 0)
    assert set(ids(receiver)) == {"1"}
    until(lambda: thread.problem is None)
    assert "is a directory" in deliver.said[0]


def test_new_events_do_not_wake_a_courier_that_waits(deliver, receiver, change, monkeypatch):
    monkeypatch.setattr(courier, "FIRST_WAIT", 60.0)
    receiver.answers += [500] * 20
    thread = deliver()
    thread.offer([change(1)])
    assert not thread.drain(10)
    for k in range(2, 8):
        thread.offer([change(n) for n in range(1, k)])
        time.sleep(0.02)
    assert ids(receiver) == ["1"]


def test_waits_grow_and_differ():
    assert [wait_before(n, lambda: 1.0) for n in (2, 3, 4)] == [1.0, 2.0, 4.0]
    assert wait_before(2, lambda: 0.0) == 0.5
    assert wait_before(99) <= courier.LONGEST_WAIT
