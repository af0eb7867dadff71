"""Reading and turning knobs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.drill.campaigns.knobs import Knobs
from stillwatch.drill.knobs import check, parse, turn
from stillwatch.records.errors import InputError


def test_a_class_knob_wins_over_a_common_one() -> None:
    settings = parse(["sync=0.2", "spike.sync=0.9", "spike.accounts=12.0"])
    assert turn(Knobs(), "spike", settings) == Knobs(sync=0.9, accounts=12)
    assert turn(Knobs(), "other", settings) == Knobs(sync=0.2)


def test_whole_numbers_stay_whole() -> None:
    turned = turn(Knobs(), "x", parse(["accounts=7.6"]))
    assert turned.accounts == 8
    assert isinstance(turned.accounts, int)


@given(st.text(max_size=30))
def test_any_text_is_a_knob_or_an_input_error(text: str) -> None:
    try:
        found = parse([text])
    except InputError:
        return
    ((_, knob),) = found
    assert "=" in text and knob


@pytest.mark.parametrize(
    "pair",
    [
        "a.sync=1.01",
        "a.sync=-0.1",
        "a.accounts=0",
        "a.own_use=-1",
        "a.language=-2",
        "a.language=10",
        "b.sync=0.5",
        "a.x=1",
    ],
)
def test_values_out_of_range_and_unknown_names_are_refused(pair: str) -> None:
    with pytest.raises(InputError):
        check(parse([pair]), {"a": Knobs()}, frozenset())
