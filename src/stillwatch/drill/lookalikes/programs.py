"""Look-alikes that are programs: harnesses, monitors, agents, clients, resellers, gateways."""

import numpy as np

from stillwatch.drill.clock import DAY, HOUR
from stillwatch.drill.lookalikes.base import LookAlike, LookAlikeKnobs, Scene
from stillwatch.drill.people import PLAN, before
from stillwatch.drill.prompts.packs import packs
from stillwatch.drill.prompts.templates import draw
from stillwatch.drill.setting import Setting
from stillwatch.drill.traffic import Rows, Speech
from stillwatch.drill.voices import Ordinary


def _harness(setting: Setting, rng: np.random.Generator, k: LookAlikeKnobs, scene: Scene) -> None:
    a = scene.people(k.accounts)
    a["adopt"] = (rng.uniform(0, 1, len(a)) * 30 * HOUR).astype(np.int64)
    a["size"], a["size_share"] = 0, 0.95
    scene.old(a, setting.models.launch - DAY)
    numbers = scene.cast.add(a)
    items = k.items or max(20, round(k.volume_mean))
    wording, item = [
        ("reasoning", "question"),
        ("answering", "question"),
        ("coding", "code"),
        ("grading", "answer"),
    ][int(rng.integers(4))]
    voice = scene.templated(wording, item, fixed=items)
    # Most run the whole list within a day and a half of the release, some part of it, some later again.
    begin = setting.models.launch + (rng.gamma(1.2, 14.0, len(a)) * HOUR).astype(np.int64)
    begin = np.minimum(begin, scene.end - 6 * HOUR)
    part = np.where(rng.random(len(a)) < 0.7, 1.0, rng.uniform(0.2, 2.0, len(a)))
    volumes = np.maximum((items * part).astype(np.int64), 5)
    scene.runs(voice, numbers, volumes, begin, float(rng.uniform(1.5, 20)), scene.group(numbers))
    scene.own_use(a, numbers, k.own_use)


def _monitor(setting: Setting, rng: np.random.Generator, k: LookAlikeKnobs, scene: Scene) -> None:
    a = scene.people(k.accounts)
    if rng.random() < 0.6:
        a = scene.company(a, network="hosting")
    scene.old(a, scene.start - 20 * DAY)
    numbers = scene.cast.add(a)
    items = k.items or int(rng.integers(6, 40))
    voice = scene.templated("answering", "question", fixed=items)
    rounds = max(2, round(k.volume_mean / items))
    every = setting.clock.days * DAY / rounds
    owner = np.repeat(np.arange(len(a)), rounds * items)
    step = np.tile(np.arange(rounds * items), len(a))
    phase = rng.uniform(0, 0.9, len(a)) * every
    time = (
        scene.start
        + phase[owner]
        + (step // items) * every
        + (step % items) * 2.5e6
        + rng.gamma(2.0, 4e5, len(owner))
    )
    time = np.minimum(time.astype(np.int64), scene.end - 1)
    scene.put(
        voice, numbers, owner, time, np.arange(len(owner)), np.ones(len(owner)), step, scene.group(numbers)
    )
    scene.own_use(a, numbers, k.own_use)


def _ci(setting: Setting, rng: np.random.Generator, k: LookAlikeKnobs, scene: Scene) -> None:
    a = scene.people(k.accounts)
    pools = setting.places.by_kind["hosting", -1]
    few = rng.choice(pools, 3)
    a["main_pool"], a["rotation"], a["alt_share"] = rng.choice(few, len(a)), 1, 0.0
    agents, prints = setting.clients.draw(rng, "api", 1)
    a["agent"], a["ja4"], a["second_share"] = agents[0], prints[0], 0.0
    a["system"] = setting.people.intern(
        "systems",
        f"You review pull requests in continuous integration, build {rng.integers(1000)}. Report defects only.",
    )
    numbers = scene.cast.add(a)
    voice = scene.templated("coding", "code", templates=2, language=0, tools=7.0, answer_tokens=380.0)
    scene.organic(voice, a, numbers, scene.volumes(k, len(a)), scene.group(numbers), turns=3.0)
    scene.own_use(a, numbers, k.own_use)


def _client(setting: Setting, rng: np.random.Generator, k: LookAlikeKnobs, scene: Scene) -> None:
    a = scene.people(k.accounts)
    rules = packs()["en"].say("details", rng.integers(1, 1 << 62, 24), 1)
    text = (
        f"You are Kestrel {rng.integers(2, 9)}.{rng.integers(20)}, an open assistant that runs on the user's machine. "
        + " ".join(rules.to_pylist())
    )
    a["system"] = setting.people.intern("systems", text)
    agents, prints = setting.clients.draw(rng, "api", 3)
    at = rng.choice(3, len(a), p=[0.7, 0.2, 0.1])
    a["agent"], a["ja4"] = agents[at], prints[at]
    numbers = scene.cast.add(a)
    scene.organic(
        Ordinary(setting.prompts, code=0.35),
        a,
        numbers,
        scene.volumes(k, len(a)),
        scene.group(numbers),
        turns=3.5,
    )


def _extension(setting: Setting, rng: np.random.Generator, k: LookAlikeKnobs, scene: Scene) -> None:
    a = scene.people(k.accounts, surface="app")
    numbers = scene.cast.add(a)
    kind = ("answering", "reasoning", "grading")[int(rng.integers(3))]
    words = draw(rng, packs()["en"], kind, 3)

    class Wrapped:
        """People's own words inside the extension's frame."""

        def speak(self, rows: Rows) -> Speech:
            said = Ordinary(setting.prompts, short=False).speak(rows)
            said.text = words.around((rows.keys % np.uint64(len(words))).astype(np.int64), said.text)
            return said

    scene.organic(Wrapped(), a, numbers, scene.volumes(k, len(a)), scene.group(numbers))
    scene.own_use(a, numbers, k.own_use)


def _tutorial(setting: Setting, rng: np.random.Generator, k: LookAlikeKnobs, scene: Scene) -> None:
    a = scene.people(k.accounts, surface=None)
    out = scene.moment(0.1, 0.5)
    fresh = rng.random(len(a)) < 0.4
    when = out + (rng.gamma(1.0, 40.0, len(a)) * HOUR).astype(np.int64)
    when = np.minimum(when, scene.end - DAY)
    a["created"] = np.where(
        fresh,
        when - (rng.uniform(0.1, 3, len(a)) * HOUR).astype(np.int64),
        before(rng, a["created"], when - DAY),
    )
    numbers = scene.cast.add(a)
    voice = scene.templated("answering", "question", fixed=k.items or int(rng.integers(6, 25)))
    scene.organic(
        voice,
        a,
        numbers,
        scene.volumes(k, len(a)),
        scene.group(numbers),
        4.0,
        when,
        when + 2 * DAY,
        per_account=True,
    )
    scene.own_use(a, numbers, k.own_use)


def _reseller(
    setting: Setting, rng: np.random.Generator, k: LookAlikeKnobs, scene: Scene, *, passes: bool = True
) -> None:
    a = scene.people(k.accounts, plan="enterprise" if rng.random() < 0.5 else "paid")
    a = scene.company(a, network="hosting", verified=bool(rng.random() < 0.7))
    agents, prints = setting.clients.draw(rng, "api", 1)
    a["agent"], a["ja4"], a["second_share"], a["system"] = agents[0], prints[0], 0.0, -1
    scene.old(a, scene.start - DAY)
    a["credentials"] = rng.integers(1, 6, len(a))
    numbers = scene.cast.add(a)
    if not passes and rng.random() < 0.5:
        a["agent"] = -1
    users = int(max(20, k.volume_mean / 8))
    voice = Ordinary(setting.prompts, users=users, pass_users=passes)
    group = scene.group(numbers)
    for offset in rng.choice(np.arange(-8, 11), 4, replace=False):  # customers on several continents
        b = a.copy()
        b["offset"], b["persona"] = offset, 2
        scene.organic(voice, b, numbers, scene.volumes(k, len(a)) // 4 + 1, group, turns=2.5)


def _gateway(setting: Setting, rng: np.random.Generator, k: LookAlikeKnobs, scene: Scene) -> None:
    _reseller(setting, rng, k, scene, passes=False)


def _research(setting: Setting, rng: np.random.Generator, k: LookAlikeKnobs, scene: Scene) -> None:
    a = scene.people(k.accounts, plan="research")
    for i in range(len(a)):
        if i % 3 == 0:
            a[i : i + 3] = scene.company(a[i : i + 3], one_card=False, network="education")
    a["plan"], a["verified"] = PLAN["research"], True
    scene.old(a, scene.start - 20 * DAY)
    numbers = scene.cast.add(a)
    group = scene.group(numbers)
    for wording, item, refused in (
        ("reasoning", "question", 0.35),
        ("replay", "sealed", 0.6),
        ("rewriting", "passage", 0.45),
    ):
        voice = scene.templated(
            wording,
            item,
            templates=250,
            refused=refused,
            answer_tokens=180.0,
            fixed=int(rng.integers(20, 120)),
        )
        scene.organic(voice, a, numbers, scene.volumes(k, len(a)) // 3 + 1, group, turns=1.5)
    scene.own_use(a, numbers, k.own_use)


K = LookAlikeKnobs
PROGRAMS = (
    LookAlike(
        "benchmark_harness",
        "Public benchmark",
        "Unrelated accounts run one public benchmark around a release: same template and same items.",
        "evaluation",
        K(accounts=28, volume_mean=90),
        _harness,
    ),
    LookAlike(
        "output_monitor",
        "Output-drift monitor",
        "A small fixed set of prompts, again and again at regular intervals.",
        "evaluation",
        K(accounts=4, volume_mean=900, own_use=2),
        _monitor,
    ),
    LookAlike(
        "safety_research",
        "Safety researchers",
        "Verified researchers test elicitation prompts; many refusals.",
        "evaluation",
        K(accounts=15, volume_mean=110, volume_cv=0.8),
        _research,
    ),
    LookAlike(
        "ci_agent",
        "Agents in continuous integration",
        "One agent program in many projects, on ever-new addresses of hosting networks.",
        "agent",
        K(accounts=40, volume_mean=90, volume_cv=1.2),
        _ci,
    ),
    LookAlike(
        "popular_client",
        "Popular open-source client",
        "One long system prompt in the hands of many strangers.",
        "shared_client",
        K(accounts=450, volume_mean=26, volume_cv=2.0),
        _client,
    ),
    LookAlike(
        "prompt_extension",
        "Prompt extension",
        "A browser extension wraps strangers' own words in one frame.",
        "shared_client",
        K(accounts=160, volume_mean=18, volume_cv=1.6),
        _extension,
    ),
    LookAlike(
        "tutorial_followers",
        "Followers of a tutorial",
        "People type a tutorial's prompts after it was published; many are new.",
        "shared_client",
        K(accounts=130, volume_mean=9, volume_cv=0.5, own_use=5),
        _tutorial,
    ),
    LookAlike(
        "reseller",
        "Reseller",
        "Few accounts for many end users, one hosting address, no headers of the users' own.",
        "reseller",
        K(accounts=3, volume_mean=3000, volume_cv=0.5, own_use=0),
        _reseller,
    ),
    LookAlike(
        "gateway",
        "Gateway",
        "A gateway that passes nothing on about its users.",
        "reseller",
        K(accounts=2, volume_mean=2600, volume_cv=0.4, own_use=0),
        _gateway,
    ),
)
