"""What tests of sketched usage share: a log with every kind of row, and its file with sketches."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.records.rejects import RejectLog
from stillwatch.records.sketched import open_sketched, sketched
from stillwatch.records.sketches import Key
from stillwatch.records.tables import open_usage

HOUR = 3_600_000_000


@pytest.fixture(scope="session")
def key():
    return Key(bytes(range(16)))


@pytest.fixture(scope="session")
def log():
    """500 raw rows: some without text, without a prompt, without either; every eleventh has no account."""
    n = 500
    return pa.table(
        {
            "event_id": [f"e{i}" for i in range(n)],
            "time": pa.array([HOUR * (400_000 + i) for i in range(n)], pa.timestamp("us", tz="UTC")),
            "account_id": [None if i % 11 == 0 else f"a{i % 7}" for i in range(n)],
            "model": ["m"] * n,
            "turn": [1 if i % 2 else None for i in range(n)],
            "input_text": [
                None if i % 5 == 0 else f"explain step by step why river {i} runs to the sea and not uphill"
                for i in range(n)
            ],
            "system_text": [
                f"You are the clerk of desk {'abc'[i % 3]}, be brief" if i % 2 else None for i in range(n)
            ],
            "output_text": ["because"] * n,
        }
    )


@pytest.fixture
def read():
    """Read usage: (all rows as one table, the reader, the rejected rows)."""

    def call(path, **options):
        with RejectLog(options.pop("rejected", None)) as rejects:
            reader = open_usage(path, rejects=rejects, **options)
            batches = list(reader)
        assert reader.rows_out == sum(batch.num_rows for batch in batches)
        assert reader.rows_read == reader.rows_out + rejects.total("usage") + sum(
            reader.rows_skipped.values()
        )
        for batch in batches:
            batch.validate(full=True)
        return pa.Table.from_batches(batches) if batches else None, reader, rejects

    return call


@pytest.fixture
def texts_file(log, tmp_path):
    path = tmp_path / "texts.parquet"
    pq.write_table(log, path)
    return path


@pytest.fixture
def sketches_file(texts_file, tmp_path, key, read):
    """The usable rows of the log with sketches in place of texts."""
    path = tmp_path / "sketches.parquet"
    table, _, _ = read(texts_file)
    with open_sketched(path, key) as out:
        for batch in table.combine_chunks().to_batches():
            out.write_batch(sketched(batch, key))
    return path


@pytest.fixture
def changed(sketches_file, tmp_path):
    """Another file like the one with sketches, after `change(table)`; its metadata stays unless `said` is given."""

    def call(change=lambda table: table, said=None):
        table = pq.read_table(sketches_file)
        own = table.schema.metadata if said is None else said
        path = tmp_path / "changed.parquet"
        pq.write_table(change(table).replace_schema_metadata(own), path)
        return path

    return call
