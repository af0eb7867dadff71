"""Stage 1's tables as arrays."""

import numpy as np

from stillwatch.detection.evidence import KINDS
from stillwatch.records.sketches import MARKS


def test_what_accounts_are(worlds, world):
    world.say(7, worlds.MONDAY)  # without a row in the accounts table
    facts = world.evidence().accounts
    assert facts.ids.tolist() == [worlds.name_of(n) for n in (0, 1, 2, 7)]
    assert facts.created.tolist() == [worlds.MONDAY - 24] * 3 + [-1]
    assert facts.verified.tolist() == [1, 0, 0, -1]
    assert facts.known.tolist() == [True, True, True, False]
    assert facts.plan.tolist() == ["paid"] * 3 + [""]
    assert facts.present == {
        "account_id", "created_at", "payment_fingerprint", "plan", "verified", "organisation",
    }  # fmt: skip


def test_without_an_accounts_table_nothing_is_known(worlds):
    world = worlds.World()
    world.say(0, worlds.MONDAY)
    facts = world.evidence().accounts
    assert facts.present == frozenset()
    assert facts.created.tolist() == facts.verified.tolist() == [-1]
    assert not facts.known.any()


def test_what_is_kept_of_exchanges(worlds):
    world = worlds.World()
    told = (
        {"tools": True, "later_turn": None, "marks": ("fake_debug", "rubric_grading")},
        {"tools": None, "later_turn": True},
        {},
    )
    for number, what in enumerate(told):
        world.say(number, worlds.MONDAY + number, objects=worlds.template("t"), item=f"i-{number}", **what)
    world.say(0, worlds.MONDAY + 9, item="alone", tools=True)
    world.say(1, worlds.MONDAY + 9, text=False)  # of which nothing can be compared
    evidence = world.evidence()
    assert evidence.ex_acc.tolist() == [0, 0, 1, 2]
    assert evidence.ex_start.tolist() == [0, 2, 3, 4]
    assert np.diff(evidence.tie_start).tolist() == [2, 0, 2, 2]
    assert evidence.ex_marks.tolist() == [MARKS["fake_debug"].mask | MARKS["rubric_grading"].mask, 0, 0, 0]
    assert evidence.ex_tools.tolist() == [1, 1, -1, 0]
    assert evidence.ex_later.tolist() == [-1, 0, 1, 0]


def test_exchanges_stand_by_account_time_and_luck_whatever_their_order(worlds):
    world = worlds.World()
    for k in (3, 1, 2, 0):
        for number in (2, 0, 1):
            world.say(number, worlds.MONDAY + k // 2, objects=worlds.template("t"), item=f"{number}-{k}")
    world.change(lambda e: True, second=7)
    evidence = world.evidence()
    order = list(
        zip(evidence.ex_acc.tolist(), evidence.ex_time.tolist(), evidence.ex_luck.tolist(), strict=True)
    )
    assert order == sorted(order)
    assert evidence.ex_start.tolist() == [0, 4, 8, 12]
    mixed = world.shuffled(np.random.default_rng(3)).evidence(salt=5)
    assert mixed.tie_obj.tolist() == evidence.tie_obj.tolist()
    assert [KINDS[k] for k in evidence.obj_kind] == ["prefix", "suffix"], "in order of first use"


def test_models_are_counted_by_name(worlds):
    world = worlds.World()
    for model, hour in (("b", 2), ("a", 1), ("b", 1), ("b", 1)):
        world.say(0, worlds.MONDAY + hour, model=model)
    evidence = world.evidence()
    assert {m: [c.tolist() for c in columns] for m, columns in evidence.models.items()} == {
        "a": [[0], [worlds.MONDAY + 1], [1]],
        "b": [[0, 0], [worlds.MONDAY + 1, worlds.MONDAY + 2], [2, 1]],
    }
    assert list(evidence.models) == ["a", "b"]
    assert evidence.ex_model[np.argsort(evidence.ex_row)].tolist() == [1, 0, 1, 1]
