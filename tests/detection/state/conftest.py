"""A little exercise, and scans of it with and without a state."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from stillwatch.detection.run_record import Inputs, Resources
from stillwatch.detection.scan import scan
from stillwatch.detection.settings import Settings
from stillwatch.detection.state.folder import StateFolder
from stillwatch.records.sketches import Key

KEY = Key(bytes(16))
QUICK = Settings(looks=0, prior=0.2, reference_draws=40)
"""Accuses somebody even here, and dates nobody."""


@pytest.fixture(scope="session")
def little(tmp_path_factory):
    """Five thousand exchanges: a folder as `stillwatch drill` writes it."""
    from stillwatch.drill.writer import Settings as Drill
    from stillwatch.drill.writer import run_drill

    folder = tmp_path_factory.mktemp("little") / "drill"
    run_drill(Drill(scenario="small", seed=7, exchanges=5000, accounts=300), folder)
    return folder


@pytest.fixture(scope="session")
def little_rows(little):
    """Its usage table."""
    return pq.read_table(little / "usage")


@pytest.fixture(scope="session")
def few(little_rows, tmp_path_factory):
    """A file of its first rows, for what does not depend on what is found."""
    file = tmp_path_factory.mktemp("few") / "usage.parquet"
    pq.write_table(little_rows.slice(0, 600), file)
    return file


@pytest.fixture(scope="session")
def run_scan():
    """Scan usage with the tables of an exercise; what it returned."""

    def call(usage, tables, out, state=None, *, settings=QUICK, retain=None, key=KEY, watched=None, **more):
        named = {
            name: str(tables / f"{name}.parquet")
            for name in ("accounts", "releases", "agreements")
            if tables is not None and (tables / f"{name}.parquet").exists()
        }
        return scan(
            Inputs(str(usage), **named | more),
            Path(out),
            settings=settings,
            resources=Resources(threads=1, memory=2 << 30),
            key=key,
            state=None if state is None else StateFolder(Path(state), retain, watched),
        )

    return call


@pytest.fixture(scope="session")
def results():
    """What a scan wrote into a folder, under the ids of a full scan, in an order that does not depend on ids."""

    def read(out):
        out = Path(out)
        names = {}
        if (out / "campaign_history.parquet").exists():
            history = pq.read_table(out / "campaign_history.parquet").to_pylist()
            last = max(row["scan"] for row in history)
            names = {r["campaign_id"]: r["id_in_full_scan"] for r in history if r["scan"] == last}
        groups = [
            {**row, "campaign_id": names.get(row["campaign_id"], row["campaign_id"])}
            for row in pq.read_table(out / "campaigns.parquet").to_pylist()
        ]
        members = [
            {**row, "campaign_id": names.get(row["campaign_id"], row["campaign_id"])}
            for row in pq.read_table(out / "members.parquet").to_pylist()
        ]
        run = json.loads((out / "run.json").read_text())
        counted = {
            name: run[name]
            for name in (
                *("rows", "rejected", "values_dropped", "absent_columns", "accounts", "accounts_table"),
                *("first_time", "last_time", "groups", "agreements"),
            )
        }
        return groups, members, counted

    return read
