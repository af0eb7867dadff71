"""When could it have been known? The first whole hour at which a scan of the past accuses the same group."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stillwatch.detection.candidates import Judged
from stillwatch.detection.decision import holds_half
from stillwatch.detection.evidence import Ints
from stillwatch.detection.intake import HOUR_US

Replay = Callable[[int, Sequence[Ints]], Sequence[Ints]]
"""Judges everything before an hour; handed out are the accounts of accused groups, of all that hold half of a given set."""


def accuses(earlier: Sequence[Ints], accounts: Ints) -> bool:
    """Does one of these groups hold at least half of these accounts, in whatever role?"""
    return any(holds_half(group, accounts) for group in earlier)


@dataclass
class _Search:
    """The search for one group: not accused before `low`, accused before `high`, unless that is still to be looked at."""

    accounts: Ints
    low: int
    high: int
    step: int
    last: int
    """An hour before which it is accused."""

    def __post_init__(self) -> None:
        self.high = min(self.high, self.last)
        self.seeking = self.high < self.last

    @property
    def asks(self) -> int | None:
        """The hour that it wants looked at; None when it is found."""
        if self.seeking:
            return self.high
        return (self.low + self.high) // 2 if self.high - self.low > 1 else None

    def hears(self, accused: bool) -> None:
        """Whether it is accused before the hour that it asked for."""
        if not self.seeking:
            middle = (self.low + self.high) // 2
            self.low, self.high = (self.low, middle) if accused else (middle, self.high)
        elif accused:
            self.seeking = False
        else:
            self.low, self.high = self.high, min(self.high + self.step, self.last)
            self.seeking = self.high < self.last


def first_hours(accused: Sequence[Judged], replay: Replay, last: int, looks: int) -> list[int]:
    """For each accused group the first hour H at which `replay` accuses half of it.

    `last` is an hour at which all are accused. Looked at are the ends of days from the first exchange on (of as
    many days together as make `looks` looks over the whole time), until one accuses; then the hours between it and the
    look before, by bisection. So H accuses and H-1 does not; a verdict that came and went again between two looks is
    passed over. Earlier hours come first, and groups that want the same one share the look; nobody else is tested there.
    """
    if not accused:
        return []
    starts = [int(j.case.view.totals["first"][j.group.accounts].min() // HOUR_US) for j in accused]
    step = 24 * max(-(-(last - min(starts)) // (24 * looks)), 1)
    # Looks on a common clock, so that groups share them.
    searches = [
        _Search(j.group.accounts, start, (start // step + 1) * step, step, last)
        for j, start in zip(accused, starts, strict=True)
    ]
    while asked := [search.asks for search in searches if search.asks is not None]:
        together = [search for search in searches if search.asks == min(asked)]
        earlier = replay(min(asked), [search.accounts for search in together])
        for search in together:
            search.hears(accuses(earlier, search.accounts))
    return [search.high for search in searches]
