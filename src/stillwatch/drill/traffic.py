"""Traffic before it is written out: who asks when, in which conversation, and with which voice."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from stillwatch.drill.clock import SECOND, Clock
from stillwatch.drill.randomness import Arr


@dataclass(frozen=True)
class Rows:
    """Rows to be put into words, all of one stream (columns of equal length)."""

    accounts: Any  # structured array of people.ACCOUNT, one for each row
    number: Arr  # of the account in the exercise
    item: Arr  # what the stream numbers: a work-list entry, a step of a fixed list
    session: Arr  # uint64, equal within a conversation
    turn: Arr
    time: Arr
    keys: Arr  # uint64, different for every row


@dataclass
class Speech:
    """What rows say. `system` None: the accounts' own system prompts. Means and shares hold a value or a column."""

    text: pa.Array
    system: pa.Array | None = None
    answer_tokens: float | Arr = 260.0
    answer_spread: float = 0.8
    tools: float | Arr = 0.0
    refused: float | Arr = 0.006
    end_user: Arr | None = None  # whole numbers; -1 none


class Voice(Protocol):
    """Turns rows into words. Must depend on the rows' own numbers and keys only."""

    def speak(self, rows: Rows) -> Speech:
        """The words of these rows."""
        ...


@dataclass
class Stream:
    """Traffic of one kind. `account` numbers the exercise's accounts; `extracting` is the truth of each row."""

    voice: Voice
    account: Arr
    time: Arr
    session: Arr
    turn: Arr
    item: Arr
    group: str | None = None
    extracting: bool = False
    blocked: Arr | None = None
    series: str = ""  # streams of one series (other than "") number their conversations together

    def __len__(self) -> int:
        return len(self.time)


@dataclass(frozen=True)
class Group:
    """One group of the truth tables."""

    group_id: str
    kind: str  # the class
    tier: str
    unauthorised: bool
    expected: str


@dataclass
class Cast:
    """What one class puts into an exercise: accounts, their traffic, groups, and agreements."""

    accounts: list[Any] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    members: list[tuple[Arr, str | None, str, str]] = field(
        default_factory=list
    )  # (numbers, group, class, tier)
    agreements: list[dict[str, Any]] = field(default_factory=list)
    size: int = 0

    def add(self, accounts: Any) -> Arr:
        """Take in accounts; returns their numbers within this cast."""
        at = np.arange(self.size, self.size + len(accounts), dtype=np.int32)
        self.accounts.append(accounts)
        self.size += len(accounts)
        return at

    def join(self, group: Group, numbers: Arr) -> str:
        """A group with these accounts; returns its id."""
        self.groups.append(group)
        self.members.append((numbers, group.group_id, group.kind, group.tier))
        return group.group_id


def conversations(
    rng: np.random.Generator, volumes: Arr, turns: float, gap: float = 75.0
) -> tuple[Arr, Arr, Arr, Arr]:
    """Cut volumes into conversations of geometric length with mean `turns`.

    Returns for every exchange: owner (index into volumes), conversation, turn; and for every exchange the seconds
    since its conversation began (log-normal gaps with median `gap`).
    """
    owner = np.repeat(np.arange(len(volumes), dtype=np.int32), volumes)
    n = len(owner)
    new = rng.random(n) < 1.0 / max(turns, 1.0)
    new[np.concatenate([[0], np.cumsum(volumes)[:-1]])[volumes > 0]] = True
    session = (np.cumsum(new) - 1).astype(np.int32)
    first = np.flatnonzero(new)
    turn = (np.arange(n) - first[session] + 1).astype(np.int16)
    wait = np.where(new, 0.0, rng.lognormal(np.log(gap), 0.9, n))
    run = np.cumsum(wait)
    return owner, session, turn, (run - run[first[session]]) if n else run


def settle(clock: Clock, start: Arr, session: Arr, since: Arr) -> Arr:
    """Times of exchanges from their conversations' starts; one that would pass the window's end is moved earlier."""
    if not len(session):
        return np.empty(0, np.int64)
    last = np.zeros(len(start))
    np.maximum.at(last, session, since)
    over = np.maximum(start + (last * SECOND).astype(np.int64) - (clock.end - SECOND), 0)
    return np.asarray(np.maximum((start - over)[session] + (since * SECOND).astype(np.int64), clock.start))


def organic(
    rng: np.random.Generator,
    clock: Clock,
    accounts: Any,
    volumes: Arr,
    turns: float = 2.6,
    low: Arr | None = None,
    high: Arr | None = None,
) -> tuple[Arr, Arr, Arr, Arr]:
    """Exchanges of people who keep their own hours: (index of the account, time, conversation, turn).

    `low` and `high` (microseconds, one for each account) bound an account's activity; it never begins before the
    account exists.
    """
    owner, session, turn, since = conversations(rng, volumes, turns)
    if not len(owner):
        return owner, np.empty(0, np.int64), session, turn
    host = owner[turn == 1]
    floor = np.maximum(accounts["created"] + 60 * SECOND, clock.start)
    low = floor if low is None else np.maximum(low, floor)
    high = np.full(len(accounts), clock.end) if high is None else high
    low = np.minimum(low, clock.end - 3600 * SECOND)
    high = np.maximum(high, low + 3600 * SECOND)
    u = rng.random(len(host))
    # People return to what they began: some conversations keep close to the one before of the same account.
    again = np.concatenate([[False], (host[1:] == host[:-1])]) & (rng.random(len(host)) < 0.35)
    near = np.clip(np.roll(u, 1) + rng.normal(0, 0.5 / clock.days, len(u)), 0, 1 - 1e-9)
    u = np.where(again, near, u)
    start = np.empty(len(host), np.int64)
    zone = np.round(accounts["offset"]).astype(int)
    kind = (zone + 24) * 8 + accounts["persona"]
    for k in np.unique(kind[host]):
        rows = np.flatnonzero(kind[host] == k)
        curve = clock.rhythm(int(k % 8), float(k // 8 - 24))
        start[rows] = clock.place(curve, u[rows], low[host[rows]], high[host[rows]])
    return owner, settle(clock, start, session, since), session, turn


def concatenate(streams: Sequence[Stream]) -> int:
    """Number of exchanges in all streams."""
    return sum(len(s) for s in streams)
