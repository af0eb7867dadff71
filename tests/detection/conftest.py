"""Gives the tests of detection the worlds that worlds.py makes."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse


@pytest.fixture(scope="session")
def worlds():
    """The module worlds.py; the tests are no package, so it is loaded by its path."""
    name = "detection_worlds"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("worlds.py"))
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture
def world(worlds):
    """Three accounts with one template on half of their texts; the first two share a card and an address."""
    world = worlds.World()
    for number in range(3):
        world.account(
            number,
            created=worlds.MONDAY - 24,
            payment_fingerprint="card" if number < 2 else "other",
            plan="paid",
            verified=number == 0,
            organisation="Acme",
        )
        for k in range(4):
            world.say(
                number,
                worlds.MONDAY + 2 * number + k,
                objects=worlds.template("t") if k < 2 else (),
                item=f"{number}-{k}",
                address="shared" if number < 2 else f"own-{k}",
                marks=("fake_debug",) if number == 0 and k == 0 else (),
            )
    return world


@pytest.fixture
def matrix():
    """A sparse matrix of 60 rows and 40 columns."""
    rng = np.random.default_rng(4)
    return sparse.random_array((60, 40), density=0.15, rng=rng, format="csr")
