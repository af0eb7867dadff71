"""Options that commands share: times and sizes."""

from datetime import UTC, datetime, timedelta

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.cli.options import MOMENT, SIZE, Strict


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1)))
def test_a_time_without_zone_is_utc(moment):
    expected = (moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert MOMENT.convert(moment.isoformat(), None, None) == expected
    assert MOMENT.convert(moment.isoformat() + "Z", None, None) == expected


def test_a_zone_is_honoured():
    assert MOMENT.convert("2026-03-01T02:00:00+02:00", None, None) == MOMENT.convert("2026-03-01", None, None)


@pytest.mark.parametrize("text", ["yesterday", "", "2026-13-01", "12"])
def test_what_is_no_time_is_refused_with_the_form(text):
    with pytest.raises(click.BadParameter, match="is not a time; write it as 2026-03-01"):
        MOMENT.convert(text, None, None)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4GB", 4 * 10**9),
        ("2GiB", 2 << 30),
        ("512mb", 512 * 10**6),
        ("1.5 gib", 3 << 29),
        ("300000000", 3 * 10**8),
    ],
)
def test_sizes(text, size):
    assert SIZE.convert(text, None, None) == size


@pytest.mark.parametrize("text", ["", "much", "-4GB", "4XB", "10MB", "nan", "1e9"])
def test_what_is_no_size_or_too_small_is_refused(text):
    with pytest.raises(click.BadParameter, match="is not a size of at least 256MB"):
        SIZE.convert(text, None, None)


@click.command(cls=Strict)
@click.option("--one")
@click.option("--many", multiple=True)
@click.option("--flag", is_flag=True)
@click.option("--part", type=click.FloatRange(0, 1))
def command(one, many, flag, part):
    click.echo(f"{one} {many} {flag}")


@pytest.mark.parametrize(
    "arguments",
    [["--one", "a", "--one", "b"], ["--one=a", "--one=a"], ["--many", "x", "--one", "--one", "--one", "b"]],
)
def test_an_option_of_one_value_is_given_once(arguments):
    told = CliRunner().invoke(command, arguments)
    assert told.exit_code == 2
    assert "--one is given 2 times; give it once" in told.output


def test_options_of_many_values_and_values_that_look_like_options_are_no_repeats():
    told = CliRunner().invoke(command, ["--many", "a", "--many", "b", "--flag", "--flag", "--one", "--one"])
    assert told.output == "--one ('a', 'b') True\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--one", ""], "--one is empty; give a value, or leave it out"),
        (["--one="], "--one is empty"),
        (["--many", "a", "--many", ""], "--many is empty"),
        (["--part", "nan"], "--part is not a number"),
        (["--part", "-NaN"], "--part is not a number"),
        (["--part", "much"], "--part"),
    ],
)
def test_what_is_empty_or_no_number_is_refused(arguments, says):
    told = CliRunner().invoke(command, arguments)
    assert told.exit_code == 2
    assert says in told.output
