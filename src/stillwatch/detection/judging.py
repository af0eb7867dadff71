"""One way of judging: settings, with the evidence that they ask for, with consent, and with exemptions."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count

from stillwatch.detection.agreements import Agreement
from stillwatch.detection.candidates import EXTRACTION, Judged
from stillwatch.detection.decision import judge
from stillwatch.detection.evidence import Evidence, Ints
from stillwatch.detection.exemptions import Exemptions
from stillwatch.detection.explanation import narrate
from stillwatch.detection.onset import first_hours
from stillwatch.detection.preparation import Clock, Prepared
from stillwatch.detection.settings import Settings
from stillwatch.detection.similarity import Likening, vectors
from stillwatch.detection.state.looks import Looks
from stillwatch.detection.view import View, view
from stillwatch.records.findings import Campaign, Member


@dataclass(frozen=True)
class Verdict:
    """A judged group with its rows of the result tables."""

    judged: Judged
    campaign: Campaign
    members: tuple[Member, ...]

    def named(self, campaign_id: str) -> "Verdict":
        """The same under another id."""
        return Verdict(
            self.judged,
            replace(self.campaign, campaign_id=campaign_id),
            tuple(replace(member, campaign_id=campaign_id) for member in self.members),
        )


MANY = 500_000
"""Exchanges that are looked at from which groups are judged on several processes: for fewer, copying them takes longer."""


WRITTEN_BYTES = 40
"""For each exchange that is looked at: what a process writes beside what it shares with the others. Measured at 24 million
exchanges of 500,000 accounts: 36."""


@dataclass(frozen=True)
class Judging:
    """Judges views of the evidence: the same view gives the same verdicts."""

    settings: Settings
    evidence: Evidence
    agreements: list[Agreement]
    releases: dict[str, int]
    exemptions: Exemptions
    likening: Likening = vectors
    processes: int = 1
    memory: int = sys.maxsize
    """Bytes that all processes may use together."""

    @classmethod
    def of(cls, prepared: Prepared, settings: Settings, exemptions: Exemptions) -> "Judging":
        """The evidence that these settings ask for is gathered where it is not at hand."""
        evidence = prepared.evidence(settings)
        return cls(
            settings,
            evidence,
            prepared.agreements(evidence),
            prepared.releases,
            exemptions,
            prepared.likening,
            prepared.resources.threads,
            prepared.resources.memory,
        )

    @property
    def last(self) -> int:
        """The first hour after all exchanges."""
        return int(self.evidence.ledger["hour"].max()) + 1

    def judge(
        self,
        seen: View,
        about: Sequence[Ints] | None = None,
        *,
        brief: bool = False,
        told: Callable[[int, int], None] = lambda done, all_of_them: None,
    ) -> list[Judged]:
        """Groups of a view of this evidence with their verdicts; `about`, `brief` and `told` as in `decision.judge`."""
        found = judge(
            seen,
            self.agreements,
            self.releases,
            self.settings,
            about,
            brief=brief,
            likening=self.likening,
            processes=self._processes(int(seen.seen.sum())),
            told=told,
        )
        return [self.exemptions.apply(judged) for judged in found]

    def _processes(self, exchanges: int) -> int:
        """On how many processes groups among so many exchanges are judged: what each writes has its place in `memory`."""
        if exchanges < MANY:
            return 1
        return max(min(self.processes, self.memory // 2 // (WRITTEN_BYTES * exchanges)), 1)

    def accused_before(self, hour: int, about: Sequence[Ints] | None = None) -> list[Ints]:
        """Accounts of each group that is accused in what came before an hour; `about` as in `decision.judge`."""
        found = self.judge(view(self.evidence, hour), about, brief=True)
        return [judged.group.accounts for judged in found if judged.verdict == EXTRACTION]

    def verdicts(self, clock: Clock, stage: str = "", looks: Looks | None = None) -> list[Verdict]:
        """Judge everything, and say since when: accusations first, the strongest evidence first.

        `stage` stands before the names under which `clock` counts the seconds; `looks` are those that were taken before.
        """
        with clock.stage(f"{stage}groups"):
            judged = self.judge(
                view(self.evidence),
                told=lambda done, every: clock.progress(f"{stage}groups", done, done / every, "groups"),
            )
        with clock.stage(f"{stage}onset"):
            accused = [j for j in judged if j.verdict == EXTRACTION] if self.settings.looks else []
            onset = self._dated(accused, clock, f"{stage}onset", looks)
        rows = [(j, *narrate.tables(j, _moment(onset[id(j)]) if id(j) in onset else None)) for j in judged]
        found = [Verdict(j, campaign, tuple(members)) for j, campaign, members in rows]
        return sorted(found, key=_order)

    def _dated(self, accused: list[Judged], clock: Clock, stage: str, looks: Looks | None) -> dict[int, int]:
        """By `id` of each accused group: the first hour before which half of it is accused."""

        number = count(1)

        def ask(hour: int, about: Sequence[Ints] | None = None) -> list[Ints]:
            found = self.accused_before(hour, about)
            clock.progress(stage, next(number), None, "looks at the past")
            return found

        if looks is None:
            hours = first_hours(accused, ask, self.last, self.settings.looks)
            return dict(zip(map(id, accused), hours, strict=True))
        if self.settings.looks:
            looks.ended(self.last, [j.group.accounts for j in accused], self.evidence)
        dates = {id(j): looks.carried(j.group.accounts) for j in accused}
        carried = {key: date.hour for key, date in dates.items() if date is not None}
        others = [j for j in accused if id(j) not in carried]
        hours = first_hours(others, looks.through(ask), self.last, self.settings.looks)
        return carried | dict(zip(map(id, others), hours, strict=True))


def _moment(hour: int) -> datetime:
    return datetime.fromtimestamp(3600 * hour, UTC)


def _order(verdict: Verdict) -> tuple[int, float, str]:
    rank = {"extraction": 0, "review": 1, "legitimate": 2}[verdict.campaign.verdict]
    return rank, -verdict.campaign.log10_bayes_factor, verdict.campaign.campaign_id
