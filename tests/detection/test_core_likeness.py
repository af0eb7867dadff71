"""How alike sets of accounts are, against sums over all pairs by hand."""

import numpy as np

from stillwatch.detection.core_likeness import Sets
from stillwatch.detection.settings import Settings
from stillwatch.detection.similarity import vectors
from stillwatch.detection.view import view


def test_likeness_is_that_of_pairs_across_beside_that_within_the_tighter(worlds):
    world = worlds.World()
    draw = np.random.default_rng(3)
    for number in range(34):
        for i in range(6):
            objects = tuple(("phrase", f"{k}") for k in draw.choice(40, 5, replace=False).tolist())
            world.say(number, worlds.MONDAY + i, objects=objects, item=f"{number}-{i}")
    space = vectors(view(world.evidence()), Settings())
    cosine = (space.matrix.astype(np.float64) @ space.matrix.T).toarray()
    sets = [np.arange(0, 9), np.arange(9, 30), np.arange(30, 34)]
    i, j = np.array([0, 0, 1]), np.array([1, 2, 2])
    found = Sets.of(space, sets)

    def within(accounts):
        n = len(accounts)
        own = cosine[np.ix_(accounts, accounts)]
        return (own.sum() - np.diag(own).sum()) / (n * (n - 1))

    expected = [
        cosine[np.ix_(sets[a], sets[b])].mean() / max(within(sets[a]), within(sets[b]))
        for a, b in zip(i.tolist(), j.tolist(), strict=True)
    ]
    assert min(expected) > 0
    np.testing.assert_allclose(found.likeness(i, j, space.across(sets, i, j)), expected, atol=2e-9)
    assert found.sizes.tolist() == [9, 21, 4]
