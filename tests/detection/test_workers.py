"""Work on copies of this process."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import MappingProxyType

import numba
import pytest

from stillwatch.detection import workers
from stillwatch.detection.workers import WorkError, spread
from stillwatch.records.errors import InputError


@pytest.mark.parametrize("processes", [1, 2, 3, 50])
@pytest.mark.parametrize("first", [0, 2, 9])
def test_every_number_is_done_once(processes, first):
    here = os.getpid()
    large = list(range(1000))
    found = dict(spread(lambda n: (large[n] ** 2, os.getpid()), 7, processes, first=first))
    assert {number: square for number, (square, _) in found.items()} == {n: n * n for n in range(7)}
    own = {number for number, (_, who) in found.items() if who == here}
    alone = processes == 1 or first >= 6
    assert own == (set(range(7)) if alone else set(range(first)))


def test_where_forks_are_not_safe_there_are_none(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert {who for _, who in spread(lambda number: os.getpid(), 4, 2)} == {os.getpid()}


def test_with_nothing_to_do_nothing_is_done():
    assert list(spread(lambda n: n, 0, 2)) == []


def test_common_things_come_back_as_themselves_and_others_as_copies():
    common, other = {"large": "thing"}, {"small": "thing"}
    found = dict(spread(lambda n: (common, other, MappingProxyType({"n": n})), 3, 2, [common]))
    for number, (one, two, view) in found.items():
        assert one is common
        assert two == other
        assert two is not other
        assert view["n"] == number
        with pytest.raises(TypeError):
            view["n"] = 1


def test_a_spread_inside_another_stays_in_its_process():
    found = dict(spread(lambda n: [who for _, who in spread(lambda m: os.getpid(), 3, 2)], 2, 2))
    assert all(len(set(who)) == 1 for who in found.values())
    assert os.getpid() not in {who[0] for who in found.values()}


@pytest.mark.parametrize(("given", "each"), [(2, 1), (1, 1)])
def test_copies_share_the_threads_that_this_process_was_given(given, each):
    before = numba.get_num_threads()
    numba.set_num_threads(min(given, numba.config.NUMBA_NUM_THREADS))
    try:
        found = dict(spread(lambda number: numba.get_num_threads(), 4, 2))
        assert numba.get_num_threads() == min(given, numba.config.NUMBA_NUM_THREADS)
    finally:
        numba.set_num_threads(before)
    assert set(found.values()) == {each}


def test_what_went_wrong_is_told_with_where():
    def work(number):
        if number == 3:
            raise ValueError("three is too much")
        return number

    with pytest.raises(WorkError, match="three is too much") as failed:
        dict(spread(work, 6, 2))
    assert "in work" in str(failed.value)


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("error", [InputError("bad", where="here", mend="mend it"), MemoryError()])
def test_errors_that_the_command_line_tells_are_the_same_on_any_number_of_processes(processes, error):
    def work(number):
        raise error

    with pytest.raises(type(error)) as raised:
        dict(spread(work, 3, processes))
    assert str(raised.value) == str(error)
    assert vars(raised.value) == vars(error)


def test_what_cannot_be_sent_is_told():
    with pytest.raises(WorkError, match="pickle"):
        dict(spread(lambda number: lambda: number, 3, 2))
    with pytest.raises(WorkError, match="SystemExit"):
        dict(spread(lambda number: sys.exit(3), 3, 2))


ENDED = "groups: a process was ended from outside, with status -9; see that there is memory"


def kill_soon(seconds):
    threading.Timer(seconds, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()


def test_a_copy_that_is_ended_at_work_is_one_clear_line():
    def work(number):
        if number == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    with pytest.raises(InputError, match=ENDED):
        dict(spread(work, 6, 2))


def test_a_copy_that_is_ended_after_its_answer_is_the_same_line():
    def work(number):
        if number == 0:
            kill_soon(0.1)
        else:
            time.sleep(0.5)
        return number

    with pytest.raises(InputError, match=ENDED):
        for _ in spread(work, 6, 2):
            time.sleep(1)


def test_a_copy_that_is_ended_while_it_answers_is_the_same_line():
    def work(number):
        if number == 1:
            kill_soon(0.3)
            return bytes(200_000_000)
        return number

    with pytest.raises(InputError, match=ENDED):
        for _ in spread(work, 6, 2):
            time.sleep(1)


def test_a_signal_to_all_is_for_the_first_process_to_answer():
    def work(number):
        if number == 1:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGINT)
        return number

    assert sorted(number for number, _ in spread(work, 4, 2)) == [0, 1, 2, 3]


@pytest.mark.parametrize("given", [0, 1])
def test_where_processes_cannot_be_copied_those_that_there_are_do_it(monkeypatch, given):
    made, whole = [], workers._Copy.__init__

    def copy(self, *more):
        if len(made) >= given:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        made.append(self)
        whole(self, *more)

    monkeypatch.setattr(workers._Copy, "__init__", copy)
    found = dict(spread(lambda number: os.getpid(), 5, 3))
    assert (set(found.values()) == {os.getpid()}) is (given == 0)
    assert sorted(found) == list(range(5))


def test_who_stops_listening_leaves_no_copies_behind():
    copies = []
    for _, who in spread(lambda n: (time.sleep(0.01), os.getpid())[1], 1000, 2):
        copies.append(who)
        if len(copies) == 4:
            break
    # The generator is dropped here, and with it its copies.
    for who in set(copies):
        with pytest.raises(ProcessLookupError):
            os.kill(who, 0)


# Both copies write at once: print writes a line in two pieces where Python does not buffer.
SCRIPT = """
import os, signal, sys, time
from stillwatch.detection import workers
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by what runs behind nohup, and by its children
from stillwatch.detection.workers import spread
def work(number):
    if number < 2:
        os.write(1, b"%d\\n" % os.getpid())
    time.sleep(0.05)
    return number
for _ in spread(work, 100_000, 2):
    pass
"""


@pytest.mark.parametrize("ended_by", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_copies_end_with_the_process_that_they_are_copies_of(ended_by):
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            copies = [int(process.stdout.readline()) for _ in range(2)]
            process.send_signal(ended_by)
            process.wait(20)
        finally:
            process.kill()
        said = process.stderr.read()
    assert said.count("Traceback") <= (ended_by == signal.SIGINT)
    until = time.monotonic() + 20
    while any(Path(f"/proc/{copy}").exists() for copy in copies) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{copy}").exists() for copy in copies)
