"""Accounts replaced after blocks."""

from dataclasses import dataclass

import numpy as np

from stillwatch.detection.behaviours._blocks import ends, status_known
from stillwatch.detection.behaviours.base import TIMING, Behaviour, Observation, most, percent
from stillwatch.detection.case import Case, binomial_tail
from stillwatch.detection.evidence import Bools, Ints
from stillwatch.detection.intake import HOUR_US
from stillwatch.detection.view import View

WITHIN = 36
"""Hours. Blocked accounts were replaced within a day; half a day more for a stock that has run out."""


def soon_after(start: Ints, end: Ints) -> Bools:
    """Which of these starts fall into the 36 hours after one of these ends; `end` in rising order, hours."""
    latest = np.searchsorted(end, start, "left") - 1
    return np.asarray((latest >= 0) & (start - end[np.maximum(latest, 0)] <= WITHIN))


def waves_followed(start: Ints, end: Ints) -> int:
    """How many waves of ends (more than 36 hours apart) two starts or more follow."""
    wave = np.r_[0, np.cumsum(np.diff(end) > WITHIN)]
    followed = start[soon_after(start, end)]
    return (
        int((np.bincount(wave[np.searchsorted(end, followed, "left") - 1]) >= 2).sum())
        if len(followed)
        else 0
    )


@dataclass(frozen=True)
class Starts:
    """Hours of first exchanges, by account; and how many active accounts of known status begin in each of `hours`."""

    hour: Ints
    hours: Ints
    begun: Ints

    @classmethod
    def of(cls, view: View, known: Bools) -> "Starts":
        """Of all accounts of a view."""
        hour = (view.totals["first"] // HOUR_US).astype(np.int64)
        some = hour[view.active & known]
        first = int(some.min()) if len(some) else 0
        begun = np.bincount(some - first)
        return cls(hour, first + np.arange(len(begun)), begun)

    def outside(self, own: Ints, end: Ints) -> tuple[int, int]:
        """(starts `soon_after` one of these ends, starts after the first of them), without the starts of `own` accounts."""
        gone = self.hour[own]
        soon = int(self.begun[soon_after(self.hours, end)].sum()) - int(soon_after(gone, end).sum())
        return soon, int(self.begun[self.hours > end[0]].sum()) - int((gone > end[0]).sum())


def examine(case: Case) -> Observation | None:
    """First exchanges within 36 hours after a member was blocked for good, against first exchanges outside.

    An account's start is its first exchange, not its creation: what takes over may have been made long before.
    Looked at are accounts that start after the group's first end. An account ends after it starts, so that nobody's
    start falls into the window that its own end opens.
    """
    view, known = case.view, status_known(case)
    members = case.members[known[case.members]]
    if 2 * len(members) < len(case.members):
        return None
    end = ends(view, members)
    if len(end) < 2:
        return None
    starts = case.population.once("starts", lambda: Starts.of(view, known))
    began = members[starts.hour[members] > end[0]]
    own = starts.hour[began]
    soon, foreign = starts.outside(case.everyone_inside[known[case.everyone_inside]], end)
    if len(own) < 4 or foreign < 30:
        return None
    after = soon_after(own, end)
    rate = (soon + 0.5) / (foreign + 1)
    p = binomial_tail(int(after.sum()), len(own), rate)
    share = float(after.mean())
    waves = waves_followed(own, end)
    return Observation(
        statistic=share,
        p_value=p,
        statement=f"{len(end)} of the accounts ended with a block. Of the {len(own)} that began after the first of these"
        f" {percent(share)} began within {WITHIN} hours after one; of accounts outside that began then {percent(rate)} did."
        + (" It happened in one wave only, which can be chance." if waves < 2 else ""),
        # Accounts that begin together (a class, a launch) meet one wave of blocks by one chance.
        supports=share >= 0.3 and p < 0.05 and waves >= 2,
        examples=most(began, after),
    )


BEHAVIOUR = Behaviour(
    name="account_succession",
    title="Accounts replaced after blocks",
    family=TIMING,
    field_numbers=(11,),
    statistic="share of accounts, of those that start after the group's first end, whose first exchange comes within 36"
    " hours after another account of the group ended with a block",
    null="starts fall into these hours as often as starts of accounts outside the group, of those after the same first end"
    " (binomial)",
    atlas="AML.T0024.002",
    reference="Anthropic, 23 Feb 2026 (banned accounts replaced)",
    examine=examine,
)
