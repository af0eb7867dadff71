"""Two settings over the same history: what would have been judged otherwise, in all and at every moment of the past.

The tables are read once and the evidence is gathered once; where A and B count sharing otherwise, once for each. The past
is judged at the end of every so many days, without a cap, as a scan of everything before that moment would have.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stillwatch.detection.comparison import Comparison, compare, seen
from stillwatch.detection.exemption_file import Exemption
from stillwatch.detection.exemptions import resolve
from stillwatch.detection.judging import Judging
from stillwatch.detection.out_folder import REPLAY, making
from stillwatch.detection.preparation import Clock, Prepared, Progress, prepare, silent
from stillwatch.detection.run_record import Inputs, Resources, of_input, versions
from stillwatch.detection.settings import Settings
from stillwatch.detection.view import view
from stillwatch.records.errors import InputError
from stillwatch.records.rejects import RejectLog
from stillwatch.records.sketches import Key


@dataclass(frozen=True)
class Side:
    """One of the two: settings, and where they come from."""

    settings: Settings
    source: str


@dataclass(frozen=True)
class Step:
    """The difference at one moment, in counts (`Comparison.brief`): what was judged of everything before hour `until`."""

    until: int
    brief: dict[str, Any]


@dataclass
class FirstAccused:
    """For each account that A or B ever accused: the first hour at which A did, and at which B did.

    Fed moment by moment, so that the groups of a long history are not held.
    """

    hours: dict[str, tuple[int | None, int | None]] = field(default_factory=dict)

    def feed(self, until: int, comparison: Comparison) -> None:
        """Take in what was judged of everything before hour `until`, later than what was taken in before."""
        for place, accused in enumerate(comparison.accused):
            for account in accused:
                a, b = self.hours.get(account, (None, None))
                if (a, b)[place] is None:
                    self.hours[account] = (a, until) if place else (until, b)

    def as_dict(self) -> dict[str, Any]:
        """Which accounts one accuses before the other does, or alone."""
        both = [(a, b) for a, b in self.hours.values() if a is not None and b is not None]
        return {
            "earlier_a": sum(a < b for a, b in both),
            "earlier_b": sum(b < a for a, b in both),
            "together": sum(a == b for a, b in both),
            "ever_only_a": sum(b is None for _, b in self.hours.values()),
            "ever_only_b": sum(a is None for a, _ in self.hours.values()),
            "accounts": [
                {"account_id": account, "a": _moment(a), "b": _moment(b)}
                for account, (a, b) in sorted(self.hours.items())
                if a != b
            ],
        }


@dataclass(frozen=True)
class Replayed:
    """What a replay found. `history` is in order of time and ends with everything; None where it was not asked for."""

    whole: Comparison
    history: tuple[Step, ...] | None
    record: dict[str, Any]
    """The contents of replay.json."""


def replay(
    inputs: Inputs,
    out: Path,
    *,
    a: Side,
    b: Side,
    resources: Resources,
    key: Key,
    every: int | None = None,
    exemptions: Sequence[Exemption] | None = None,
    progress: Progress = silent,
) -> Replayed:
    """Judge the same logs under A and under B, and write what differs to replay.json in folder `out`.

    `every` (days): judge the past at the end of every so many days as well. `exemptions` count under both.
    Raises InputError for input that cannot be used, and for settings that do not differ; nothing is left half-written.
    """
    if a.settings == b.settings:
        raise InputError(
            f"{a.source} and {b.source} are the same settings",
            mend="give --a or --b a file with other values",
        )
    clock = Clock(progress)
    with making(out, inputs.usage, REPLAY, resources.work) as folder:
        rejects = RejectLog(folder.made / "rejected")
        prepared = prepare(inputs, resources, key, folder.work, rejects, clock)
        with clock.stage("ledger"):
            evidence = prepared.evidence(
                a.settings, lambda rows, share: clock.progress("ledger", rows, share)
            )
            exempt = resolve(exemptions or (), evidence.accounts, prepared.taken.exchange_files, key)
            judge_a, judge_b = (Judging.of(prepared, side.settings, exempt) for side in (a, b))
        steps: list[Step] = []
        first = FirstAccused()
        with clock.stage("judging"):
            for hour in _moments(judge_a, every):
                whole = _at(judge_a, judge_b, hour)
                steps.append(Step(hour, whole.brief()))
                first.feed(hour, whole)
        rejects.close()
        over_time = None if every is None else (tuple(steps), first)
        record = _record(prepared, a, b, every, whole, over_time, clock, key)
        (folder.made / "replay.json").write_text(
            json.dumps(record, indent=2, sort_keys=True, default=str) + "\n"
        )
    return Replayed(whole, None if every is None else tuple(steps), record)


def _moments(judging: Judging, every: int | None) -> Iterator[int]:
    """Hours before which to judge: the ends of every so many days from the first day on, and the end of all."""
    if every is not None:
        first_day = int(judging.evidence.ledger["hour"].min()) // 24
        yield from range((first_day + every) * 24, judging.last, every * 24)
    yield judging.last


def _at(a: Judging, b: Judging, hour: int) -> Comparison:
    past = view(a.evidence, hour)
    other = past if b.evidence is a.evidence else view(b.evidence, hour)
    return compare([seen(j) for j in a.judge(past)], [seen(j) for j in b.judge(other)])


def _moment(hour: int | None) -> str | None:
    return None if hour is None else datetime.fromtimestamp(3600 * hour, UTC).isoformat()


def _record(
    prepared: Prepared,
    a: Side,
    b: Side,
    every: int | None,
    whole: Comparison,
    over_time: tuple[Sequence[Step], FirstAccused] | None,
    clock: Clock,
    key: Key,
) -> dict[str, Any]:
    """The contents of replay.json; docs/reference/replay-json.md explains them."""
    ours, theirs = a.settings.as_dict(), b.settings.as_dict()
    return {
        "versions": versions(prepared.resources.engine, prepared.engine_version),
        "inputs": {n: None if value is None else str(value) for n, value in vars(prepared.inputs).items()},
        "sketch_key": key.id,
        **of_input(prepared.reader, prepared.rejects, prepared.taken),
        "settings": {
            "a": {"source": a.source, **ours},
            "b": {"source": b.source, **theirs},
            "differ": {name: [ours[name], theirs[name]] for name in ours if ours[name] != theirs[name]},
        },
        "every_days": every,
        "difference": whole.sentence("A", "B"),
        "whole": whole.as_dict(),
        "history": None
        if over_time is None
        else [{"until": _moment(step.until), **step.brief} for step in over_time[0]],
        "first_accused": None if over_time is None else over_time[1].as_dict(),
        "seconds": clock.seconds,
    }
