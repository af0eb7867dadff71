"""Texts come back by row number, from whatever part they lie in."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.detection import texts
from stillwatch.detection.texts import SCHEMA, Texts, write_texts


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """(files, texts by row, prompts by row): rows 0 to 999, some without a text, some without a prompt, one file empty."""
    folder = tmp_path_factory.mktemp("texts")
    asked = {r: f"question {r}" for r in range(1000) if r % 7}
    prompts = {r: f"rules {r % 3}" for r in range(1000) if r % 5 == 0}
    files = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(texts, "ROW_GROUP", 16)
        for number, (begin, end) in enumerate(((0, 0), (600, 1000), (0, 333), (333, 600))):
            rows = [r for r in range(begin, end) if r in asked or r in prompts]
            columns = (rows, [asked.get(r) for r in rows], [prompts.get(r) for r in rows])
            files.append(folder / f"part-{number}.parquet")
            write_texts(pa.table(dict(zip(SCHEMA.names, columns, strict=True)), schema=SCHEMA), files[-1])
    return files, asked, prompts


ROWS = st.lists(st.integers(0, 1100), max_size=60)


@settings(max_examples=40, deadline=None)
@given(ROWS, ROWS, st.integers(1, 3))
def test_those_that_there_are_come_back(parts, some, others, threads):
    files, asked, prompts = parts
    found = Texts(files, threads).fetch(
        {"input_text": np.array(some, np.int64), "system_text": np.array(others, np.int64)}
    )
    assert found == {
        "input_text": {r: asked[r] for r in some if r in asked},
        "system_text": {r: prompts[r] for r in others if r in prompts},
    }


def test_row_groups_without_anything_wanted_are_not_read(parts, monkeypatch):
    files, *_ = parts
    read = []
    whole = texts.pq.ParquetFile.read_row_group

    def counted(self, group, **more):
        read.append(group)
        return whole(self, group, **more)

    monkeypatch.setattr(texts.pq.ParquetFile, "read_row_group", counted)
    rows = np.array([601, 603, 334, 5])
    assert len(Texts(files).fetch({"input_text": rows, "system_text": rows})["input_text"]) == 4
    assert len(read) == 3


def test_without_files_there_is_nothing():
    assert Texts([]).fetch({"input_text": np.arange(200)}) == {"input_text": {}}
