"""When could it have been known? The first whole hour at which a scan of the past accuses the same group."""

from collections.abc import Callable, Sequence

from stillwatch.detection.decision import EXTRACTION, Judged, holds_half
from stillwatch.detection.evidence import Ints
from stillwatch.detection.ledger import HOUR_US

Replay = Callable[[int, Sequence[Ints]], Sequence[Judged]]
"""Judges everything before an hour; handed out are the groups that hold half of one of the given sets."""


def accuses(earlier: Sequence[Judged], members: Ints) -> bool:
    """Does an accused group among `earlier` hold at least half of these accounts?"""
    return any(j.verdict == EXTRACTION and holds_half(j.group.members, members) for j in earlier)


def first_hours(accused: Sequence[Judged], replay: Replay, last: int) -> list[int]:
    """For each accused group the first hour H at which `replay` accuses half of it, by bisection.

    `last` is an hour at which all are accused. Bisection finds an H that accuses while H-1 does not: the first,
    unless the verdict comes, goes and comes again.
    """
    seen: dict[int, Sequence[Judged]] = {}
    everyone = [j.group.members for j in accused]

    def at(hour: int) -> Sequence[Judged]:
        if hour not in seen:
            seen[hour] = replay(hour, everyone)
        return seen[hour]

    found = []
    for group in accused:
        low = int(group.case.view.totals["first"][group.group.members].min() // HOUR_US)
        high = last
        while high - low > 1:
            middle = (low + high) // 2
            if accuses(at(middle), group.group.members):
                high = middle
            else:
                low = middle
        found.append(high)
    return found
