"""Signatures of templates: of enough accounts, of what is constant, whatever the order."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.records.signatures import LEAST_PAIRS, make, make_several
from stillwatch.records.signatures.making import MOST
from stillwatch.records.sketches import Key

KEY = Key(bytes(range(16)))
FIRST = (
    "please act as a careful tutor and explain step by step how one would solve the following task about {} then"
    " give a short final answer on a line of its own beginning with the word answer"
)
SECOND = (
    "rewrite this function in {} so that every branch has a test and report all edge cases which the original"
    " author has overlooked sorted by how severe they would be in production"
)


def filled(template: str, n: int, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    return [template.format("".join(rng.choices("abcdefghijkl", k=9))) for _ in range(n)]


def accounts(n: int, of: int) -> list[str]:
    return [f"account-{i % of}" for i in range(n)]


def test_a_template_of_enough_accounts_is_signed() -> None:
    made = make(filled(FIRST, 20), accounts(20, 5), KEY, epoch=3, part="input")
    assert made.signature is not None
    assert (made.signature.epoch, made.signature.part, made.accounts, made.texts) == (3, "input", 5, 20)


def test_slot_values_leave_no_trace() -> None:
    one = make(filled(FIRST, 20, 1), accounts(20, 5), KEY, epoch=3, part="input")
    other = make(filled(FIRST, 40, 2), accounts(40, 8), KEY, epoch=3, part="input")
    assert one.signature == other.signature


def test_too_few_accounts() -> None:
    made = make(filled(FIRST, 20), accounts(20, 4), KEY, epoch=3, part="input")
    assert made.signature is None
    assert "4 accounts, 5 are the least" in str(made.why_not)


def test_what_fewer_accounts_than_k_carry_is_not_constant() -> None:
    """One account with nearly all of the texts does not put its own words into the signature."""
    texts = filled(FIRST, 100) + filled(SECOND, 4)
    made = make(texts, ["one"] * 100 + accounts(4, 4), KEY, epoch=3, part="input")
    assert made.accounts == 5
    other = make(filled(SECOND, 5), accounts(5, 5), KEY, epoch=3, part="input").signature
    assert made.signature == other or made.signature is None


def test_short_templates_are_not_signed() -> None:
    made = make(["translate this text into german please"] * 9, accounts(9, 9), KEY, epoch=3, part="input")
    assert made.signature is None
    assert f"{LEAST_PAIRS} are the least" in str(made.why_not)


def test_texts_that_have_nothing_in_common() -> None:
    rng = random.Random(5)
    texts = [" ".join("".join(rng.choices("abcdefgh", k=7)) for _ in range(30)) for _ in range(20)]
    found = make_several(texts, accounts(20, 10), KEY, epoch=3, part="input")
    assert [one.signature for one in found] == [None]
    assert make_several([], [], KEY, epoch=3, part="input")[0].why_not == "no text of two words or more"


@settings(deadline=None, max_examples=20)
@given(st.randoms(use_true_random=False))
def test_several_templates_in_any_order(rng: random.Random) -> None:
    rows = [
        *zip(filled(FIRST, 30), accounts(30, 6), strict=True),
        *zip(filled(SECOND, 20), accounts(20, 5), strict=True),
    ]
    straight = make_several(*zip(*rows, strict=True), KEY, epoch=3, part="input")
    rng.shuffle(rows)
    assert make_several(*zip(*rows, strict=True), KEY, epoch=3, part="input") == straight
    alone = [
        make(filled(FIRST, 30), accounts(30, 6), KEY, epoch=3, part="input").signature,
        make(filled(SECOND, 20), accounts(20, 5), KEY, epoch=3, part="input").signature,
    ]
    assert [one.signature for one in straight] == alone


def test_each_text_has_its_account() -> None:
    with pytest.raises(ValueError, match="2 texts of 1 accounts"):
        make(["a b", "c d"], ["x"], KEY, epoch=1, part="input")


def test_the_most_templates_of_a_group() -> None:
    """Of ten templates those of the most accounts are signed."""
    rng = random.Random(3)
    frames = [" ".join("".join(rng.choices("abcdefgh", k=6)) for _ in range(20)) + " {}" for _ in range(10)]
    rows = [(f.format(i), f"account-{i}") for n, f in enumerate(frames) for i in range(15 - n)]
    made = make_several(*zip(*rows, strict=True), KEY, epoch=3, part="input")
    assert [one.accounts for one in made] == list(range(15, 15 - MOST, -1))
    assert len(frames) > MOST
    assert all(one.signature is not None for one in made)
