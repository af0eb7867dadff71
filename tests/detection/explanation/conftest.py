"""Gives the tests the stories that stories.py makes."""

import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def stories():
    """The module stories.py; the tests are no package, so it is loaded by its path."""
    name = "explanation_stories"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("stories.py"))
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]
