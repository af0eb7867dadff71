"""Models: a release inside the window, taken up account by account."""

import numpy as np

from stillwatch.drill.clock import DAY, HOUR, Clock
from stillwatch.drill.exercise import START
from stillwatch.drill.models import Models


def made() -> tuple[Models, Clock]:
    clock = Clock.make(3, START, 14)
    return Models.make(3, clock), clock


def test_one_release_falls_inside_the_window() -> None:
    for seed in range(30):
        clock = Clock.make(seed, START, 7)
        models = Models.make(seed, clock)
        inside = (models.released > clock.start) & (models.released < clock.end - DAY)
        assert inside.sum() == 1
        assert models.released[inside][0] == models.launch
        assert len(set(models.names)) == len(models.names)


def test_an_account_takes_a_model_up_after_its_delay() -> None:
    models, _ = made()
    new = int(np.flatnonzero(models.released == models.launch)[0])
    times = models.launch + np.array([-1, 0, 5 * HOUR, 11 * HOUR])
    zero, never = np.zeros(4, bool), np.ones(4, bool)
    at_once = models.choose(np.zeros(4, int), times, np.zeros(4, int), zero)
    assert (at_once == new).tolist() == [False, True, True, True]
    later = models.choose(np.zeros(4, int), times, np.full(4, 10 * HOUR), zero)
    assert (later == new).tolist() == [False, False, False, True]
    assert (models.released[models.choose(np.zeros(4, int), times, np.zeros(4, int), never)] < START).all()


def test_sizes_are_kept() -> None:
    models, clock = made()
    size = np.arange(300) % 3
    got = models.choose(size, np.full(300, clock.end - 1), np.zeros(300, int), np.zeros(300, bool))
    assert (models.size[got] == size).all()
