"""Progress is for a person who is looking."""

from stillwatch.cli.meter import Meter


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
