"""Who is near to a core, and who comes next to it."""

import numpy as np
import pytest

from stillwatch.detection import nearness
from stillwatch.detection.nearness import Nearness
from stillwatch.detection.settings import Settings
from stillwatch.detection.similarity import vectors
from stillwatch.detection.view import view


def test_nearness_is_the_mean_cosine_with_the_others(worlds):
    world = worlds.harvest(range(1000, 1012))
    seen = view(world.evidence())
    space = vectors(seen, Settings())
    dense = (space.matrix.astype(np.float64) @ space.matrix.T).toarray()
    core = np.flatnonzero([name >= worlds.name_of(1000) for name in seen.evidence.accounts.ids])[:8]
    near = Nearness.to(space, core)
    pairs = dense[np.ix_(core, core)] - np.diag(space.known[core].astype(float))
    assert near.within == pytest.approx(pairs.sum(axis=1) / (len(core) - 1))
    assert near.typical == pytest.approx(float(np.median(near.within)))
    outside = np.setdiff1d(np.arange(len(dense)), core)
    assert near.of(outside) == pytest.approx(dense[np.ix_(outside, core)].mean(axis=1))
    # The rest of the campaign is as near as the core, and not what comes next.
    assert not np.isin(near.likest, core).any()
    assert (near.of(near.likest) < 0.5 * near.typical).all()
    assert (np.diff(near.likest) > 0).all()


@pytest.mark.parametrize("farthest", [1, 1 << 14])
def test_who_comes_next_is_found_behind_a_crowd_that_nobody_put_into_the_core(worlds, monkeypatch, farthest):
    monkeypatch.setattr(nearness, "LIKEST", 4)
    monkeypatch.setattr(nearness, "FARTHEST", farthest)
    world = worlds.strangers()
    worlds.harvesters(world, range(1000, 1060), *worlds.template("t"))
    worlds.harvesters(world, range(2000, 2010), *worlds.template("t"), texts=2)
    worlds.harvesters(world, range(2000, 2010), *worlds.template("u"), texts=10)
    seen = view(world.evidence())
    space = vectors(seen, Settings())
    number = np.array([int(name.rpartition("-")[2]) for name in seen.evidence.accounts.ids])
    near = Nearness.to(space, np.flatnonzero((number >= 1000) & (number < 1003)))
    crowd = near.of(np.flatnonzero((number >= 1003) & (number < 1060)))
    assert (crowd >= 0.5 * near.typical).all(), "more of them than are looked at first"
    assert set(number[near.likest]) <= set(range(2000, 2010))
    assert len(near.likest) == (0 if farthest == 1 else 6)
