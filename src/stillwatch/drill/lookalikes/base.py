"""What the classes of look-alikes have in common."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from stillwatch.drill.clock import DAY, HOUR
from stillwatch.drill.people import PAYMENT, PLAN, before
from stillwatch.drill.prompts.items import WorkList
from stillwatch.drill.prompts.packs import packs
from stillwatch.drill.prompts.templates import draw
from stillwatch.drill.randomness import Arr
from stillwatch.drill.setting import Setting
from stillwatch.drill.traffic import Cast, Group, Stream, Voice, organic
from stillwatch.drill.voices import Ordinary, Templated


@dataclass(frozen=True)
class LookAlikeKnobs:
    """Size and shape of a look-alike group."""

    accounts: int = 20  # accounts of the group
    volume_mean: float = 60.0  # exchanges of this use per account
    volume_cv: float = 0.5  # their coefficient of variation
    items: int = 0  # length of a fixed list (0: every item is new)
    own_use: float = 6.0  # ordinary exchanges per account beside it


Builder = Callable[[Setting, np.random.Generator, LookAlikeKnobs, "Scene"], None]


@dataclass(frozen=True)
class LookAlike:
    """One class: what it is expected to be called, and how it is built."""

    name: str
    title: str
    description: str
    expected: str
    knobs: LookAlikeKnobs
    build: Builder


@dataclass
class Scene:
    """One group in the making."""

    setting: Setting
    rng: np.random.Generator
    kind: str
    expected: str
    cast: Cast

    def old(self, a: Any, limit: Arr | int) -> None:
        """Make accounts older than `limit`."""
        a["created"] = before(self.rng, a["created"], limit)

    @property
    def start(self) -> int:
        """The window's first microsecond."""
        return self.setting.clock.start

    @property
    def end(self) -> int:
        """The first microsecond after the window."""
        return self.setting.clock.end

    def people(self, n: int, surface: str | None = "api", plan: str | None = None) -> Any:
        """`n` ordinary accounts on a surface and plan (None: mixed)."""
        return self.setting.people.draw(self.rng, n, surface=surface, plan=plan)

    def company(
        self, a: Any, *, one_card: bool = True, verified: bool = True, network: str = "business"
    ) -> Any:
        """Make accounts one organisation's: its name, mail domain, address, payment, country and hours."""
        people = self.setting.people
        org = people.organisation(self.rng)
        a["organisation"], a["verified"] = org, verified
        a["domain"] = people.domain(self.rng, org)
        for name in ("country", "billing", "offset", "language"):
            a[name] = a[name][0]
        a["main_pool"] = self.setting.places.draw(self.rng, network, a["country"][:1])[0]
        a["main_key"], a["lease"], a["alt_share"] = a["main_key"][0], 0, a["alt_share"] * 0.3
        if one_card:
            a["payment_kind"] = np.where(self.rng.random() < 0.5, PAYMENT["invoice"], PAYMENT["card"])
            a["payment"] = people.keys(self.rng, 1)[0]
            a["plan"] = np.where(a["plan"] == PLAN["free"], PLAN["paid"], a["plan"])
        return a

    def group(self, numbers: Arr) -> str:
        """The group of these accounts."""
        g = Group("g" + self.rng.bytes(8).hex(), self.kind, "ordinary", False, self.expected)
        return self.cast.join(g, numbers)

    def volumes(self, k: LookAlikeKnobs, n: int) -> Arr:
        """Log-normal volumes with the knobs' mean and coefficient of variation."""
        s = np.sqrt(np.log1p(k.volume_cv**2))
        drawn = np.maximum(
            np.round(k.volume_mean * np.exp(s * self.rng.standard_normal(n) - s * s / 2)), 1
        ).astype(np.int64)
        return np.asarray(drawn)

    def templated(
        self,
        wording: str,
        item: str,
        *,
        fixed: int = 0,
        templates: int = 1,
        language: int | None = None,
        **more: Any,
    ) -> Templated:
        """A voice that fills one or a few wordings."""
        pick = self.setting.people.language(self.rng) if language is None else language
        pack = packs()[self.setting.languages[pick]]
        words = draw(self.rng, pack, wording, templates)
        work = WorkList(pack, item, int(self.rng.integers(1 << 40)), float(self.rng.uniform(0, 3)))
        return Templated((work,), (words,), fixed=fixed, templates=templates, **more)

    def put(
        self,
        voice: Voice,
        numbers: Arr,
        owner: Arr,
        time: Arr,
        session: Arr,
        turn: Arr,
        item: Arr,
        group: str | None,
    ) -> None:
        """Add traffic."""
        self.cast.streams.append(
            Stream(
                voice,
                numbers[owner],
                time,
                session.astype(np.int32),
                turn.astype(np.int16),
                item.astype(np.int32),
                group,
            )
        )

    def organic(
        self,
        voice: Voice,
        a: Any,
        numbers: Arr,
        volumes: Arr,
        group: str | None,
        turns: float = 2.0,
        low: Arr | None = None,
        high: Arr | None = None,
        per_account: bool = False,
    ) -> None:
        """Traffic by people's own hours; items numbered over all, or anew in each account."""
        owner, time, session, turn = organic(self.rng, self.setting.clock, a, volumes, turns, low, high)
        item = steps(owner, time) if per_account else np.arange(len(time))
        self.put(voice, numbers, owner, time, session, turn, item, group)

    def runs(
        self,
        voice: Voice,
        numbers: Arr,
        volumes: Arr,
        begin: Arr,
        seconds: float,
        group: str | None,
        per_account: bool = True,
        low: Arr | None = None,
    ) -> None:
        """Programs that start at `begin` (one for each account) and ask once in about `seconds`."""
        owner = np.repeat(np.arange(len(volumes)), volumes)
        wait = self.rng.gamma(2.0, seconds / 2.0, len(owner))
        first = np.concatenate([[0], np.cumsum(volumes)[:-1]])
        run = np.cumsum(wait)
        since = run - run[first[owner]]
        room = np.maximum(self.end - begin[owner] - HOUR // 60, HOUR // 60) / 1e6
        longest = np.zeros(len(volumes))
        np.maximum.at(longest, owner, since)
        since = since * np.minimum(1.0, room / np.maximum(longest[owner], 1e-9))
        time = np.minimum(begin[owner] + (since * 1e6).astype(np.int64), self.end - 1)
        item = np.arange(len(owner)) - first[owner] if per_account else np.arange(len(owner))
        self.put(voice, numbers, owner, time, np.arange(len(owner)), np.ones(len(owner)), item, group)

    def flat(
        self,
        voice: Voice,
        numbers: Arr,
        volumes: Arr,
        low: int,
        high: int,
        group: str | None,
        strength: float = 0.3,
        rhythm: Arr | None = None,
    ) -> None:
        """Programs that work between `low` and `high` round the clock (or by a rhythm), in uneven bursts."""
        owner = np.repeat(np.arange(len(volumes)), volumes)
        clock = self.setting.clock
        curve = clock.bursts(self.rng, strength) * (1.0 if rhythm is None else rhythm)
        n = len(owner)
        time = clock.place(curve, self.rng.random(n), np.full(n, low), np.full(n, high))
        self.put(voice, numbers, owner, time, np.arange(n), np.ones(n), np.arange(n), group)

    def own_use(self, a: Any, numbers: Arr, mean: float) -> None:
        """The accounts' ordinary exchanges, outside any group."""
        if mean > 0:
            v = self.rng.poisson(mean * self.rng.gamma(0.5, 2.0, len(a)))
            self.organic(Ordinary(self.setting.prompts), a, numbers, v, None)

    def moment(self, low: float, high: float) -> int:
        """A random time between two shares of the window."""
        return self.start + int(self.rng.uniform(low, high) * self.setting.clock.days * DAY)


def steps(owner: Arr, time: Arr) -> Arr:
    """The place of each exchange in its own account's order of time (0, 1, 2, ...)."""
    order = np.lexsort((time, owner))
    first = np.r_[True, owner[order][1:] != owner[order][:-1]] if len(order) else np.zeros(0, bool)
    at = np.arange(len(order))
    out = np.empty(len(order), np.int64)
    out[order] = at - np.maximum.accumulate(np.where(first, at, 0))
    return out
