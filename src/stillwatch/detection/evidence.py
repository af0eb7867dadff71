"""What the statistics read, as arrays: the tables of stage 1 for good (`gathering.py` fills them)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from numba import njit

from stillwatch.detection.carried import CONTENT_KINDS
from stillwatch.detection.ledger import EXCHANGE_KINDS

if TYPE_CHECKING:
    from stillwatch.detection.outside import Outside

Ints = npt.NDArray[np.integer[Any]]
"""Whole numbers of any width: what there is one of for each exchange is kept as narrow as it can be."""
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

ACCOUNT_KINDS = {
    "payment": "payment_fingerprint",
    "telephone": "phone_fingerprint",
    "mail": "email_fingerprint",
    "signup": "signup_address",
}
INFRASTRUCTURE_KINDS = (*ACCOUNT_KINDS, *EXCHANGE_KINDS)
KINDS = (*CONTENT_KINDS, *INFRASTRUCTURE_KINDS)
N_CONTENT = len(CONTENT_KINDS)
POPULAR_KINDS = ("address", "fingerprint", "client", "signup")
"""Kinds of which popular values (a carrier's address, a common browser) link nobody."""


@njit(nogil=True, cache=True)
def _counted(keys, found):  # type: ignore[no-untyped-def]
    for key in keys:
        found[key] += 1


def counts(keys: Ints, size: int) -> Ints:
    """How often each key from 0 to size-1 comes. numpy's own function makes a wide copy of all keys first."""
    found = np.zeros(size, np.int64)
    _counted(keys, found)
    return found


def starts(keys: Ints, size: int) -> Ints:
    """Where the rows of each key begin when they lie in order of their keys, from 0 to size-1; and where the last end."""
    return np.asarray(np.r_[0, np.cumsum(counts(keys, size))])


@dataclass(frozen=True)
class Ragged:
    """Places of rows by a key: what a group needs is found without passing over everybody's rows."""

    order: Ints
    start: Ints

    @classmethod
    def of(cls, keys: Ints, size: int) -> "Ragged":
        """Index rows by key, keys from 0 to size-1."""
        return cls(np.argsort(keys, kind="stable"), starts(keys, size))

    def places(self, keys: Ints) -> Ints:
        """Places of all rows with one of these keys."""
        low, count = self.start[keys], self.start[keys + 1] - self.start[keys]
        return np.asarray(self.order[_stretches(low, count)])


@dataclass(frozen=True)
class Runs:
    """The same for rows that lie in order of their keys: key k has the rows from `start[k]` to `start[k + 1]`."""

    start: Ints

    @classmethod
    def of(cls, keys: Ints, size: int) -> "Runs":
        """Of keys from 0 to size-1, in rising order."""
        return cls(starts(keys, size))

    def both(self, keys: Ints) -> tuple[Ints, Ints]:
        """(places of all rows with these keys, key by key; how many each key has)."""
        low, count = self.start[keys], self.start[keys + 1] - self.start[keys]
        return _stretches(low, count), np.asarray(count)

    def places(self, keys: Ints) -> Ints:
        """Places of all rows with one of these keys."""
        return self.both(keys)[0]


def _stretches(low: Ints, count: Ints) -> Ints:
    """All places of stretches of so many places that begin there, one stretch behind the other."""
    shift = np.repeat(low - np.r_[0, np.cumsum(count)[:-1]], count)
    return np.asarray(np.arange(int(count.sum())) + shift)


@dataclass(frozen=True)
class AccountFacts:
    """The accounts table as arrays by account code; unknown is -1 or the empty string."""

    ids: npt.NDArray[np.object_]
    created: Ints  # hour
    plan: npt.NDArray[np.object_]
    organisation: npt.NDArray[np.object_]
    verified: npt.NDArray[np.int8]  # 1, 0, or -1
    payment_kind: npt.NDArray[np.object_]
    known: Bools  # has a row in the accounts table
    present: frozenset[str]  # columns that the table had values in


@dataclass(frozen=True)
class Evidence:
    """Everything that the statistics read, with hours on every row."""

    accounts: AccountFacts
    looked_at: int  # exchanges of an account that are looked at one by one: of more there is a sample
    ledger: dict[str, Ints]  # in order of account and hour
    novelty: dict[str, tuple[Ints, Ints, Ints]]  # kind -> acc, hour, fresh
    # one row for each exchange that is looked at, in order of account, time and luck
    ex_row: Ints
    ex_time: Ints  # microseconds
    ex_acc: Ints
    ex_hour: Ints
    ex_luck: Ints
    ex_item: Ints  # text object of the whole item, -1 where nobody else sent it
    ex_model: Ints  # place of its model in `models`
    ex_marks: Ints  # bits
    ex_text: Bools  # has an input text
    ex_tools: Ints  # tools defined: 1, 0, or -1 where not recorded
    ex_later: Ints  # not the first turn: the same
    ex_start: Ints  # by account code: its exchanges are from here to where the next account's begin
    # text objects of exchange i: tie_obj[tie_start[i]:tie_start[i + 1]]
    tie_start: Ints
    tie_obj: Ints
    # one row for each infrastructure object of an account, first use
    link_acc: Ints
    link_obj: Ints
    link_hour: Ints
    obj_kind: Ints  # index into KINDS
    obj_rank: Ints  # text objects in an order that later exchanges do not change, as they do that of codes
    obj_ready: Ints  # hour from which on enough accounts had used a text object; 0 for infrastructure
    obj_value: npt.NDArray[np.object_]  # only infrastructure objects have one
    models: dict[str, tuple[Ints, Ints, Ints]]  # model -> acc, hour, n
    outside: "Outside | None" = None  # hits of what other members shared, where that was given
