"""Gives the tests of the collector what parts.py holds, and collectors that run."""

import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def parts():
    """The module parts.py; the tests are no package, so it is loaded by its path."""
    name = "collector_parts"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("parts.py"))
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture
def run(parts, tmp_path):
    """Start collectors, on one folder unless another is named; all are ended with the test."""
    started = []

    def start(*options, folder=tmp_path / "collected", **environment):
        started.append(parts.Collector(folder, *options, **environment))
        return started[-1]

    yield start
    for collector in started:
        collector.end()


@pytest.fixture(scope="module")
def shared(parts, tmp_path_factory):
    """One collector for all tests of a module that leave it as it is; bodies may have two megabytes."""
    collector = parts.Collector(tmp_path_factory.mktemp("shared") / "collected", "--max-body=2MB")
    yield collector
    collector.end()
