"""What a behaviour is, and what it says of a group."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stillwatch.detection.case import Case
from stillwatch.detection.evidence import Bools, Floats, Ints
from stillwatch.records.findings import CONTENT, INFRASTRUCTURE, TIMING

__all__ = ["CONTENT", "INFRASTRUCTURE", "TIMING", "Behaviour", "Observation", "most", "percent"]

EXAMPLES = 3
"""Accounts that stand for what a behaviour sees, at most."""


@dataclass(frozen=True)
class Observation:
    """What one behaviour's test found in one group.

    `p_value` is None where no test that is free of double dipping could be made; `supports` says whether the
    figure speaks for extraction (a description, the test of significance comes later over all groups). `examples`: codes
    of a few accounts of the group in which it shows most, or that weigh most in it.
    """

    statistic: float
    p_value: float | None
    statement: str
    supports: bool
    examples: tuple[int, ...] = ()


@dataclass(frozen=True)
class Behaviour:
    """One named behaviour: documentation that reports and docs print, and the test itself.

    `examine` returns None when the behaviour cannot be seen in the data (a column is absent, too few rows).
    """

    name: str
    title: str
    family: str
    field_numbers: tuple[int, ...]  # behaviours of the field's list that it covers
    statistic: str
    null: str
    atlas: str
    reference: str
    examine: Callable[[Case], Observation | None]


def most(accounts: Ints, shown: Bools | Floats | Ints) -> tuple[int, ...]:
    """Those few of these accounts in which it shows most (`shown`: one value each), of equal ones the lowest codes."""
    values = np.asarray(shown, dtype=np.float64)
    order = np.lexsort((accounts, -values))[:EXAMPLES]
    return tuple(int(accounts[at]) for at in order if values[at] > 0)


def percent(share: float) -> str:
    """A share as people read it: one digit after the point under ten per cent, none above."""
    value = 100.0 * share
    if 0 < value < 0.1:
        return "under 0.1%"
    return f"{value:.1f}%" if value < 9.95 else f"{value:.0f}%"
