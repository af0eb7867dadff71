"""An exercise from its settings: build the world, its traffic and its truth, and write them out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from stillwatch.drill import knobs as knob
from stillwatch.drill import lookalikes, scenarios
from stillwatch.drill.campaigns import classes as campaign_classes
from stillwatch.drill.campaigns.engine import build, vary
from stillwatch.drill.campaigns.knobs import Knobs, tiered
from stillwatch.drill.clock import read_arrivals
from stillwatch.drill.lookalikes.base import LookAlike, LookAlikeKnobs, Scene
from stillwatch.drill.population import populate
from stillwatch.drill.prompts.library import read_prompts
from stillwatch.drill.randomness import Arr
from stillwatch.drill.render import Schedule
from stillwatch.drill.setting import Setting
from stillwatch.drill.traffic import Cast, Group, Stream
from stillwatch.records.errors import InputError

START = 1_772_409_600_000_000  # Monday 2 March 2026, 00:00 UTC
COMMON_KNOBS = frozenset({"output_text_share"})
# Groups are made smaller where they would leave the population less than this share of the totals.
POPULATION_SHARE = 0.4


@dataclass(frozen=True)
class Settings:
    """What a user asks for; None: what the scenario says."""

    scenario: str = "default"
    exchanges: int | None = None
    accounts: int | None = None
    days: int | None = None
    seed: int = 1
    tier: str | None = None
    labs: int = 1
    scale: float = 1.0
    prompts: Path | None = None
    arrivals: Path | None = None
    knobs: tuple[str, ...] = ()
    lookalikes: int = 1  # groups of each class of look-alikes that the scenario has


@dataclass
class Exercise:
    """One lab's exercise, ready to be rendered."""

    setting: Setting
    scenario: scenarios.Scenario
    accounts: Any
    streams: list[Stream]
    groups: list[Group]
    members: list[tuple[Arr, str | None, str, str]]
    agreements: list[dict[str, Any]]
    schedule: Schedule
    output_text: float


_Chosen = tuple[campaign_classes.CampaignClass, str, str, Knobs]  # class, tier, tag, knobs
_Benign = tuple[LookAlike, tuple[object, ...], LookAlikeKnobs]  # class, names of its randomness, knobs


def plan(settings: Settings) -> tuple[scenarios.Scenario, dict[tuple[str, str], float]]:
    """The scenario with the user's totals, and the knobs that are turned. Raises InputError for bad settings."""
    s = scenarios.find(settings.scenario, scale=settings.scale, tier=settings.tier)
    turned = knob.parse(settings.knobs)
    known: dict[str, Any] = {c.name: c.knobs for c in campaign_classes.CLASSES.values()}
    known |= {c.name: c.knobs for c in lookalikes.CLASSES.values()}
    knob.check(turned, known, COMMON_KNOBS)
    part = {p.kind for p in s.campaigns} | set(s.lookalikes)
    if idle := sorted({owner for owner, _ in turned if owner and owner not in part}):
        raise InputError(
            f"{', '.join(idle)} is no part of scenario {s.name}",
            where="--knob",
            mend=f"turn a knob of {', '.join(sorted(part))}, or choose another scenario",
        )
    exchanges, accounts, days = (
        s.exchanges if settings.exchanges is None else settings.exchanges,
        s.accounts if settings.accounts is None else settings.accounts,
        s.days if settings.days is None else settings.days,
    )
    for name, value, least in (
        ("--exchanges", exchanges, 100),
        ("--accounts", accounts, 50),
        ("--days", days, 2),
    ):
        if value < least:
            raise InputError(f"{value} is too small", where=name, mend=f"give at least {least}")
    if exchanges < accounts:
        raise InputError(
            f"{exchanges} exchanges for {accounts} accounts",
            where="--exchanges",
            mend="give at least one exchange for each account",
        )
    grown = s.group_scale if s.name == "published-2026" else s.group_scale * accounts / s.accounts
    return replace(s, exchanges=exchanges, accounts=accounts, days=days, group_scale=grown), turned


def _resize(k: Any, scale: float, volume: float = 1.0) -> Any:
    """Groups of another size: fewer accounts down to eight (or what the class has), the rest by volume."""
    least = min(k.accounts, 8)
    n = max(least, round(k.accounts * scale))
    spill = min(1.0, k.accounts * scale / n)
    return replace(k, accounts=n, volume_mean=max(k.volume_mean * volume * max(spill, 0.05), 2.0))


def _load(ks: Sequence[Any]) -> tuple[float, float]:
    """Accounts and exchanges of groups with these knobs."""
    accounts = sum(k.accounts for k in ks)
    rows = sum(
        k.accounts * (k.volume_mean / (1 - min(getattr(k, "relay_share", 0.0), 0.95)) + k.own_use) for k in ks
    )
    return accounts, rows


def make(settings: Settings, lab: int = 0) -> Exercise:
    """Build one lab's exercise (all in memory but the words). Raises InputError for bad settings."""
    scenario, turned = plan(settings)
    arrivals = read_arrivals(settings.arrivals) if settings.arrivals else None
    library = read_prompts(settings.prompts) if settings.prompts else []
    setting = Setting.make(settings.seed, START, scenario.days, lab=lab, arrivals=arrivals, library=library)
    labs = max(settings.labs, 1)
    chosen = _campaigns(settings, scenario, setting, turned, lab, labs)
    total_accounts, total = _totals(scenario, chosen, turned, labs)
    benign = _benign(settings, scenario, setting, turned, labs)
    chosen, benign = _fit(chosen, benign, total_accounts, total, scenario, turned)
    casts = [build(setting, c, tier, tag, k, labs) for c, tier, tag, k in chosen]
    for c, names, k in benign:
        cast, rng = Cast(), setting.rng("look-alike", *names)
        c.build(setting, rng, k, Scene(setting, rng, c.name, c.expected, cast))
        casts.append(cast)
    used = sum(len(s) for cast in casts for s in cast.streams)
    others = total_accounts - sum(c.size for c in casts)
    if others < 0 or used + others > total:
        raise InputError(
            f"the groups need {total_accounts - others:,} accounts and {used:,} exchanges",
            where=f"--accounts {total_accounts} --exchanges {total}",
            mend="give more of both, or smaller groups with --knob",
        )
    casts.append(populate(setting, others, total - used))
    return _assemble(setting, scenario, casts, turned.get(("", "output_text_share"), 0.03))


def _totals(
    scenario: scenarios.Scenario, chosen: Sequence[_Chosen], turned: dict[tuple[str, str], float], labs: int
) -> tuple[int, int]:
    """Accounts and exchanges of one lab: campaigns of exact size at the lab that has them, the rest in equal parts."""
    exact = {p.kind: p.knobs for p in scenario.campaigns if p.exact and p.knobs}
    all_a, all_e = _load([knob.turn(k, kind, turned) for kind, k in exact.items()])
    own_a, own_e = _load([k for c, _, _, k in chosen if c.name in exact])
    accounts = (scenario.accounts - all_a) / labs + own_a
    return round(accounts), round((scenario.exchanges - all_e) / labs + own_e)


def _campaigns(
    settings: Settings,
    scenario: scenarios.Scenario,
    setting: Setting,
    turned: dict[tuple[str, str], float],
    lab: int,
    labs: int,
) -> list[_Chosen]:
    out = []
    for i, part in enumerate(scenario.campaigns):
        kind = campaign_classes.CLASSES[part.kind]
        fixed = {name for who, name in turned if who in ("", part.kind)}
        k = tiered(part.knobs or kind.knobs, part.tier)
        if not part.exact:
            k = vary(_resize(k, scenario.group_scale), setting.actor_rng("vary", part.kind, i), fixed)
        k = knob.turn(k, part.kind, turned)
        if labs > 1 and min(labs, k.labs_spanned) == 1 and i % labs != lab:
            continue
        out.append((kind, part.tier, str(i), k))
    return out


def _benign(
    settings: Settings,
    scenario: scenarios.Scenario,
    setting: Setting,
    turned: dict[tuple[str, str], float],
    labs: int,
) -> list[_Benign]:
    out: list[_Benign] = []
    # The first of a class is what it would be alone.
    copies = [
        (name, *((i,) if i else ())) for name in scenario.lookalikes for i in range(settings.lookalikes)
    ]
    for names in copies:
        name = str(names[0])
        c, rng = lookalikes.CLASSES[name], setting.rng("vary", *names)
        k: LookAlikeKnobs = _resize(c.knobs, scenario.group_scale / labs)
        k = replace(
            k,
            accounts=max(1, round(k.accounts * rng.lognormal(0, 0.3))),
            volume_mean=k.volume_mean * rng.lognormal(0, 0.3),
        )
        out.append((c, names, knob.turn(k, name, turned)))
    return out


def _fit(
    chosen: list[_Chosen],
    benign: list[_Benign],
    accounts: int,
    exchanges: int,
    scenario: scenarios.Scenario,
    turned: dict[tuple[str, str], float],
) -> tuple[list[_Chosen], list[_Benign]]:
    """Make groups smaller until the population keeps its share, sizes that the user set excepted."""
    exact = {p.kind for p in scenario.campaigns if p.exact}

    def shrink(k: Any, name: str, f: float, v: float) -> Any:
        fixed = {knob_name for who, knob_name in turned if who in ("", name)}
        smaller = _resize(k, f, v)
        return replace(k, **{n: getattr(smaller, n) for n in ("accounts", "volume_mean") if n not in fixed})

    for _ in range(20):
        free = [k for c, _, _, k in chosen if c.name not in exact] + [k for _, _, k in benign]
        held = [k for c, _, _, k in chosen if c.name in exact]
        have_a, have_e = _load(free)
        held_a, held_e = _load(held)
        room_a, room_e = (
            (accounts - held_a) * (1 - POPULATION_SHARE),
            (exchanges - held_e) * (1 - POPULATION_SHARE),
        )
        f = min(1.0, max(room_a, 1) / max(have_a, 1))
        v = min(1.0, max(room_e, 1) / max(have_e * f, 1))
        if f >= 1 and v >= 1:
            break
        chosen = [(c, t, tag, k if c.name in exact else shrink(k, c.name, f, v)) for c, t, tag, k in chosen]
        benign = [(c, names, shrink(k, c.name, f, v)) for c, names, k in benign]
    return chosen, benign


def _assemble(
    setting: Setting, scenario: scenarios.Scenario, casts: Sequence[Cast], output_text: float
) -> Exercise:
    accounts, streams, members = [], [], []
    base = 0
    for cast in casts:
        for s in cast.streams:
            s.account = (s.account + base).astype(np.int32)
            streams.append(s)
        members += [(n + base, group, kind, tier) for n, group, kind, tier in cast.members]
        accounts += cast.accounts
        base += cast.size
    groups = {g.group_id: g for cast in casts for g in cast.groups}
    streams = [s for s in streams if len(s)]
    schedule = Schedule.assemble(streams, setting.seed)
    for s in streams:  # the schedule holds them now
        s.time = s.account = s.session = s.turn = s.item = np.zeros(1, np.int8)
        s.blocked = None
    return Exercise(
        setting,
        scenario,
        np.concatenate(accounts),
        streams,
        list(groups.values()),
        members,
        [a for cast in casts for a in cast.agreements],
        schedule,
        output_text,
    )
