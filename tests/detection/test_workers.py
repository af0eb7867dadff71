"""Work on copies of this process."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import MappingProxyType

import pytest

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
    assert own == (set(range(7)) if processes == 1 else set(range(min(first, 7))) or own)
    if processes > 1 and first < 6:
        assert {who for number, (_, who) in found.items() if number >= first}.isdisjoint({here})


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


def test_what_went_wrong_is_told_with_where():
    def work(number):
        if number == 3:
            raise ValueError("three is too much")
        return number

    with pytest.raises(WorkError, match="three is too much") as failed:
        dict(spread(work, 6, 2))
    assert "in work" in str(failed.value)


def test_a_copy_that_is_ended_from_outside_is_one_clear_line():
    def work(number):
        if number == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    with pytest.raises(InputError, match="ended from outside, with status -9; see that there is memory"):
        dict(spread(work, 6, 2))


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


SCRIPT = """
import os, sys, time
from stillwatch.detection.workers import spread
def work(number):
    if number < 2:
        print(os.getpid(), flush=True)
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
        copies = [int(process.stdout.readline()) for _ in range(2)]
        process.send_signal(ended_by)
        process.wait(20)
        said = process.stderr.read()
    assert said.count("Traceback") <= (ended_by == signal.SIGINT)
    until = time.monotonic() + 20
    while any(Path(f"/proc/{copy}").exists() for copy in copies) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{copy}").exists() for copy in copies)
