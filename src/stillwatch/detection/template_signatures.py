"""Signatures of the templates of accused groups, under the forum's key, for other members to match."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stillwatch.detection.candidates import EXTRACTION
from stillwatch.detection.evidence import Ints
from stillwatch.detection.explanation.wording import plural
from stillwatch.detection.groups import SYSTEM_PROMPT
from stillwatch.detection.judging import Verdict
from stillwatch.detection.outside import COLUMNS
from stillwatch.detection.texts import Found, Wanted
from stillwatch.records.signatures import ACCOUNTS, EpochKey, Made, make_several

OF_ACCOUNT, OF_GROUP = 20, 2000
"""Texts that signatures are made of: of each account, and of a group."""


@dataclass(frozen=True)
class Templates:
    """By id of an accused group: what was made of its templates, or one entry that says why nothing was."""

    epoch: int
    made: Mapping[str, Sequence[Made]]

    def note(self, campaign_id: str) -> tuple[str, ...]:
        """What the report says of a group's templates."""
        made = self.made.get(campaign_id, ())
        signed = [one for one in made if one.signature is not None]
        if signed:
            sizes = ", ".join(f"{one.accounts:,}" for one in signed)
            return (
                f"{plural(len(signed), 'template')} signed under the key of epoch {self.epoch}, of so many of the accounts"
                f" looked at: {sizes}. The bundle holds them.",
            )
        return tuple(f"No template was signed: {one.why_not}." for one in made)

    def named(self, verdicts: Sequence[Verdict]) -> list[Verdict]:
        """The same verdicts with these notes."""
        return [
            replace(v, judged=replace(v.judged, notes=(*v.judged.notes, *self.note(v.campaign.campaign_id))))
            for v in verdicts
        ]

    def as_dict(self) -> dict[str, Any]:
        """For run.json."""
        return {
            "epoch": self.epoch,
            "signed": sum(one.signature is not None for made in self.made.values() for one in made),
            "not_signed": {
                name: made[0].why_not for name, made in self.made.items() if made[0].signature is None
            },
        }


def _chosen(verdict: Verdict) -> Ints:
    """Exchanges of accused accounts that are built on the group's texts: some of each, by their luck."""
    judged = verdict.judged
    evidence = judged.case.view.evidence
    own = judged.case.own
    own = own[np.isin(evidence.ex_acc[own], judged.group.accounts[judged.accused])]
    own = own[np.lexsort((evidence.ex_luck[own], evidence.ex_acc[own]))]
    first = np.flatnonzero(np.diff(evidence.ex_acc[own], prepend=-1))
    place = np.arange(len(own)) - np.repeat(first, np.diff(np.r_[first, len(own)]))
    own, place = own[place < OF_ACCOUNT], place[place < OF_ACCOUNT]
    # One of each account first, so that of a large group as many accounts as can be are heard.
    return own[np.lexsort((evidence.ex_luck[own], place))][:OF_GROUP]


def sign(found: Sequence[Verdict], fetch: Callable[[Wanted], Found], epoch: EpochKey) -> Templates:
    """Signatures of the templates of accused groups, from the texts of this run, whatever their order."""
    chosen, why_not = {}, {}
    wanted: defaultdict[str, list[Ints]] = defaultdict(list)
    for verdict in found:
        if verdict.campaign.verdict != EXTRACTION:
            continue
        accused = int(verdict.judged.accused.sum())
        part = "system" if verdict.judged.group.origin == SYSTEM_PROMPT else "input"
        if accused < ACCOUNTS:
            why_not[verdict.campaign.campaign_id] = (
                f"{plural(accused, 'account')} accused, {ACCOUNTS} are the least"
            )
            continue
        exchanges = _chosen(verdict)
        chosen[verdict.campaign.campaign_id] = (verdict, part, exchanges)
        wanted[COLUMNS[part]].append(verdict.judged.case.view.evidence.ex_row[exchanges])
    texts = fetch({column: np.concatenate(rows) for column, rows in wanted.items()}) if wanted else {}
    made: dict[str, Sequence[Made]] = {name: [Made(None, 0, 0, reason)] for name, reason in why_not.items()}
    for name, (verdict, part, exchanges) in chosen.items():
        evidence = verdict.judged.case.view.evidence
        of_column = texts[COLUMNS[part]]
        known = [e for e in exchanges.tolist() if int(evidence.ex_row[e]) in of_column]
        if not known:
            reason = "there is no text that its accounts have in common"
            made[name] = [Made(None, 0, 0, reason)]
            continue
        made[name] = make_several(
            [of_column[int(evidence.ex_row[e])] for e in known],
            [str(evidence.accounts.ids[evidence.ex_acc[e]]) for e in known],
            epoch.key,
            epoch=epoch.number,
            part=part,
        )
    return Templates(epoch.number, {name: made[name] for name in sorted(made)})
