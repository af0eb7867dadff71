"""When could it have been known? The first whole hour at which a scan of the past accuses the same group."""

from collections.abc import Callable, Sequence

from stillwatch.detection.candidates import EXTRACTION, Judged
from stillwatch.detection.decision import holds_half
from stillwatch.detection.evidence import Ints
from stillwatch.detection.intake import HOUR_US

Replay = Callable[[int, Sequence[Ints]], Sequence[Judged]]
"""Judges everything before an hour; handed out are the groups that hold half of one of the given sets."""


def accuses(earlier: Sequence[Judged], accounts: Ints) -> bool:
    """Does an accused group among `earlier` hold at least half of these accounts, in whatever role?"""
    return any(j.verdict == EXTRACTION and holds_half(j.group.accounts, accounts) for j in earlier)


def first_hours(accused: Sequence[Judged], replay: Replay, last: int, looks: int) -> list[int]:
    """For each accused group the first hour H at which `replay` accuses half of it.

    `last` is an hour at which all are accused. Looked at are the ends of days from the first exchange on (of as
    many days together as make `looks` looks over the whole time), until one accuses; then the hours between it and the
    look before, by bisection. So H accuses and H-1 does not; a verdict that came and went again between two looks is
    passed over.
    """
    if not accused:
        return []
    seen: dict[int, Sequence[Judged]] = {}
    everyone = [j.group.accounts for j in accused]

    def at(hour: int) -> Sequence[Judged]:
        if hour not in seen:
            seen[hour] = replay(hour, everyone)
        return seen[hour]

    starts = [int(j.case.view.totals["first"][j.group.accounts].min() // HOUR_US) for j in accused]
    days = -(-(last - min(starts)) // (24 * looks))
    step = 24 * max(days, 1)
    found = []
    for accounts, start in zip(everyone, starts, strict=True):
        low = start
        # Looks on a common clock, so that groups share them.
        high = (low // step + 1) * step
        while high < last and not accuses(at(high), accounts):
            low, high = high, high + step
        high = min(high, last)
        while high - low > 1:
            middle = (low + high) // 2
            if accuses(at(middle), accounts):
                high = middle
            else:
                low = middle
        found.append(high)
    return found
