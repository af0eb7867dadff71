"""What several adapters need."""

import pytest

from stillwatch.records.adapters.base import (
    all_of_role,
    difference,
    first_of,
    newest_of_role,
    status_of_code,
    status_with_finish,
    text_of,
    turn_of,
)

MESSAGES = [
    {"role": "system", "content": "s"},
    {"role": "user", "content": "one"},
    {"role": "user", "content": [{"type": "image_url"}]},
    {"role": "assistant", "content": None},
    5,
]


def test_texts_of_messages() -> None:
    assert text_of("plain") == "plain"
    assert text_of([{"type": "text", "text": "a"}, "b", {"type": "reasoning", "content": "no"}, 5]) == "a\nb"
    assert text_of([{"type": "image"}]) is None
    assert text_of({"text": "a"}) == "a"
    assert newest_of_role(MESSAGES, "user") == "one"
    assert all_of_role(MESSAGES, "system", "user") == "s\none"
    assert turn_of(MESSAGES) == 2
    assert (newest_of_role(None, "user"), all_of_role("x", "user"), turn_of({})) == (None, None, None)


def test_first_of_passes_over_what_is_empty() -> None:
    assert first_of({"a": None, "b": "", "c": 0, "d": 1}, "a", "b", "c", "d") == 0


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (200, "ok"),
        ("429", "rate_limited"),
        (403, "blocked"),
        (500, "error"),
        (99999, None),
        ("x", None),
        (None, None),
    ],
)
def test_status_of_code(code: object, status: str | None) -> None:
    assert status_of_code(code) == status


def test_a_refusal_is_told_by_how_the_answer_ended() -> None:
    assert status_with_finish("ok", "refusal") == "refused"
    assert status_with_finish(None, "content_filter") == "refused"
    assert status_with_finish("error", "refusal") == "error"
    assert status_with_finish("ok", ["refusal"]) == "ok"


def test_difference() -> None:
    assert difference(1, 3.5) == 2.5
    for start, end in ((3, 1), (None, 1), (True, 2), (0, 10**400), (float("nan"), 1), (0, float("inf"))):
        assert difference(start, end) is None
