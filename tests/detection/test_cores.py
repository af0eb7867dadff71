"""Cores are the same, found one by one or side by side."""

import numpy as np
import pytest

from stillwatch.detection.cores import Cores
from stillwatch.detection.groups import form_groups, prompt_communities
from stillwatch.detection.settings import Settings
from stillwatch.detection.view import view
from stillwatch.records.findings import CONTENT

NAMES = ("of_texts", "of_halves", "of_means", "of_prompts")


def listed(found):
    return [core.tolist() for core in found]


@pytest.mark.parametrize("left_out", ["", CONTENT])
def test_side_by_side_they_are_the_same(worlds, left_out):
    world = worlds.harvest(range(1000, 1040))
    seen = view(world.evidence())
    settings = Settings(left_out=left_out)
    alone, together = Cores(seen, settings), Cores(seen, settings)
    alone.find(1)
    assert not set(NAMES) & set(vars(alone)), "each is found when it is asked for"
    together.find(2)
    found = set(NAMES) & set(vars(together))
    assert found == ({"of_means"} if left_out else set(NAMES))
    for name in NAMES:
        assert listed(getattr(alone, name)) == listed(getattr(together, name)), name
    assert any(len(core) >= 35 for core in alone.of_texts)

    for form in (form_groups, lambda cores, processes: prompt_communities(cores, [], processes)):
        one, many = form(alone, 1), form(together, 3)
        assert len(one) == len(many)
        for a, b in zip(one, many, strict=True):
            assert all(np.array_equal(getattr(a, name), value) for name, value in vars(b).items())
