"""Exemptions at work: whose exchanges one covers, and what it changes in the verdict on a group.

An exemption is a decision and no evidence. It changes no figure, no test and no probability, of nobody: it takes
accounts out of the accused of a group, and the group's row stays. It covers only accounts that the provider verified and
that declare exactly its organisation; of those only exchanges on its template (the same first or last eight words as
the sample, or the whole sample as system prompt); and only while it lasts, on the clock of the data: one that ended
before the last hour with an exchange does nothing, so that the same logs give the same results on any day.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillwatch.detection.agreements import COVERED
from stillwatch.detection.candidates import EXTRACTION, LEGITIMATE, REVIEW, Judged
from stillwatch.detection.evidence import AccountFacts, Ints
from stillwatch.detection.exemption_file import Exemption
from stillwatch.detection.intake import HOUR_US
from stillwatch.detection.view import View
from stillwatch.records.sketches import Key, sketch

TEMPLATE_HASHES = ("prefix_hash", "suffix_hash", "system_hash")
"""Columns of a sketch of which one must be the sample's: an exemption is for a fixed template, not for what resembles it."""


@dataclass(frozen=True)
class Standing:
    """An exemption with the accounts that it can cover, those that only claim it, and exchanges on its template."""

    exemption: Exemption
    accounts: Ints  # verified, by code
    claimed: Ints  # declare the organisation and are not verified
    row: Ints  # exchanges of `accounts` on the template since the start, by row number, rising
    acc: Ints  # along `row`
    hour: Ints

    def state(self, until: int) -> str:
        """`active`, `expired` or `not begun` when everything before hour `until` is known."""
        if self.exemption.expires_us <= until * HOUR_US:
            return "expired"
        return "active" if self.exemption.starts_us < until * HOUR_US else "not begun"


@dataclass(frozen=True)
class Exemptions:
    """All exemptions of a run. Without any, verdicts pass unchanged."""

    standing: tuple[Standing, ...] = ()

    def apply(self, judged: Judged) -> Judged:
        """The verdict with exempt accounts taken out of the accused, and a note for each exemption that did so.

        With nobody left the group is cleared as authorised; with fewer left than make a group a person looks at them.
        The probability stays what the evidence says.
        """
        if judged.verdict == LEGITIMATE:
            return judged
        members = judged.group.members
        until = _until(judged.case.view)
        active = [one for one in self.standing if one.state(until) == "active"]
        exempt = _exempt(judged, active)
        notes = [
            f"{claiming} accounts declare the organisation of exemption {one.exemption.exemption_id};"
            " they are not verified, so it covers nothing."
            for one in active
            if (claiming := int(np.isin(one.claimed, members).sum()))
        ]
        by_id = Counter(name for names in exempt.values() for name in names)
        notes += [
            f"{by_id[e.exemption_id]} accounts are exempt and not accused: exemption {e.exemption_id} by {e.author},"
            f" until {e.expires_at:%Y-%m-%d %H:%M} UTC. Reason given: {e.reason}"
            for e in (one.exemption for one in active)
            if by_id[e.exemption_id]
        ]
        if not notes:
            return judged
        verdict, kind = judged.verdict, judged.kind_of_use
        # Who is only suspected beside an accused group is nobody that it could still accuse.
        could = judged.group.accounts[judged.belong]
        left = int((~np.isin(could, list(exempt))).sum())
        if not left:
            verdict, kind = LEGITIMATE, "authorised"
        elif left < min(len(could), judged.case.population.settings.group_accounts) and verdict == EXTRACTION:
            verdict = REVIEW
            notes.append(f"{left} accounts are not exempt, too few to accuse by themselves.")
        return replace(
            judged, verdict=verdict, kind_of_use=kind, notes=(*judged.notes, *notes), exempt=exempt
        )

    def listed(self, found: Sequence[tuple[str, Judged]], until: int) -> list[dict[str, Any]]:
        """What run.json says of each: its terms, its state before hour `until`, and accounts exempt by group.

        `found` are ids of groups with their verdicts. The template is left out, since it is text of requests.
        """
        rows = []
        for one in self.standing:
            e = one.exemption
            by_group = {
                group_id: n
                for group_id, judged in found
                if (n := sum(e.exemption_id in names for names in judged.exempt.values()))
            }
            rows.append(
                {
                    "exemption_id": e.exemption_id,
                    "organisation": e.organisation,
                    "author": e.author,
                    "reason": e.reason,
                    "starts_at": e.starts_at.isoformat(),
                    "expires_at": e.expires_at.isoformat(),
                    "state": one.state(until),
                    "accounts": len(one.accounts),
                    "accounts_not_verified": len(one.claimed),
                    "exchanges": len(one.row),
                    "exempt": by_group,
                }
            )
        return rows


def resolve(
    exemptions: Sequence[Exemption], facts: AccountFacts, files: Sequence[Path], key: Key
) -> Exemptions:
    """Find the accounts of each exemption, and their exchanges on its template in the sketched parts `files`."""
    if not exemptions:
        return Exemptions()
    who = [
        (np.flatnonzero(same & (facts.verified == 1)), np.flatnonzero(same & (facts.verified != 1)))
        for same in (facts.organisation == e.organisation for e in exemptions)
    ]
    samples = pa.array([e.template for e in exemptions])
    drawn = sketch(samples, samples, key, 1)
    hits: list[list[tuple[Ints, Ints, Ints]]] = [[] for _ in exemptions]
    concerned = np.unique(np.concatenate([accounts for accounts, _ in who]))
    if len(concerned):
        ids = pa.array(facts.ids[concerned].tolist(), pa.large_string())
        for file in files:
            part = pq.read_table(file, columns=["row", "time", "account_id", *TEMPLATE_HASHES])
            at = pc.index_in(part["account_id"].cast(pa.large_string()), value_set=ids)
            part = part.append_column("place", at).filter(pc.is_valid(at))
            if not part.num_rows:
                continue
            acc = concerned[part["place"].to_numpy()]
            time = part["time"].cast(pa.int64()).to_numpy()
            row = part["row"].to_numpy()
            for i, (exemption, (accounts, _)) in enumerate(zip(exemptions, who, strict=True)):
                same = np.zeros(len(row), dtype=bool)
                for name in TEMPLATE_HASHES:
                    same |= pc.fill_null(pc.equal(part[name], drawn[name][i]), False).to_numpy()
                same &= np.isin(acc, accounts)
                same &= (time >= exemption.starts_us) & (time < exemption.expires_us)
                hits[i].append((row[same], acc[same], time[same] // HOUR_US))
    return Exemptions(
        tuple(
            Standing(exemption, accounts, claimed, *_joined(parts))
            for exemption, (accounts, claimed), parts in zip(exemptions, who, hits, strict=True)
        )
    )


def _joined(parts: Sequence[tuple[Ints, Ints, Ints]]) -> tuple[Ints, Ints, Ints]:
    none = np.zeros(0, dtype=np.int64)
    row, acc, hour = (
        (np.concatenate([none, *column]) for column in zip(*parts, strict=True)) if parts else (none,) * 3
    )
    order = np.argsort(row, kind="stable")
    return row[order], acc[order], hour[order]


def _until(view: View) -> int:
    """The first hour after all exchanges of the view."""
    return int(view.ledger["hour"].max()) + 1 if len(view.ledger["hour"]) else 0


def _exempt(judged: Judged, active: Sequence[Standing]) -> dict[int, tuple[str, ...]]:
    """Codes of those who could be accused whom the active exemptions together cover, and which of these have a part in it.

    What counts is what an account did in the group; where no text holds it together, all that the account did.
    """
    case, group = judged.case, judged.group
    evidence, accounts = case.view.evidence, len(case.view.active)
    # Only those that are looked at are counted where texts hold the group together: each stands for so many.
    stands_for = case.view.stands_for[group.accounts] if case.told_by_texts else 1.0
    ex_row = evidence.ex_row[group.exchanges]
    covered: dict[str, Ints] = {}  # by exemption: owners of the exchanges that it covers
    seen = np.zeros(0, dtype=np.int64)
    for one in active:
        mine = (one.hour < case.view.until) & (np.isin(one.row, ex_row) if case.told_by_texts else True)
        # An exchange is covered once, however many exemptions hold it.
        fresh = mine & ~np.isin(one.row, seen)
        seen = np.concatenate([seen, one.row[fresh]])
        covered[one.exemption.exemption_id] = one.acc[fresh]
    owners = np.concatenate([np.zeros(0, dtype=np.int64), *covered.values()])
    n = np.bincount(owners, minlength=accounts)[group.accounts] * stands_for
    whole = judged.belong & (n > 0) & (n >= COVERED * judged.own_exchanges)
    return {
        code: tuple(name for name, acc in covered.items() if code in acc)
        for code in group.accounts[whole].tolist()
    }
