"""Gives the tests of behaviours small exercises, taken in once, with the accounts that the truth names."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pyarrow.parquet as pq
import pytest

from stillwatch.detection.case import Case, Population
from stillwatch.detection.gathering import gather
from stillwatch.detection.groups import Group
from stillwatch.detection.intake import HOUR_US, take_in
from stillwatch.detection.ledger import relate
from stillwatch.detection.settings import Settings
from stillwatch.detection.view import view
from stillwatch.drill.writer import Settings as DrillSettings
from stillwatch.drill.writer import run_drill
from stillwatch.engines import open_engine
from stillwatch.records.rejects import RejectLog
from stillwatch.records.sketches import Key
from stillwatch.records.tables import open_usage

NULL_SETS = 200


@dataclass(frozen=True)
class Drilled:
    """One campaign among ordinary people."""

    population: Population
    members: np.ndarray
    ordinary: np.ndarray
    """Codes of active accounts that belong to nothing, households and travellers aside."""

    def case(self, accounts: np.ndarray) -> Case:
        """These accounts as a group that no text formed."""
        accounts = np.sort(accounts)
        none = np.zeros(0, np.int64)
        group = Group(
            origin="infrastructure",
            accounts=accounts,
            content_share=np.zeros(len(accounts)),
            infrastructure_kinds=np.zeros(len(accounts), np.int64),
            firm=np.ones(len(accounts), bool),
            by_text=np.zeros(len(accounts), bool),
            likeness=0.0,
            text_objects=none,
            infrastructure_objects=none,
            exchanges=none,
        )
        return Case(group, self.population)

    def campaign(self) -> Case:
        """The campaign's accounts as the truth names them."""
        return self.case(self.members)

    def seeing(self, **changed: object) -> "Drilled":
        """The same with parts of the view changed."""
        old = self.population
        return replace(self, population=Population(replace(old.view, **changed), old.settings, old.releases))

    def with_blocks(self, share: float) -> "Drilled":
        """The same, where this share of ordinary accounts, taken at random, ends with a block."""
        seen = self.population.view
        blocked = seen.ledger["blocked"].copy()
        by_account = seen.hours_by_account
        ended = self.ordinary[np.random.default_rng(3).random(len(self.ordinary)) < share]
        blocked[by_account.start[ended + 1] - 1] = 1
        return self.seeing(ledger={**seen.ledger, "blocked": blocked})

    def benign(self, *, size: int = 20, least: int = 1) -> tuple[Case, ...]:
        """Random sets of ordinary accounts with `least` exchanges or more; the campaign's accounts are not there."""
        seen = self.population.view
        active = seen.active.copy()
        active[self.members] = False
        alone = self.seeing(active=active)
        pool = self.ordinary[seen.totals["n"][self.ordinary] >= least]
        rng = np.random.default_rng(5)
        return tuple(alone.case(rng.choice(pool, size, replace=False)) for _ in range(NULL_SETS))


@pytest.fixture(scope="session")
def drilled(tmp_path_factory):
    """Make an exercise of 15,000 exchanges with one class, once: `drilled("spike")`."""

    @cache
    def make(kind: str) -> Drilled:
        folder = tmp_path_factory.mktemp(kind)
        run_drill(
            DrillSettings(
                scenario=f"class:{kind}",
                seed=11,
                exchanges=15_000,
            ),
            folder / "drill",
        )
        drill, settings = folder / "drill", Settings()
        taken = take_in(
            open_usage(str(drill / "usage"), rejects=RejectLog()),
            folder,
            key=Key(bytes(16)),
            threads=1,
            since=None,
            until=None,
            progress=lambda rows: None,
        )
        with open_engine("duckdb", scratch=folder / "scratch", threads=1, memory=1 << 30) as engine:
            relations = relate(engine, engine.parquet(taken.exchange_files), settings)
        seen = view(gather(relations, pq.read_table(drill / "accounts.parquet")))
        released = pq.read_table(drill / "releases.parquet").to_pylist()
        releases = {row["model"]: int(row["released_at"].timestamp() * 1e6) // HOUR_US for row in released}
        truth = pq.read_table(drill / "truth" / "accounts.parquet").to_pylist()
        code = {name: i for i, name in enumerate(seen.evidence.accounts.ids)}
        members = [code[r["account_id"]] for r in truth if r["group_id"] and r["account_id"] in code]
        named = {code[r["account_id"]] for r in truth if r["account_id"] in code}
        return Drilled(
            Population(seen, settings, releases),
            np.sort(np.array(members, np.int64)),
            np.array([i for i in range(len(seen.active)) if i not in named], np.int64),
        )

    return make
