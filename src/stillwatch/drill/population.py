"""The ordinary population, with its VPN users, travellers and families."""

from typing import Any

import numpy as np

from stillwatch.drill.clock import DAY
from stillwatch.drill.people import PAYMENT, PLAN, SURFACE
from stillwatch.drill.places import CODES
from stillwatch.drill.randomness import Arr
from stillwatch.drill.setting import Setting
from stillwatch.drill.traffic import Cast, Stream, organic
from stillwatch.drill.voices import Ordinary


def heavy_tailed(rng: np.random.Generator, n: int, total: int) -> Arr:
    """`n` volumes of at least 1 that add up to `total` (or to `n`, if greater): log-normal with a Pareto tail.

    Many accounts have one to five exchanges, a few have thousands.
    """
    if not n:
        return np.zeros(0, np.int64)
    raw = rng.lognormal(0.0, 1.5, n)
    tail = rng.random(n) < 0.04
    raw = np.where(tail, 4.0 * (1.0 + rng.pareto(1.3, n)), raw)
    raw = np.minimum(raw, np.sqrt(n) * 6 + 10)
    low, high = 0.0, 2.0 * total / raw.sum() + 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if np.maximum(raw * middle, 1).sum() < total else (low, middle)
    exact = np.maximum(raw * low, 1)
    volumes = np.floor(exact).astype(np.int64)
    volumes += rng.random(n) < exact - volumes
    short = max(total, n) - int(volumes.sum())
    while short:
        at = rng.choice(n, abs(short), p=exact / exact.sum())
        np.add.at(volumes, at, np.sign(short))
        volumes = np.maximum(volumes, 1)
        short = max(total, n) - int(volumes.sum())
    return np.asarray(volumes)


def vpn_users(rng: np.random.Generator, setting: Setting, a: Any) -> Any:
    """Give accounts a VPN: exits that strangers share, in a country of their choice."""
    pools = setting.places.by_kind["vpn", -1]
    weight = 1.0 / np.arange(1, len(pools) + 1) ** 0.8
    a["alt_pool"] = rng.choice(pools, len(a), p=weight / weight.sum())
    a["alt_share"] = rng.beta(3, 1.5, len(a))
    a["alt_key"] = rng.integers(0, 24, len(a))
    return a


def travellers(rng: np.random.Generator, setting: Setting, a: Any) -> Any:
    """Give accounts a trip abroad: another country's network for some days."""
    away = rng.choice(len(CODES), len(a))
    a["alt_pool"] = setting.places.draw(rng, "mobile", away)
    a["alt_share"] = 0.97
    a["alt_from"] = setting.clock.start + (rng.random(len(a)) * setting.clock.days * 0.7 * DAY).astype(
        np.int64
    )
    a["alt_to"] = a["alt_from"] + (rng.uniform(1.5, 9, len(a)) * DAY).astype(np.int64)
    return a


def families(rng: np.random.Generator, a: Any) -> Any:
    """Put accounts into households of two to five: one home address, often one card."""
    size = rng.integers(2, 6, len(a))
    house = np.repeat(np.arange(len(a)), size)[: len(a)]
    head = np.searchsorted(house, house)
    for name in ("country", "billing", "offset", "main_pool", "main_key", "lease"):
        a[name] = a[name][head]
    a["surface"] = SURFACE["app"]
    card = (rng.random(len(a)) < 0.75)[head] & (a["payment"][head] > 0)
    for name in ("payment", "payment_kind"):
        a[name] = np.where(card, a[name][head], a[name])
    a["plan"] = np.where(card, PLAN["paid"], a["plan"])
    a["payment_kind"] = np.where(card, PAYMENT["card"], a["payment_kind"])
    return a


def populate(setting: Setting, accounts: int, exchanges: int) -> Cast:
    """The ordinary population: so many accounts with so many exchanges in all."""
    rng, cast = setting.rng("population"), Cast()
    if accounts <= 0:
        return cast
    a = setting.people.draw(rng, accounts)
    marks = rng.choice(4, accounts, p=[0.9, 0.04, 0.02, 0.04])
    a[marks == 1] = vpn_users(rng, setting, a[marks == 1])
    a[marks == 2] = travellers(rng, setting, a[marks == 2])
    a[marks == 3] = families(rng, a[marks == 3])
    numbers = cast.add(a)
    for mark, kind in ((1, "vpn_users"), (2, "travellers"), (3, "families")):
        cast.members.append((numbers[marks == mark], None, kind, "ordinary"))
    volumes = heavy_tailed(rng, accounts, exchanges)
    owner, time, session, turn = organic(rng, setting.clock, a, volumes)
    cast.streams.append(
        Stream(
            Ordinary(setting.prompts),
            numbers[owner],
            time,
            session,
            turn,
            np.arange(len(time), dtype=np.int32),
        )
    )
    return cast
