"""Looks at the past that were taken before: whom a scan of all before an hour accuses does not depend on what follows.

So a look holds until a row before its hour comes in late, or something else that it read is another now. Looks of a state
are whole: they name every group that was accused then, so that a group which is accused today is dated by them, too, whoever
has joined it since. A scan is itself a look at its end.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

import stillwatch
from stillwatch.detection.evidence import Evidence, Ints

Ask = Callable[[int], Sequence[Ints]]
"""Judges everything before an hour; handed out are the accounts of each accused group."""


class Look(msgspec.Struct, frozen=True):
    """Accounts (places in a list of ids) of each group that is accused before `hour`, and before any hour until `upto`.

    `ended`: nobody asked for it; it is what a scan found at its end.
    """

    hour: int
    upto: int
    accused: tuple[tuple[int, ...], ...]
    ended: bool = False


class _Kept(msgspec.Struct):
    context: str
    ids: list[str]
    looks: list[Look]


def context_of(parts: Iterable[object]) -> str:
    """A name for everything else that verdicts depend on: settings, releases, agreements, exemptions, the program."""
    digest = hashlib.blake2b(digest_size=16, person=b"stillwatch-looks")
    for part in (stillwatch.__version__, *parts):
        digest.update(repr(part).encode() + b"\0")
    return digest.hexdigest()


class Dated(NamedTuple):
    """A group of the scan before: the hour before which it was accused, and that of its first exchange then."""

    accounts: frozenset[str]
    hour: int
    first: int


@dataclass
class Looks:
    """The looks that hold, over the accounts of this scan's evidence.

    `dated`: groups of the scan before whose first rows have left (retention).
    """

    context: str
    ids: Sequence[str]
    looks: dict[int, Look] = field(default_factory=dict)
    dated: Sequence[Dated] = ()
    taken: int = 0

    @classmethod
    def of(
        cls,
        kept: Path | None,
        context: str,
        evidence: Evidence,
        *,
        changed: int | None,
        accounts: Iterable[str] = (),
        kept_from: int = 0,
        dated: Sequence[Dated] = (),
    ) -> "Looks":
        """Those of a file that hold still.

        `changed`: the first hour of which a row is new, None where none is; `accounts`: ids whose row in the accounts table
        is another than before; `kept_from`: the first hour of which rows are kept. Looks that tell of no later hour are
        dropped, and of the ends of scans on a day that is over all but the last.
        """
        found = cls(context, [str(name) for name in evidence.accounts.ids])
        code = {name: place for place, name in enumerate(found.ids)}
        limit = np.iinfo(np.int64).max if changed is None else changed
        others = [code[name] for name in accounts if name in code]
        if others:
            first = np.full(len(code), limit)
            np.minimum.at(first, evidence.ledger["acc"], evidence.ledger["hour"])
            limit = min(limit, int(first[others].min()))
        found.dated = [date for date in dated if date.hour <= limit]
        if kept is None:
            return found
        before = msgspec.json.decode(kept.read_bytes(), type=_Kept)
        if before.context != context:
            return found
        place = np.array([code.get(name, -1) for name in before.ids], np.int64)
        today = int(evidence.ledger["hour"].max()) // 24
        last_of = {
            (look.hour - 1) // 24: look.hour for look in before.looks if look.ended and look.hour <= limit
        }
        for look in before.looks:
            upto, day = min(look.upto, limit), (look.hour - 1) // 24
            passed_over = look.ended and day < today and look.hour != last_of.get(day)
            if look.hour <= limit and upto >= kept_from and not passed_over:
                # Accounts whose rows have all left are in nobody's group any more.
                groups = (place[list(group)] for group in look.accused)
                accused = tuple(tuple(int(p) for p in group if p >= 0) for group in groups)
                found.looks[look.hour] = Look(look.hour, upto, accused, look.ended)
        return found

    def _at(self, hour: int) -> Look | None:
        exact = self.looks.get(hour)
        if exact is not None:
            return exact
        return next((look for look in self.looks.values() if look.hour <= hour <= look.upto), None)

    def through(self, ask: Ask) -> Callable[[int, Sequence[Ints]], Sequence[Ints]]:
        """The same question, put to what is known first; what is asked anew is known from then on."""

        def look(hour: int, about: Sequence[Ints]) -> Sequence[Ints]:
            known = self._at(hour)
            if known is None:
                known = self._keep(hour, hour, ask(hour))
                self.taken += 1
            return [np.array(group, np.int64) for group in known.accused]

        return look

    def _keep(self, hour: int, upto: int, accused: Sequence[Ints], *, ended: bool = False) -> Look:
        self.looks[hour] = Look(hour, upto, tuple(tuple(group.tolist()) for group in accused), ended)
        return self.looks[hour]

    def ended(self, last: int, accused: Sequence[Ints], evidence: Evidence) -> None:
        """What the scan itself found, of everything before hour `last`: it holds until rows of a later hour come.

        Unless accounts are said to have been made after their own exchanges: a scan of the past does not know them then.
        """
        if not (evidence.accounts.created >= last).any():
            self._keep(last, int(np.iinfo(np.int64).max), accused, ended=True)

    def carried(self, accounts: Ints) -> Dated | None:
        """The earliest group with half of these accounts, where rows to see by when it was accused have left."""
        names = {self.ids[code] for code in accounts.tolist()}
        held = [date for date in self.dated if 2 * len(date.accounts & names) >= len(names)]
        return min(held, key=lambda date: date.hour, default=None)

    def write(self, path: Path) -> None:
        """Keep the looks for the next scan."""
        used = sorted({place for look in self.looks.values() for group in look.accused for place in group})
        short = {place: number for number, place in enumerate(used)}
        looks = [
            Look(k.hour, k.upto, tuple(tuple(short[p] for p in group) for group in k.accused), k.ended)
            for _, k in sorted(self.looks.items())
        ]
        path.write_bytes(msgspec.json.encode(_Kept(self.context, [self.ids[place] for place in used], looks)))
