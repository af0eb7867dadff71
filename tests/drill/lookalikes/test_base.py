"""What look-alikes are built with."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.drill import lookalikes
from stillwatch.drill.exercise import START
from stillwatch.drill.lookalikes.base import LookAlikeKnobs, Scene, steps
from stillwatch.drill.setting import Setting
from stillwatch.drill.traffic import Cast
from stillwatch.drill.voices import Ordinary
from stillwatch.records.findings import KINDS_OF_USE


@pytest.fixture
def scene() -> Scene:
    setting = Setting.make(1, START, 7)
    return Scene(setting, setting.rng("s"), "test", "batch", Cast())


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1000)), max_size=40))
def test_steps_number_each_accounts_own_order(rows: list[tuple[int, int]]) -> None:
    owner, time = np.array([r[0] for r in rows], int), np.array([r[1] for r in rows], int)
    found = steps(owner, time)
    for o in np.unique(owner):
        own = np.flatnonzero(owner == o)
        assert sorted(found[own].tolist()) == list(range(len(own)))
        assert (np.diff(time[own][np.argsort(found[own])]) >= 0).all()


def test_a_company_is_one_payer_at_one_address(scene: Scene) -> None:
    a = scene.company(scene.people(30))
    for name in ("organisation", "domain", "payment", "main_pool", "main_key", "country"):
        assert len(np.unique(a[name])) == 1, name
    assert a["verified"].all()


def test_runs_end_inside_the_window(scene: Scene) -> None:
    a = scene.people(5)
    numbers = scene.cast.add(a)
    begin = np.full(5, scene.end - 3_600_000_000)
    scene.runs(Ordinary(scene.setting.prompts), numbers, np.full(5, 500), begin, 60.0, None)
    (stream,) = scene.cast.streams
    assert (stream.time < scene.end).all()
    assert (stream.time >= begin[0]).all()
    assert stream.item.max() == 499


def test_volumes_follow_the_knobs(scene: Scene) -> None:
    v = scene.volumes(LookAlikeKnobs(volume_mean=80, volume_cv=0.4), 20_000)
    assert v.mean() == pytest.approx(80, rel=0.05)
    assert v.std() / v.mean() == pytest.approx(0.4, rel=0.1)


def test_the_register_names_known_kinds_of_use() -> None:
    for name, c in lookalikes.CLASSES.items():
        assert c.name == name
        assert c.expected in set(KINDS_OF_USE) - {"extraction", "unknown"}
        assert c.title and c.description.endswith(".")
