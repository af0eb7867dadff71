"""When could it have been known? The first whole hour at which a scan of the past accuses the same group."""

from collections.abc import Callable, Sequence

import numpy as np

from stillwatch.detection.decision import EXTRACTION, Judged
from stillwatch.detection.evidence import Ints

Replay = Callable[[int], Sequence[Judged]]


def holds_half(earlier: Sequence[Judged], members: Ints) -> bool:
    """Does an accused group among `earlier` hold at least half of these accounts?"""
    return any(
        j.verdict == EXTRACTION and 2 * len(np.intersect1d(j.group.members, members)) >= len(members)
        for j in earlier
    )


def first_hours(accused: Sequence[Judged], replay: Replay, last: int) -> list[int]:
    """For each accused group the first hour H with `holds_half(replay(H))`, by bisection.

    `replay` judges everything before an hour; `last` is an hour at which all are accused. Bisection finds an hour
    H that accuses while H-1 does not: the first, unless the verdict comes, goes and comes again. To make that
    rare, days are looked at from the beginning before hours are: the earliest day that accuses is bisected.
    """
    seen: dict[int, Sequence[Judged]] = {}

    def at(hour: int) -> Sequence[Judged]:
        if hour not in seen:
            seen[hour] = replay(hour)
        return seen[hour]

    found = []
    for group in accused:
        view = group.case.view
        low = int(view.totals["first"][group.group.members].min() // 3_600_000_000)
        high = last
        while high - low > 1:
            middle = (low + high) // 2
            if holds_half(at(middle), group.group.members):
                high = middle
            else:
                low = middle
        found.append(high)
    return found
