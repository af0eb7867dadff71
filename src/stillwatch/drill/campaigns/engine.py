"""From knobs to a campaign: its accounts, its means, its hours and its work list."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stillwatch.drill.campaigns.classes import CampaignClass
from stillwatch.drill.campaigns.knobs import Knobs
from stillwatch.drill.clock import DAY, HOUR
from stillwatch.drill.people import PAYMENT, PLAN, before
from stillwatch.drill.places import CODES, WEIGHTS
from stillwatch.drill.prompts.items import WorkList
from stillwatch.drill.prompts.packs import packs
from stillwatch.drill.prompts.templates import Wordings, draw
from stillwatch.drill.randomness import Arr
from stillwatch.drill.setting import Setting
from stillwatch.drill.strings import column
from stillwatch.drill.traffic import Cast, Group, Stream, conversations, organic, settle
from stillwatch.drill.voices import Ordinary, Templated

PARAPHRASES = 400  # wordings a campaign has for paraphrased requests, beyond its common ones


@dataclass(frozen=True)
class Actor:
    """What one actor brings to every lab: when it starts, its cards, its wordings and its common bursts."""

    group_id: str
    start: int
    offset: float
    cards: Arr
    hosts: Arr
    bursts: Arr
    languages: tuple[int, ...]
    burst_times: Arr  # of sign-ups
    identities: (
        Arr  # raw mail and telephone numbers that accounts at several labs may share, shape (2, accounts)
    )
    domains: tuple[str, ...]
    pivot: int  # microseconds after the release

    @classmethod
    def make(cls, setting: Setting, kind: str, tag: str, k: Knobs) -> "Actor":
        """The actor of one campaign: equal at every lab."""
        rng = setting.actor_rng(kind, tag)
        clock = setting.clock
        early = clock.start + int(rng.uniform(0.0, 0.2) * clock.days * DAY)
        cards = rng.integers(
            1, 1 << 63, max(1, round(k.accounts / max(k.accounts_per_card, 1))), dtype=np.uint64
        )
        hosts = rng.integers(
            1, 1 << 63, max(1, round(k.accounts / max(k.accounts_per_address, 1))), dtype=np.uint64
        )
        known = len(setting.languages)
        drawn = setting.people.language(rng)  # always drawn, so that all but the words stays when it is set
        first = drawn if k.language < 0 else k.language
        rest = [int(x) for x in rng.permutation(known) if x != first]
        return cls(
            "g" + rng.bytes(8).hex(),
            early,
            float(rng.uniform(-11, 12)),
            cards,
            hosts,
            clock.bursts(rng, k.burst_strength, int(rng.integers(2, 5))),
            tuple([first, *rest][: max(k.languages, 1)]),
            early - rng.uniform(0.5, 40.0, k.signup_bursts) * DAY,
            rng.integers(1, 1 << 63, (2, max(k.accounts, 1)), dtype=np.uint64),
            tuple(f"{rng.bytes(4).hex()}.example" for _ in range(int(rng.integers(1, 4)))),
            int(rng.uniform(1, 6) * HOUR),
        )


def recruit(setting: Setting, rng: np.random.Generator, actor: Actor, k: Knobs, n: int) -> Any:
    """Accounts of a campaign at one lab: ordinary ones as far as their purpose leaves them so."""
    people, clock = setting.people, setting.clock
    surface = rng.choice(3, n, p=_shares(1 - k.app_share - k.cloud_share, k.app_share, k.cloud_share))
    a = np.concatenate(
        [
            people.draw(rng, int((surface == i).sum()), surface=s)
            for i, s in enumerate(("api", "app", "cloud"))
        ]
    )
    a = a[rng.permutation(n)]
    free = rng.random(n) < k.free_share
    a["plan"] = np.where(free, PLAN["free"], np.where(rng.random(n) < 0.93, PLAN["paid"], PLAN["startup"]))
    cloud = a["surface"] == 2
    kind = np.where(rng.random(n) < k.virtual_card_share, PAYMENT["virtual_card"], PAYMENT["card"])
    a["payment_kind"] = np.where(free, PAYMENT["none"], np.where(cloud, PAYMENT["cloud_marketplace"], kind))
    card = np.where(rng.random(n) < k.shared_payment_rate, rng.choice(actor.cards, n), people.keys(rng, n))
    a["payment"] = np.where(free, 0, card)
    named = people.named(rng, a)
    a["organisation"] = np.where(named, [people.organisation(rng) for _ in range(n)], -1)
    a["verified"] = rng.random(n) < k.verified_share
    domains = [people.intern("domains", d) for d in actor.domains]
    a["domain"] = np.where(rng.random(n) < k.disposable_mail_share, rng.choice(domains, n), a["domain"])
    burst = rng.choice(actor.burst_times, n) + rng.normal(0, k.signup_days / 2, n) * DAY
    young = rng.random(n) < k.young_share
    a["created"] = np.where(young, before(rng, burst, actor.start - HOUR, DAY), a["created"])
    if k.spike_days:  # most are made for the spike
        late = _peak(setting, k) - rng.exponential(16 * HOUR, n).astype(np.int64)
        a["created"] = np.where(young & (rng.random(n) > 2 * k.slow_start_share), late, a["created"])
    a["created"] = before(rng, a["created"], clock.start + (clock.days - 1) * DAY, DAY)
    proxied = rng.random(n) < k.residential_share
    world = rng.choice(len(CODES), n, p=WEIGHTS)
    homes, hosts = setting.places.draw(rng, "residential", world), setting.places.draw(rng, "hosting", world)
    hosted = (~proxied) & (a["surface"] != 1)
    host = rng.integers(0, len(actor.hosts), n)
    if not k.accounts_per_address:
        host = np.arange(n) % len(actor.hosts)
    pools = setting.places.by_kind["hosting", -1]
    a["main_pool"] = np.where(proxied, homes, np.where(hosted, pools[host % len(pools)], a["main_pool"]))
    a["main_key"] = np.where(hosted, actor.hosts[host], a["main_key"])
    a["lease"] = np.where(hosted, 0, a["lease"])
    a["alt_share"] = np.where(proxied, 0.3, np.where(hosted, a["alt_share"] * 0.2, a["alt_share"]))
    a["alt_pool"] = np.where(proxied, setting.places.draw(rng, "residential", rng.permutation(world)), hosts)
    a["rotation"] = np.where(proxied, rng.choice([0, 1, 1, 2], n), 0)
    a["offset"] = actor.offset + rng.normal(0, 0.5, n)
    for name in ("api", "app"):
        rows = np.flatnonzero((a["surface"] == 1) == (name == "app"))
        agents, prints = setting.clients.draw(rng, name, max(k.clients, 1))
        at = rng.integers(0, max(k.clients, 1), len(rows))
        a["agent"][rows] = np.where(a["agent"][rows] < 0, -1, agents[at])
        a["ja4"][rows] = prints[at]
    own = np.flatnonzero(rng.random(n) < k.unique_fingerprint_share)
    for at_own in own.tolist():
        a["ja4"][at_own] = setting.clients.fresh_print(f"{actor.group_id}/{setting.lab}/{at_own}")
    a["second_share"] = np.where(rng.random(n) < 0.8, 0.0, a["second_share"])
    a["size"], a["size_share"] = 0, 0.92
    moved = rng.random(n) < k.pivot_share
    a["adopt"] = np.where(
        moved, (rng.uniform(0, 1, n) ** 2 * 20 * HOUR).astype(np.int64) + actor.pivot // 2, a["adopt"]
    )
    a["credentials"] = np.maximum(k.credential_count, np.where(rng.random(n) < 0.85, 1, 2))
    if k.labs_spanned > 1:  # the same persons, as the providers' identity systems know them
        for i, name in enumerate(("mail", "phone")):
            known = (rng.random(n) < k.shared_identity_rate) & (a[name] > 0)
            a[name] = np.where(known, actor.identities[i, :n], a[name])
            if name == "mail":
                a["domain"] = np.where(known, domains[0], a["domain"])
    a["language"] = np.where(rng.random(n) < 0.7, actor.languages[0], a["language"])
    if k.accounts_per_phone > 1:
        each = np.arange(n) // k.accounts_per_phone
        a["phone"] = people.keys(rng, int(each.max()) + 1)[each]
    return a


def _shares(*p: float) -> Arr:
    w = np.clip(np.array(p), 0, None)
    return np.asarray(w / w.sum())


def _peak(setting: Setting, k: Knobs) -> int:
    """When the spike begins."""
    return setting.clock.start + int(max(setting.clock.days - k.spike_days, 0.0) * 0.75 * DAY)


def volumes_of(rng: np.random.Generator, mean: float, cv: float, n: int) -> Arr:
    """`n` log-normal volumes of at least 1 with this mean and coefficient of variation."""
    s = np.sqrt(np.log1p(cv * cv))
    drawn = np.maximum(np.round(mean * np.exp(s * rng.standard_normal(n) - s * s / 2)), 1).astype(np.int64)
    return np.asarray(drawn)


def _times(
    setting: Setting,
    rng: np.random.Generator,
    actor: Actor,
    k: Knobs,
    a: Any,
    volumes: Arr,
    low: Arr,
    high: Arr,
) -> tuple[Arr, Arr, Arr, Arr]:
    """Exchanges of a campaign: the group's common bursts for a share of them, own hours for the others."""
    clock = setting.clock
    owner, session, turn, since = conversations(rng, volumes, k.turns_mean, gap=25.0)
    host = owner[turn == 1]
    n = len(host)
    office = clock.rhythm(0, actor.offset)
    steady = k.night_share + (1 - k.night_share) * office
    common, own = steady * actor.bursts, steady * clock.noise
    low, high = low[host], high[host]
    follows = rng.random(n) < k.sync
    u = rng.random(n)
    start = np.where(follows, clock.place(common, u, low, high), clock.place(own, u, low, high))
    if k.spike_days:
        peak = _peak(setting, k)
        inside = rng.random(n) >= k.slow_start_share
        lo, hi = np.maximum(low, peak), np.minimum(peak + int(k.spike_days * DAY), high)
        start = np.where(inside & (hi > lo), clock.place(common, u, lo, np.maximum(hi, lo + HOUR)), start)
    return owner, settle(clock, start, session, since), session, turn


def _voice(
    setting: Setting, actor: Actor, rng: np.random.Generator, wording: str, item: str, k: Knobs
) -> Templated:
    every = list(packs().values())
    lists, wordings = [], []
    facts = 0.0
    for language in actor.languages:
        pack = every[language]
        count = k.templates + (PARAPHRASES if k.paraphrase_rate else 0)
        words: Wordings = draw(rng, pack, wording, count)
        # A sentence of free text is about 55 characters (18 in denser scripts), a bare item two of them.
        dense = 55 * 0.25 / pack.tokens_per_char
        share = min(max(k.slot_share, 0.05), 0.95)
        facts = max(0.0, min(share / (1 - share) * words.length / dense - 2.0, 10.0))
        lists.append(WorkList(pack, item, int(rng.integers(1 << 40)), facts))
        wordings.append(words)
    blocks = None
    if k.replay_blocks:
        blocks = column([_sealed(rng) for _ in range(k.replay_blocks)])
    return Templated(
        tuple(lists),
        tuple(wordings),
        paraphrase=k.paraphrase_rate,
        templates=k.templates,
        plain=1 - k.elicitation_rate,
        answer_tokens=k.answer_tokens,
        tools=k.tools_mean,
        refused=k.refused_share,
        blocks=blocks,
        in_prompt=k.in_prompt > 0,
        tasks=setting.prompts if k.any_task else None,
    )


def _sealed(rng: np.random.Generator) -> str:
    """A sealed reasoning block: letters that mean nothing."""
    alphabet = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))
    return "".join(rng.choice(alphabet, int(rng.integers(220, 700)))) + "=="


def build(setting: Setting, kind: CampaignClass, tier: str, tag: str, k: Knobs, labs: int = 1) -> Cast:
    """One campaign at this lab. `tag` tells campaigns of one class apart; `labs`: how many labs there are."""
    actor = Actor.make(setting, kind.name, tag, k)
    rng, brain = setting.rng("campaign", kind.name, tag), setting.actor_rng("words", kind.name, tag)
    cast, clock = Cast(), setting.clock
    over = min(labs, k.labs_spanned)
    n = max(k.accounts // max(over, 1), min(k.accounts, 2))
    a = recruit(setting, rng, actor, k, n)
    if k.system_share:
        text = setting.people.intern(
            "systems",
            f"You are {actor.group_id[1:5]}-runner, an agent that finishes tasks. Keep a full log of your decisions.",
        )
        a["system"] = np.where((rng.random(n) < k.system_share) & (a["system"] >= 0), text, a["system"])
    volumes = volumes_of(rng, k.volume_mean, k.volume_cv, n)
    low = np.maximum(actor.start, a["created"] + HOUR)
    high = np.full(n, clock.end)
    generation = np.zeros(n, int)
    if k.generations > 1:
        generation = rng.integers(0, k.generations, n)
        edges = np.linspace(actor.start, clock.end, k.generations + 1).astype(np.int64)
        made = edges[generation] - (rng.uniform(0.5, 22, n) * HOUR).astype(np.int64)
        a["created"] = np.where(generation > 0, made, a["created"])
        low = np.maximum(edges[generation], a["created"] + HOUR // 2)
        high = np.minimum(edges[generation + 1] + (rng.uniform(-6, 6, n) * HOUR).astype(np.int64), clock.end)
        high = np.maximum(high, low + 2 * HOUR)
    numbers = cast.add(a)
    low, high = np.minimum(low, clock.end - 2 * HOUR), np.minimum(high, clock.end)
    owner, time, session, turn = _times(setting, rng, actor, k, a, volumes, low, high)
    blocked = np.zeros(len(time), bool)
    if k.downgrade_share:
        first_block = actor.start + (clock.end - actor.start) // max(k.generations, 2)
        leaves = rng.random(n) < k.downgrade_share
        away = first_block + rng.exponential(12 * HOUR, n).astype(np.int64)
        a["retreat"] = np.where(leaves, away, a["retreat"])
    if k.generations > 1:
        last = np.full(n, np.iinfo(np.int64).min)
        np.maximum.at(last, owner, time)
        blocked = (time >= last[owner] - 20 * 60_000_000) & (generation[owner] < k.generations - 1)
    group = Group(actor.group_id, kind.name, tier, True, "extraction")
    cast.join(group, numbers)
    part = rng.choice(len(kind.contents), len(time), p=_shares(*(c[2] for c in kind.contents)))
    covered = np.zeros(len(time), bool)
    if k.covered_share:
        covered = _agree(setting, rng, cast, a, owner, time, k.covered_share)
    for i, (wording, item, _) in enumerate(kind.contents):
        voice = _voice(setting, actor, brain, wording, item, k)
        # Labs get different parts of one list: item numbers go on from lab to lab.
        of_part = np.flatnonzero(part == i)
        number = np.arange(len(of_part)) * over + (setting.lab % over)
        if k.reuse_rate:
            again = rng.random(len(of_part)) < k.reuse_rate
            number = np.where(again, number[rng.integers(0, max(len(of_part), 1), len(of_part))], number)
        for free in (False, True):
            chosen = covered[of_part] == free
            rows, items = of_part[chosen], number[chosen].astype(np.int32)
            if len(rows):
                cast.streams.append(
                    Stream(
                        voice,
                        numbers[owner[rows]],
                        time[rows],
                        session[rows],
                        turn[rows],
                        items,
                        group.group_id,
                        not free,
                        blocked[rows],
                        series=group.group_id,
                    )
                )
    _others(setting, rng, cast, a, numbers, volumes, k, group.group_id)
    return cast


def _others(
    setting: Setting,
    rng: np.random.Generator,
    cast: Cast,
    a: Any,
    numbers: Arr,
    volumes: Arr,
    k: Knobs,
    group: str,
) -> None:
    """Relayed requests of other people, and the accounts' own ordinary use."""
    if k.relay_share > 0:
        share = min(k.relay_share, 0.95)
        extra = rng.poisson(volumes * share / (1 - share) * rng.gamma(2.0, 0.5, len(volumes)))
        spread = a.copy()
        spread["offset"] = rng.choice(np.arange(-8, 11), len(a))
        owner, time, session, turn = organic(rng, setting.clock, spread, extra)
        voice = Ordinary(setting.prompts, users=30, pass_users=False)
        cast.streams.append(
            Stream(voice, numbers[owner], time, session, turn, np.arange(len(time), dtype=np.int32), group)
        )
    if k.own_use > 0:
        own = rng.poisson(k.own_use * rng.gamma(0.7, 1 / 0.7, len(volumes)))
        owner, time, session, turn = organic(rng, setting.clock, a, own)
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


def _agree(
    setting: Setting, rng: np.random.Generator, cast: Cast, a: Any, owner: Arr, time: Arr, share: float
) -> Arr:
    """An agreement by organisation that covers the first requests of its verified accounts; which rows it covers."""
    org = setting.people.organisation(rng)
    declared = rng.random(len(a)) < 0.5
    a["organisation"] = np.where(declared, org, a["organisation"])
    a["verified"] = np.where(declared, True, a["verified"])
    order = np.argsort(time, kind="stable")
    inside = order[declared[owner[order]]]
    limit = max(1, int(share * len(time)))
    covered = np.zeros(len(time), bool)
    covered[inside[:limit]] = True
    cast.agreements.append(
        {
            "agreement_id": "a" + rng.bytes(6).hex(),
            "organisation": org,
            "purpose": "distillation",
            "starts_at": setting.clock.start - 90 * DAY,
            "ends_at": setting.clock.end + 90 * DAY,
            "max_exchanges": limit,
        }
    )
    return covered


def vary(k: Knobs, rng: np.random.Generator, fixed: set[str]) -> Knobs:
    """Knobs moved at random, so that no constant of a class can be learnt by heart; `fixed` ones stay."""
    moved: dict[str, Any] = {
        "accounts": max(8, round(k.accounts * rng.lognormal(0, 0.3))),
        "volume_mean": max(2.0, k.volume_mean * rng.lognormal(0, 0.3)),
        "volume_cv": k.volume_cv * rng.lognormal(0, 0.35),
        "templates": max(1, round(k.templates * rng.lognormal(0, 0.4))),
        "slot_share": float(np.clip(k.slot_share + rng.normal(0, 0.08), 0.25, 0.9)),
        "shared_payment_rate": float(np.clip(k.shared_payment_rate * rng.uniform(0.6, 1.3), 0, 1)),
        "accounts_per_card": max(2, round(k.accounts_per_card * rng.lognormal(0, 0.4))),
        "virtual_card_share": float(np.clip(k.virtual_card_share * rng.uniform(0.5, 1.5), 0, 1)),
        "disposable_mail_share": float(np.clip(k.disposable_mail_share * rng.uniform(0.4, 1.6), 0, 1)),
        "signup_days": k.signup_days * rng.lognormal(0, 0.5),
        "night_share": float(np.clip(k.night_share * rng.uniform(0.7, 1.2), 0, 1)),
        "sync": float(np.clip(k.sync * rng.uniform(0.7, 1.25), 0, 1)),
        "burst_strength": k.burst_strength * rng.uniform(0.7, 1.4),
        "residential_share": float(np.clip(k.residential_share * rng.uniform(0.6, 1.4), 0, 1)),
        "accounts_per_address": max(1, round(k.accounts_per_address * rng.lognormal(0, 0.4))),
        "clients": max(1, round(k.clients * rng.lognormal(0, 0.4))),
    }
    return replace(k, **{name: value for name, value in moved.items() if name not in fixed})
