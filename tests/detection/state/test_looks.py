"""Looks at the past hold until something that they read is another."""

from types import SimpleNamespace

import numpy as np
import pytest

from stillwatch.detection.state.looks import Dated, Looks, context_of

IDS = ("a", "b", "c", "d")


def evidence(ids=IDS, first=(10, 20, 30, 40), created=None):
    """As much of the evidence as looks read: who there is, since when, and when each account was made."""
    return SimpleNamespace(
        accounts=SimpleNamespace(ids=np.array(ids, object), created=np.array(created or [1] * len(ids))),
        ledger={"acc": np.arange(len(ids)), "hour": np.array(first)},
    )


class Past:
    """Answers what is asked: before each hour one group, of all that were there."""

    def __init__(self):
        self.asked = []

    def __call__(self, hour):
        self.asked.append(hour)
        return [np.array([0, 1])] if hour > 20 else []


def asked(looks, hours):
    past = Past()
    look = looks.through(past)
    return [[group.tolist() for group in look(hour, [])] for hour in hours], past.asked


@pytest.fixture
def kept(tmp_path):
    """Looks before hours 15, 25 and 35, and the end of a scan at hour 48 that accuses b and c."""
    looks = Looks.of(None, "x", evidence(), changed=0)
    asked(looks, (15, 25, 35))
    looks.ended(48, [np.array([1, 2])], evidence())
    looks.write(tmp_path / "looks.json")
    return tmp_path / "looks.json"


def test_what_was_asked_is_not_asked_again():
    looks = Looks.of(None, "x", evidence(), changed=0)
    assert asked(looks, (15, 25, 25, 15)) == ([[], [[0, 1]], [[0, 1]], []], [15, 25])
    assert looks.taken == 2


def test_it_is_known_to_the_next_scan_under_its_own_numbers(kept):
    looks = Looks.of(kept, "x", evidence(("Z", *IDS), (50, 10, 20, 30, 40)), changed=48)
    assert asked(looks, (15, 25, 48)) == ([[], [[1, 2]], [[2, 3]]], [])


def test_the_end_of_a_scan_holds_until_later_rows_begin(kept):
    looks = Looks.of(kept, "x", evidence(), changed=60)
    assert asked(looks, (48, 55, 60, 61)) == ([[[1, 2]], [[1, 2]], [[1, 2]], [[0, 1]]], [61])
    assert Looks.of(kept, "x", evidence(), changed=None)._at(10**9) is not None


def test_a_late_row_undoes_what_was_looked_at_after_it(kept):
    looks = Looks.of(kept, "x", evidence(), changed=25)
    assert sorted(looks.looks) == [15, 25], "what came before hour 25 is as it was"


def test_another_row_of_an_account_undoes_looks_since_its_first_exchange(kept):
    assert sorted(Looks.of(kept, "x", evidence(), changed=60, accounts=["b"]).looks) == [15]
    assert sorted(Looks.of(kept, "x", evidence(), changed=60, accounts=["d", "of nobody"]).looks) == [
        15,
        25,
        35,
    ]


def test_other_settings_undo_all(kept):
    assert Looks.of(kept, "y", evidence(), changed=60).looks == {}
    assert context_of([1, "a"]) == context_of([1, "a"]) != context_of([1, "b"])


def test_accounts_that_are_gone_are_in_no_group(kept):
    looks = Looks.of(kept, "x", evidence(("b", "c", "d"), (20, 30, 40)), changed=60)
    assert asked(looks, (25, 48)) == ([[[0]], [[0, 1]]], [])


def test_an_account_made_after_its_own_exchanges_keeps_a_scan_from_being_a_look():
    looks = Looks.of(None, "x", evidence(), changed=0)
    looks.ended(48, [], evidence(created=[1, 1, 1, 48]))
    assert looks.looks == {}


def test_dates_are_carried_over_what_retention_took():
    dated = [Dated(frozenset("ab"), 12, 5), Dated(frozenset("cd"), 40, 5)]
    looks = Looks.of(None, "x", evidence(), changed=30, dated=dated)
    assert looks.carried(np.array([0, 1, 2])) == dated[0]
    assert looks.carried(np.array([2, 3])) is None, "a late row came before that hour"
    assert looks.carried(np.array([0, 2, 3])) is None


def test_looks_that_tell_of_no_kept_hour_are_dropped(kept):
    assert sorted(Looks.of(kept, "x", evidence(), changed=60, kept_from=30).looks) == [35, 48]
    assert sorted(Looks.of(kept, "x", evidence(), changed=60, kept_from=60).looks) == [48], (
        "it holds until hour 60"
    )
    assert Looks.of(kept, "x", evidence(), changed=60, kept_from=61).looks == {}


def test_of_the_scans_of_a_day_that_is_over_the_last_one_stays(tmp_path):
    file = tmp_path / "looks.json"
    for hour in (30, 40, 48, 50, 60):
        looks = Looks.of(
            file if file.exists() else None, "x", evidence(first=(10, 20, 30, hour - 1)), changed=hour - 1
        )
        looks.ended(hour, [], evidence())
        looks.write(file)
    assert sorted(looks.looks) == [48, 50, 60]
    assert sorted(Looks.of(file, "x", evidence(first=(10, 20, 30, 72)), changed=72).looks) == [48, 60]
