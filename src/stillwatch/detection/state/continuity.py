"""Which group of today is which one of yesterday: ids that last, and what became of each.

A group goes on in the group of today that it has most accounts in common with (of equal ones by the Jaccard index), one in
one, if they share at least half of the smaller of the two. A group of before with at least half of its accounts in one that
goes on as another was merged into that, and does not go on in what is left beside it. A group of today with at least half
of its accounts from one of before, and that is none's, was split off from it.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from stillwatch.records.findings import Change

NOTABLE = 0.1
"""A group has grown or shrunk when it differs by this share from when a change of it was told last."""


@dataclass(frozen=True)
class Known:
    """A group as one scan found it.

    `full_id`: its id in a scan without a state; `told`: its number of accounts when a change of it was recorded last;
    `detected_at` in hours since 1970, `dated_from` the hour of its first exchange when that was found, and `dated_under`
    a name for the settings and tables that it was found under (`looks.context_of`).
    """

    campaign_id: str
    full_id: str
    verdict: str
    accounts: frozenset[str]
    exchanges: int
    probability: float
    behaviours: tuple[str, ...]
    told: int
    detected_at: int | None = None
    dated_from: int | None = None
    dated_under: str = ""

    def dated_as(self, before: "Known") -> "Known":
        """With the date of before, if this is an accusation that a scan without looks at the past left undated."""
        if self.verdict != "extraction" or self.detected_at is not None:
            return self
        return replace(
            self,
            detected_at=before.detected_at,
            dated_from=before.dated_from,
            dated_under=before.dated_under,
        )


@dataclass(frozen=True)
class Continuity:
    """Today's groups under ids that last, in the order in which they came, with what became of all."""

    groups: tuple[Known, ...]
    changes: tuple[Change, ...]

    @property
    def names(self) -> dict[str, str]:
        """Id in a full scan -> id that lasts."""
        return {group.full_id: group.campaign_id for group in self.groups}


def _overlaps(before: Sequence[Known], now: Sequence[Known]) -> Counter[tuple[int, int]]:
    """(place before, place now) -> accounts in common, of all pairs that have any."""
    holders: dict[str, list[int]] = {}
    for place, group in enumerate(before):
        for account in group.accounts:
            holders.setdefault(account, []).append(place)
    common: Counter[tuple[int, int]] = Counter()
    for place, group in enumerate(now):
        for account in group.accounts:
            common.update((earlier, place) for earlier in holders.get(account, ()))
    return common


def _matched(
    before: Sequence[Known], now: Sequence[Known], common: Counter[tuple[int, int]]
) -> dict[int, int]:
    """Place now -> place before, of groups that go on."""

    def order(pair: tuple[int, int]) -> tuple[int, int, str, str]:
        # Of equal numbers in common the smaller union is the larger index.
        one, other = before[pair[0]], now[pair[1]]
        return -common[pair], len(one.accounts) + len(other.accounts), one.campaign_id, other.full_id

    found: dict[int, int] = {}
    told: set[int] = set()
    for pair in sorted(common, key=order):
        earlier, place = pair
        if earlier in told:
            continue
        size = len(before[earlier].accounts)
        if place in found:
            if 2 * common[pair] >= size:
                told.add(earlier)
        elif 2 * common[pair] >= min(size, len(now[place].accounts)):
            found[place] = earlier
            told.add(earlier)
    return found


def _fresh_id(full_id: str, taken: set[str]) -> str:
    """The id of a group that is new: that of a full scan, unless a group that changed since bears it."""
    name, number = full_id, 0
    while name in taken:
        number += 1
        digest = hashlib.blake2b(f"{full_id} {number}".encode(), digest_size=8, person=b"stillwatch-group")
        name = f"group-{digest.hexdigest()}"
    return name


def _event(before: Known, now: Known, merged: bool) -> str:
    if merged:
        return "merged"
    if before.verdict != now.verdict:
        return "verdict_changed"
    if abs(len(now.accounts) - before.told) >= NOTABLE * before.told:
        return "grown" if len(now.accounts) > before.told else "shrunk"
    return "continued"


def _numbered(changes: Sequence[Change], sequence: int) -> tuple[Change, ...]:
    """Numbers from `sequence` + 1 on to those that are kept: changes of what is, or was, accused or up for review."""
    found = []
    for change in changes:
        cleared = {change.verdict_before, change.verdict_after} <= {"legitimate", None}
        if change.event != "continued" and not cleared:
            sequence += 1
            found.append(replace(change, sequence=sequence))
        else:
            found.append(change)
    return tuple(found)


def follow(
    before: Sequence[Known],
    now: Sequence[Known],
    *,
    at: datetime,
    recorded_at: datetime,
    scan: int,
    sequence: int,
) -> Continuity:
    """Give today's groups (`now`, with the ids of a full scan) their lasting ids, and say what became of each.

    `at` is the time of the data and `recorded_at` that of the clock, `scan` the number of the scan, `sequence` that of the
    last change that the state keeps.
    """
    common = _overlaps(before, now)
    matched = _matched(before, now, common)
    gone_on = set(matched.values())
    taken = {before[place].campaign_id for place in gone_on}
    named: list[Known] = []
    for place, group in enumerate(now):
        name = before[matched[place]].campaign_id if place in matched else _fresh_id(group.full_id, taken)
        taken.add(name)
        named.append(replace(group, campaign_id=name, told=len(group.accounts)))
    merged: dict[int, list[str]] = {}
    into: dict[int, list[str]] = {}
    sources: dict[int, list[str]] = {}
    for (earlier, place), n in sorted(common.items()):
        if earlier not in gone_on and 2 * n >= len(before[earlier].accounts):
            merged.setdefault(place, []).append(before[earlier].campaign_id)
            into.setdefault(earlier, []).append(named[place].campaign_id)
        if place not in matched and 2 * n >= len(named[place].accounts):
            sources.setdefault(place, []).append(before[earlier].campaign_id)
    changes = []
    for place, group in enumerate(named):
        base = Change(
            None, scan, at, recorded_at, group.campaign_id, "new", (), (), group.full_id, None, group.verdict, None,
            len(group.accounts), len(group.accounts), 0, group.exchanges, group.probability, group.behaviours,
        )  # fmt: skip
        absorbed = merged.get(place, [])
        if place not in matched:
            origin = sorted({*absorbed, *sources.get(place, ())})
            event = "merged" if len(absorbed) > 1 else "split" if sources.get(place) else "new"
            changes.append(replace(base, event=event, previous_ids=tuple(origin)))
            continue
        old = before[matched[place]]
        named[place] = named[place].dated_as(old)
        event = _event(old, group, bool(absorbed))
        if event == "continued":
            named[place] = replace(named[place], told=old.told)
        changes.append(
            replace(
                base,
                event=event,
                previous_ids=(old.campaign_id, *sorted(absorbed)),
                verdict_before=old.verdict,
                accounts_before=len(old.accounts),
                joined=len(group.accounts - old.accounts),
                left=len(old.accounts - group.accounts),
            )
        )
    for place, old in enumerate(before):
        if place not in gone_on:
            changes.append(
                Change(
                    sequence=None,
                    scan=scan,
                    at=at,
                    recorded_at=recorded_at,
                    campaign_id=old.campaign_id,
                    event="ended",
                    previous_ids=(old.campaign_id,),
                    next_ids=tuple(into.get(place, ())),
                    id_in_full_scan=None,
                    verdict_before=old.verdict,
                    verdict_after=None,
                    accounts_before=len(old.accounts),
                    accounts_after=None,
                    joined=0,
                    left=len(old.accounts),
                    exchanges=None,
                    probability=None,
                    behaviours=(),
                )
            )
    return Continuity(tuple(named), _numbered(changes, sequence))
