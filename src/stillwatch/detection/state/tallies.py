"""Counts of all input so far, so that run.json says of a state what it would say of one scan of everything."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from stillwatch.detection.state.manifest import GivenTable, Tally
from stillwatch.records.rejects import RejectedFile, RejectLog
from stillwatch.records.sketched.batches import Carried

USAGE_TABLE = "usage"
Key = TypeVar("Key", int, str)


@dataclass(frozen=True)
class Totals:
    """What a `UsageReader` tells of its input, of several inputs together."""

    rows_read: int
    rows_out: int
    rows_skipped: Counter[str]
    present_columns: set[str]
    values_dropped: Counter[tuple[str, str]]
    left_out: list[str]
    adapters: Counter[str]
    carried: Carried

    @classmethod
    def of(cls, tallies: Iterable[Tally]) -> "Totals":
        """Add up."""
        whole = added(tallies)
        return cls(
            rows_read=whole.read,
            rows_out=whole.out,
            rows_skipped=Counter(whole.skipped),
            present_columns=set(whole.present),
            values_dropped=Counter({(column, why): n for column, why, n in whole.dropped}),
            left_out=whole.left_out,
            adapters=Counter(whole.adapters),
            carried=Carried(*whole.sketched, set(whole.sketched_columns)),
        )


def added(tallies: Iterable[Tally]) -> Tally:
    """The sum of several; what is named in more than one is named once."""
    listed = list(tallies)
    dropped: Counter[tuple[str, str]] = Counter()
    for one in listed:
        dropped.update({(column, why): n for column, why, n in one.dropped})
    return Tally(
        read=sum(one.read for one in listed),
        out=sum(one.out for one in listed),
        days=_sum(one.days for one in listed),
        outside=sum(one.outside for one in listed),
        skipped=_sum(one.skipped for one in listed),
        rejected=_sum(one.rejected for one in listed),
        adapters=_sum(one.adapters for one in listed),
        left_out=sorted({name for one in listed for name in one.left_out}),
        not_whole=list(dict.fromkeys(file for one in listed for file in one.not_whole)),
        dropped=[(column, why, n) for (column, why), n in sorted(dropped.items())],
        present=sorted({name for one in listed for name in one.present}),
        sketched=(
            sum(one.sketched[0] for one in listed),
            sum(one.sketched[1] for one in listed),
            sum(one.sketched[2] for one in listed),
        ),
        sketched_columns=sorted({name for one in listed for name in one.sketched_columns}),
    )


def _sum(parts: Iterable[Mapping[Key, int]]) -> dict[Key, int]:
    found: Counter[Key] = Counter()
    for part in parts:
        found.update(part)
    return dict(sorted(found.items()))


def without_days_before(one: Tally, cut: int) -> Tally:
    """The counts of a scan that takes only rows from day `cut` on: earlier ones are outside its window."""
    early = sum(n for day, n in one.days.items() if day < cut)
    if not early:
        return one
    kept = {day: n for day, n in one.days.items() if day >= cut}
    return msgspec.structs.replace(one, days=kept, outside=one.outside + early)


def recount(rejects: RejectLog, tallies: Sequence[Tally], tables: Mapping[str, GivenTable]) -> None:
    """Make the counts of `rejects` those of all input so far; rows that are kept aside stay those of this run."""
    rejects.counts.clear()
    rejects.dropped.clear()
    rejects.files.clear()
    whole = added(tallies)
    rejects.counts.update({(USAGE_TABLE, reason): n for reason, n in whole.rejected.items()})
    rejects.files.extend(RejectedFile(USAGE_TABLE, *file) for file in whole.not_whole)
    for name, given in sorted(tables.items()):
        rejects.counts.update({(name, reason): n for reason, n in given.rejected.items()})
        rejects.dropped.update({(name, column, why): n for column, why, n in given.dropped})
        rejects.files.extend(RejectedFile(name, *file) for file in given.not_whole)
