"""Who is near to a core, and who comes next to it."""

import numpy as np
import pytest

from stillwatch.detection.nearness import Nearness
from stillwatch.detection.settings import Settings
from stillwatch.detection.similarity import vectors
from stillwatch.detection.view import view


def test_nearness_is_the_mean_cosine_with_the_others(worlds):
    world = worlds.harvest(range(1000, 1012))
    seen = view(world.evidence())
    space = vectors(seen, Settings())
    dense = (space.matrix @ space.matrix.T).toarray()
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
