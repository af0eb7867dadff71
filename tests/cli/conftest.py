"""What tests of several commands share."""

import json
import runpy
import uuid
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from stillwatch.node.folder import Folder

Forum = runpy.run_path(str(Path(__file__).parents[1] / "node" / "conftest.py"))["Forum"]


@pytest.fixture(scope="session")
def few(exercise, tmp_path_factory):
    """The first rows of the exercise, for runs that only look at the command."""
    file = tmp_path_factory.mktemp("few") / "usage.parquet"
    pq.write_table(pq.read_table(exercise / "usage").slice(0, 400), file)
    return file


@pytest.fixture(scope="module")
def forum(tmp_path_factory):
    """A hub as a process of its own, which can be stopped and started again."""
    made = Forum(tmp_path_factory.mktemp("forum") / "hub")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def members(forum, tmp_path):
    """Folders of new members' nodes, by name: made when they are asked for."""
    found = {}

    def folder(name):
        if name not in found:
            credentials = tmp_path / f"{name}.json"
            credentials.write_text(json.dumps(forum.member(f"{name} {uuid.uuid4()}")))
            path = tmp_path / name
            Folder.create(path, forum.url, json.loads(credentials.read_text()))
            found[name] = path
        return found[name]

    return folder
