"""What tests of several commands share."""

import pyarrow.parquet as pq
import pytest


@pytest.fixture(scope="session")
def few(exercise, tmp_path_factory):
    """The first rows of the exercise, for runs that only look at the command."""
    file = tmp_path_factory.mktemp("few") / "usage.parquet"
    pq.write_table(pq.read_table(exercise / "usage").slice(0, 400), file)
    return file
