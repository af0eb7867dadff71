"""Conversations and people's own hours."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.drill.clock import Clock
from stillwatch.drill.exercise import START
from stillwatch.drill.setting import Setting
from stillwatch.drill.traffic import conversations, organic, settle


@settings(max_examples=50)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=30), st.floats(1, 8), st.integers(0, 99))
def test_conversations_cut_volumes_without_loss(volumes: list[int], turns: float, seed: int) -> None:
    owner, session, turn, since = conversations(np.random.default_rng(seed), np.array(volumes), turns)
    assert np.bincount(owner, minlength=len(volumes)).tolist() == volumes
    for s in np.unique(session):
        rows = np.flatnonzero(session == s)
        assert len(np.unique(owner[rows])) == 1
        assert turn[rows].tolist() == list(range(1, len(rows) + 1))
        assert since[rows][0] == 0
        assert (np.diff(since[rows]) > 0).all()


def test_long_conversations_are_moved_before_the_end() -> None:
    clock = Clock.make(1, START, 2)
    start = np.array([clock.end - 10, clock.start])
    time = settle(clock, start, np.array([0, 0, 1]), np.array([0.0, 500.0, 3.0]))
    assert (time < clock.end).all()
    assert time[1] - time[0] == 500_000_000
    assert time[2] == clock.start + 3_000_000


def test_people_ask_after_they_signed_up() -> None:
    setting = Setting.make(1, START, 7)
    a = setting.people.draw(setting.rng("x"), 300)
    owner, time, _, _ = organic(setting.rng("t"), setting.clock, a, np.full(300, 8))
    assert (time > a["created"][owner]).all()
    assert len(owner) == 2400


def test_no_volume_is_no_traffic() -> None:
    setting = Setting.make(1, START, 7)
    a = setting.people.draw(setting.rng("x"), 3)
    owner, time, session, turn = organic(setting.rng("t"), setting.clock, a, np.zeros(3, int))
    assert len(owner) == len(time) == len(session) == len(turn) == 0
