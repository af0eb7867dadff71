"""Gives the tests of detection the worlds that worlds.py makes."""

import importlib.util
import sys
from pathlib import Path

import pytest


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
