"""Things made before they are asked for are the same things, and nobody goes on making them for nothing."""

import threading
import time

import pytest

from stillwatch.engines.ahead import ahead


def made(count, log=None, fails_at=None):
    for number in range(count):
        if number == fails_at:
            raise ValueError("no more")
        if log is not None:
            log.append(number)
        yield number


def running():
    return [thread for thread in threading.enumerate() if thread.name == "ahead"]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 50])
@pytest.mark.parametrize("most", [1, 2, 7])
def test_all_come_in_order(count, most):
    assert list(ahead(made(count), most)) == list(range(count))
    assert not running()


def test_they_are_made_while_one_is_worked_on_and_no_more_than_may_wait():
    log = []
    things = ahead(made(50, log), 2)
    assert next(things) == 0
    until = time.monotonic() + 10
    while len(log) < 4 and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.1)
    # One is worked on, two wait, and one is about to.
    assert log == [0, 1, 2, 3]
    assert list(things) == list(range(1, 50))


def test_an_error_comes_where_it_would_have():
    seen = []
    with pytest.raises(ValueError, match="no more"):
        seen.extend(ahead(made(9, fails_at=5), 2))
    assert seen == [0, 1, 2, 3, 4]
    assert not running()


def test_who_stops_asking_stops_the_thread():
    log = []
    things = ahead(made(10_000, log), 2)
    assert next(things) == 0
    things.close()
    assert not running()
    assert len(log) < 10
