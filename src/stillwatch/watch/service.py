"""The loop: look, scan what is new, tell what changed, say how far behind it all is, wait."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from stillwatch.detection.explanation.wording import plural
from stillwatch.detection.preparation import NothingUsableError, Progress
from stillwatch.detection.run_record import Inputs
from stillwatch.detection.scan import Result
from stillwatch.detection.state.folder import StateFolder
from stillwatch.detection.state.history import changes_of
from stillwatch.detection.state.manifest import Manifest, Seen
from stillwatch.detection.state.store import Store, peek
from stillwatch.records.errors import InputError
from stillwatch.records.findings import Change
from stillwatch.records.rejects import why
from stillwatch.watch.courier import Courier
from stillwatch.watch.folder import TABLES, News, look

STATUS = "status.json"


class Stopped(BaseException):
    """Asked to end; the round that is under way is abandoned, and done over by the next start."""


class Sink(Protocol):
    """Takes events: a file, or standard output."""

    def send(self, changes: Sequence[Change]) -> int:
        """Write what it does not have; how many that were."""


ScanRound = Callable[[Inputs, StateFolder, Progress], Result]


@dataclass
class Status:
    """Where the watching stands; status.json."""

    rounds: int = 0
    events: int = 0
    files_read: int = 0
    files_waiting: int = 0
    files_unreadable: int = 0
    unreadable: dict[str, str] = field(default_factory=dict)
    newest_exchange: datetime | None = None
    lag_seconds: float | None = None
    last_round_seconds: float | None = None
    problem: str | None = None
    webhook_waiting: int | None = None
    webhook_problem: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """What status.json says; docs/reference/events.md explains it."""
        newest = None if self.newest_exchange is None else self.newest_exchange.isoformat()
        return vars(self) | {"newest_exchange": newest, "at": datetime.now(UTC).isoformat()}


@dataclass
class Watching:
    """One folder that is followed. `scan_round` scans; `sinks` makes the receivers for the id of a state."""

    inputs: Inputs
    state: StateFolder
    out: Path
    scan_round: ScanRound
    sinks: Callable[[str], tuple[Sink | None, Courier | None]]
    say: Callable[[str], None]
    stop: threading.Event = field(default_factory=threading.Event)
    status: Status = field(default_factory=Status)
    _sink: Sink | None = None
    _courier: Courier | None = None
    _ready: bool = False
    _told: int | None = None
    _unread: dict[str, Seen] = field(default_factory=dict)

    def follow(self, interval: float, *, once: bool) -> None:
        """Rounds every `interval` seconds until `stop` is set; with `once` a single one, whose InputError is raised."""
        try:
            self._tell()
            while not self.stop.is_set():
                begin = time.monotonic()
                try:
                    self._round()
                    self.status.problem = None
                except InputError as error:
                    # What is wrong from the start is a mistake in the command; logs that are begun may be half written.
                    begun = self.status.rounds > 0 or peek(self.state.folder) is not None
                    if once or not (begun or isinstance(error, NothingUsableError)):
                        raise
                    self.status.problem = str(error)
                    self.say(f"this round failed and is tried again: {error}")
                self._write_status()
                if once:
                    break
                self.stop.wait(max(interval - (time.monotonic() - begin), 0.05))
        except Stopped:
            self.say("stopped in the middle of a round, which the next start does over")
        finally:
            if self._courier is not None:
                if once:
                    self._courier.drain(60)
                    self._write_status()
                self._courier.end()
                self._courier.join(20)

    def _progress(self, stage: str, done: int, share: float | None = None, unit: str = "rows") -> None:
        if self.stop.is_set():
            raise Stopped

    def _round(self) -> None:
        manifest = peek(self.state.folder)
        known = {} if manifest is None else manifest.watched
        tables = {name: getattr(self.inputs, name) for name in ("accounts", "releases", "agreements")}
        folder = Path(self.inputs.usage)
        news = look(folder, known, tables)
        self._waits(news)
        if not news.any(self._unread) or (manifest is None and not news.watched.files):
            self._lag(manifest)
            if manifest is not None and manifest.generation != self._told:
                self._tell()  # what a scan by somebody else changed
            return
        begin = time.monotonic()
        # A table that is as it was is in the state; one that was never given is read with the first logs.
        given = [path if TABLES + name in news.tables else None for name, path in tables.items()]
        inputs = replace(self.inputs, accounts=given[0], releases=given[1], agreements=given[2])
        result = self.scan_round(inputs, replace(self.state, watched=news.watched), self._progress)
        manifest = peek(self.state.folder)
        known = {} if manifest is None else manifest.watched
        self._unread = {n: news.watched.seen[n] for n in news.watched.files if n not in known}
        lost = {f["source"]: why(f["reason"], f["detail"]) for f in result.run["files"]["not_whole"]}
        self.status.unreadable = {
            name: lost.get(name, "not all of it could be read") for name in self._unread
        }
        self.status.rounds += 1
        self.status.files_read += len(news.watched.files) - len(self._unread)
        self.status.last_round_seconds = round(time.monotonic() - begin, 3)
        self._lag(manifest)
        told = self._tell()
        self._waits(look(folder, known, tables))
        rows = result.run["state"]["rows"]
        new = rows["held"] - rows["before"]
        for name, reason in self.status.unreadable.items():
            self.say(f"{folder / name}: {reason}; it is tried again when it changes")
        unread = f" ({len(self._unread)} could not be read)" if self._unread else ""
        self.say(
            f"{plural(len(news.watched.files), 'file')}{unread}, {plural(new, 'new exchange')},"
            f" {plural(told, 'changed group')} in {self.status.last_round_seconds:.1f} s; lag {self._lag_in_words()},"
            f" {plural(self.status.files_waiting, 'file')} waiting"
        )

    def _waits(self, news: News) -> None:
        """Note what is to be read, and of what could not be read what is still there as it was."""
        there = news.watched.seen
        self._unread = {name: seen for name, seen in self._unread.items() if there.get(name) == seen}
        self.status.unreadable = {
            n: reason for n, reason in self.status.unreadable.items() if n in self._unread
        }
        self.status.files_unreadable = len(self._unread)
        self.status.files_waiting = len(news.waiting(self._unread))

    def _lag(self, manifest: Manifest | None) -> None:
        if manifest is None or not manifest.segments:
            return
        newest = max(segment.last_us for segment in manifest.segments)
        self.status.newest_exchange = datetime.fromtimestamp(newest / 1e6, UTC)
        self.status.lag_seconds = round((datetime.now(UTC) - self.status.newest_exchange).total_seconds(), 1)

    def _lag_in_words(self) -> str:
        lag = self.status.lag_seconds
        if lag is None:
            return "unknown"
        return (
            f"{lag:.0f} s"
            if lag < 7200
            else f"{lag / 3600:.1f} h"
            if lag < 48 * 3600
            else f"{lag / 86400:.1f} days"
        )

    def _tell(self) -> int:
        """Hand the receivers what the state keeps; how many changes of groups the last scan made."""
        manifest = peek(self.state.folder)
        if manifest is None:
            return 0
        if not self._ready:
            self._sink, self._courier = self.sinks(manifest.state_id)
            self._ready = True
            if self._courier is not None:
                self._courier.start()
        try:
            changes = changes_of(Store(self.state.folder, manifest))
        except FileNotFoundError:
            # A scan by somebody else has just replaced it: the next round tells.
            return 0
        if self._courier is not None:
            self._courier.offer(changes)
        told = 0 if self._sink is None else self._sink.send(changes)
        self.status.events += told
        self._told = manifest.generation
        return sum(change.scan == manifest.generation for change in changes)

    def _write_status(self) -> None:
        if self._courier is not None:
            self.status.webhook_waiting = self._courier.waiting
            self.status.webhook_problem = self._courier.problem
        self.out.mkdir(parents=True, exist_ok=True)
        aside = self.out / f".{STATUS}.aside"
        aside.write_text(json.dumps(self.status.as_dict(), indent=2, sort_keys=True) + "\n")
        aside.replace(self.out / STATUS)
