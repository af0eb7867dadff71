import time

import pytest

from stillwatch.hub.lately import Lately


def test_a_value_is_kept_for_a_moment():
    values = iter(range(10))
    kept = Lately(0.05)
    assert [kept.get("a", lambda: next(values)) for _ in range(2)] == [0, 0]
    assert kept.get("b", lambda: next(values)) == 1
    time.sleep(0.05)
    assert kept.get("a", lambda: next(values)) == 2
    kept.forget()
    assert kept.get("a", lambda: next(values)) == 3


def test_its_age_counts_from_before_the_look_up():
    kept = Lately(0.05)

    def slow():
        time.sleep(0.06)
        return 1

    kept.get("a", slow)
    assert kept.get("a", lambda: 2) == 2


def test_what_is_raised_is_not_kept():
    kept = Lately(60)
    with pytest.raises(ZeroDivisionError):
        kept.get("a", lambda: 1 // 0)
    assert kept.get("a", lambda: 1) == 1


def test_it_does_not_grow_without_end():
    kept = Lately(60)
    for key in range(10_001):
        kept.get(key, lambda: None)
    assert len(kept._kept) == 1
