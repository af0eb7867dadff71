"""Accounts of ordinary people: plausible together, and told apart by nothing but themselves."""

import numpy as np
import pytest

from stillwatch.drill.exercise import START
from stillwatch.drill.people import PAYMENT, PLAN, SURFACE
from stillwatch.drill.setting import Setting


@pytest.fixture(scope="module")
def setting() -> Setting:
    return Setting.make(6, START, 14)


def test_strangers_share_no_identity(setting: Setting) -> None:
    a = setting.people.draw(setting.rng("x"), 5000)
    for name in ("number", "mail", "main_key"):
        assert len(np.unique(a[name])) == 5000, name
    for name in ("phone", "payment"):
        held = a[name][a[name] > 0]
        assert len(np.unique(held)) == len(held), name


def test_free_accounts_pay_with_nothing_and_others_with_something(setting: Setting) -> None:
    a = setting.people.draw(setting.rng("x"), 5000)
    free = a["plan"] == PLAN["free"]
    assert (a["payment"][free] == 0).all()
    assert ((a["payment"] == 0) == (a["payment_kind"] == PAYMENT["none"])).all()
    assert (a["payment_kind"][a["surface"] == SURFACE["cloud"]] != PAYMENT["card"]).all()


def test_surface_and_plan_can_be_fixed(setting: Setting) -> None:
    a = setting.people.draw(setting.rng("x"), 300, surface="app", plan="education")
    assert set(a["surface"]) == {SURFACE["app"]}
    assert set(a["plan"]) == {PLAN["education"]}
    assert (a["system"] == -1).all(), "the app sends no system prompt of the user's"


def test_vocabularies_give_a_text_one_number(setting: Setting) -> None:
    first = setting.people.intern("systems", "be kind")
    assert setting.people.intern("systems", "be kind") == first
    assert setting.people.systems[first] == "be kind"
    with pytest.raises(AttributeError):
        setting.people.intern("nonsense", "x")


def test_languages_are_as_common_as_in_the_population(setting: Setting) -> None:
    rng = setting.rng("x")
    drawn = np.bincount([setting.people.language(rng) for _ in range(1500)], minlength=10) / 1500
    whole = np.bincount(setting.people.draw(rng, 20_000)["language"], minlength=10) / 20_000
    assert np.abs(drawn - whole).max() < 0.05
