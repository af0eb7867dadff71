"""An exercise read once, to be judged many times: by other settings, with other evidence, or as of an earlier hour."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from _common import Look, Named, Planted, everyone, make_drill, planted
from stillwatch.detection.agreements import Agreement
from stillwatch.detection.candidates import Judged
from stillwatch.detection.decision import judge
from stillwatch.detection.evidence import Evidence
from stillwatch.detection.preparation import Clock, prepare, silent
from stillwatch.detection.roles import roles
from stillwatch.detection.run_record import Inputs, Resources
from stillwatch.detection.settings import Settings
from stillwatch.detection.view import NEVER, view
from stillwatch.records.findings import ACCUSED_ROLES
from stillwatch.records.rejects import RejectLog
from stillwatch.records.sketches import Key


@dataclass(frozen=True)
class Exercise:
    """What a scan reads, and the truth about it."""

    evidence: Evidence
    agreements: list[Agreement]
    releases: Mapping[str, int]
    groups: list[Planted]
    everyone: frozenset[str]

    @classmethod
    def made(cls, scenario: str, seed: int, size: Sequence[str]) -> "Exercise":
        """A fresh exercise, read as `scan` reads it."""
        with tempfile.TemporaryDirectory() as folder:
            drill, work = Path(folder) / "drill", Path(folder) / "work"
            make_drill(drill, scenario, seed, *size)
            work.mkdir()
            inputs = Inputs(
                str(drill / "usage"),
                accounts=str(drill / "accounts.parquet"),
                releases=str(drill / "releases.parquet"),
                agreements=str(drill / "agreements.parquet"),
            )
            rejects = RejectLog(Path(folder) / "rejected")
            clock = Clock(silent)
            prepared = prepare(inputs, Resources(2, 8 << 30), Key(bytes(16)), work, rejects, clock)
            evidence = prepared.evidence(Settings())
            return cls(
                evidence, prepared.agreements(evidence), prepared.releases, planted(drill), everyone(drill)
            )

    def judged(
        self, settings: Settings, evidence: Evidence | None = None, until: int = int(NEVER)
    ) -> list[Judged]:
        """Whom a scan with these settings accuses or puts up for review in what there was before `until` (hours since 1970).

        And some other groups; harmless ones that no test could make more than that are left out.
        """
        seen = view(self.evidence if evidence is None else evidence, until)
        return judge(seen, self.agreements, self.releases, settings, brief=True)

    def accused(self, settings: Settings, evidence: Evidence | None = None) -> frozenset[str]:
        """Whom a scan with these settings accuses."""
        return Named.of(self.look(settings, evidence)).accused

    def look(self, settings: Settings, evidence: Evidence | None = None, until: int = int(NEVER)) -> Look:
        """The same as a scan's tables would tell it."""
        found = self.judged(settings, evidence, until)
        return [(judged.verdict, members(judged)) for judged in found]


def members(judged: Judged) -> frozenset[str]:
    """Accounts that take part in a group: not those that are only suspected."""
    ids = judged.case.view.evidence.accounts.ids
    return frozenset(
        ids[code]
        for code, (role, _) in zip(judged.group.accounts.tolist(), roles(judged), strict=True)
        if role in ACCUSED_ROLES
    )
