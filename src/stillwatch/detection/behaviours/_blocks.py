"""Blocks in the ledger: which accounts ended with one, and when a group's began."""

import numpy as np

from stillwatch.detection.case import Case
from stillwatch.detection.evidence import Bools, Ints
from stillwatch.detection.view import View


def status_known(case: Case) -> Bools:
    """By account code: is it known how any of the account's exchanges ended?"""
    return case.population.once("status known", lambda: np.asarray(case.view.totals["status_known"] > 0))


def ends(view: View, accounts: Ints) -> Ints:
    """Last hours of those of these active accounts that were blocked in their last hour, in rising order."""
    by_account = view.hours_by_account
    last = by_account.start[accounts + 1] - 1  # the ledger stands in order of hours
    return np.sort(view.ledger["hour"][last[view.ledger["blocked"][last] > 0]])


def blocks_begin(view: View, accounts: Ints, blocked: int) -> int | None:
    """The hour by which so many of these accounts had been blocked, each at any time; None where fewer were."""
    places = view.hours_by_account.places(accounts)
    places = places[view.ledger["blocked"][places] > 0]
    who, hour = view.ledger["acc"][places], view.ledger["hour"][places]
    order = np.lexsort((hour, who))
    _, first = np.unique(who[order], return_index=True)
    hours = np.sort(hour[order][first])
    return int(hours[blocked - 1]) if len(hours) >= blocked else None
