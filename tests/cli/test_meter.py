"""Progress is for a person who is looking."""

import pytest

from stillwatch.cli import meter as module
from stillwatch.cli.meter import Meter, in_words


def test_nobody_looking_nothing_is_shown(capsys):
    meter = Meter()
    meter("intake", 5)
    meter.clear()
    assert capsys.readouterr().err == ""


def test_the_stage_and_its_rows(capsys):
    meter = Meter()
    meter.live = True
    meter("intake", 0)
    meter("intake", 12_000)
    meter.clear()
    # Without a terminal click takes away the code that wipes the rest of the line.
    assert capsys.readouterr().err == "\rintake\rintake: 12,000 rows\r"


def test_how_long_a_stage_will_take_once_that_can_be_told(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    meter = Meter()
    meter.live = True
    meter("groups", 0)
    meter("groups", 5, 0.1, "groups")
    now[0] += 20
    meter("groups", 10, 0.2, "groups")
    meter("groups", 50, 1.0, "groups")
    meter("onset", 1, None, "looks at the past")
    assert capsys.readouterr().err.split("\r") == [
        "",
        "groups",
        "groups: 5 groups, 10%",
        "groups: 10 groups, 20%, 20 s, about 80 s left",
        "groups: 50 groups, 100%",
        "onset: 1 looks at the past",
    ]


@pytest.mark.parametrize(("seconds", "told"), [(59.6, "60 s"), (125, "2 min"), (7200, "2.0 h")])
def test_times_in_words(seconds, told):
    assert in_words(seconds) == told
