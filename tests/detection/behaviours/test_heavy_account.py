"""The volume of one account, beside everybody's."""

import numpy as np
import pytest

from stillwatch.detection.behaviours.heavy_account import BEHAVIOUR, of_account
from stillwatch.detection.evidence import view


@pytest.fixture
def world(worlds):
    """One account of two hundred exchanges among a hundred and fifty strangers."""
    world = worlds.World()
    worlds.people(world, np.random.default_rng(5), range(150))
    for i in range(200):
        world.say(1000, worlds.MONDAY + i % 150, item=f"alone-{i}")
    return world


def test_the_busiest_account_is_told_and_proves_nothing(worlds, world):
    seen = BEHAVIOUR.examine(worlds.case(world, [1000]))
    assert seen.statistic == 200
    assert seen.p_value is None, "it was chosen for what it sent"
    assert seen.supports
    assert seen.statement.startswith("The account sent 200 requests; 1 of ")


def test_an_account_like_others_does_not_support(worlds, world):
    evidence = world.evidence()
    code = int(np.flatnonzero(evidence.accounts.ids == worlds.name_of(3))[0])
    assert not of_account(view(evidence), code).supports


def test_of_a_group_it_says_nothing(worlds, world):
    assert BEHAVIOUR.examine(worlds.case(world, range(5))) is None
